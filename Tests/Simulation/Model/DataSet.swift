import ETL
import Glibc

/// What a row of the input is, and so where its record has to end.
enum Fate {
    /// A row of the table.
    case row
    /// Dead letters of the extractor (no such number; no key), the stage (breaks the rule), the loader (no row of the table; refused
    /// by the table).
    case unreadable, keyless, againstTheRule, inconvertible, refused
}

/// The input of a simulation as CSV files, and what has to become of each row.
struct DataSet {
    struct Row {
        var number: Int
        var key: String
        var fate: Fate
        /// How often it fails before a replay helps it.
        var failures: Int
        /// The table refuses it just as often once the stage has let it through.
        var isRefusedToo: Bool
        /// Counted from 1, in its file.
        var rowInFile: Int

        var reachesRaw: Bool { fate != .unreadable && fate != .keyless }
        /// How often it fails in the stage, and on its way into the table.
        var stageFailures: Int { fate == .againstTheRule ? failures : 0 }
        var loadFailures: Int {
            fate == .inconvertible || fate == .refused || fate == .againstTheRule && isRefusedToo ? failures : 0
        }
        /// Brokers refuse it where it is replayed to.
        var isTooLarge: Bool { number % 5 == 2 }
        /// `--where`, in seeds that have it, isn't true of it.
        var isLeftOut: Bool { number % 3 == 0 }
    }

    let folder: String
    let files: [String]
    let rows: [Row]
    /// Numbers of the records of each key, in their order, in the topics `raw` and `out`; without those that a replay brings.
    let raw: [String: [Int]]
    let out: [String: [Int]]

    /// Writes the files of `index` below `folder`.
    init(_ index: Int, below folder: String) throws(SimulationError) {
        self.folder = "\(folder)/\(index)"
        var random = Random(seed: UInt64(index) &* 7919)
        var rows: [Row] = []
        var texts: [String] = []
        let keys = random.within(1...6)
        for _ in 0..<random.within(2...12) {
            var text = "n,k,bad,heals\n"
            for row in 1...random.within(1...8) {
                let number = rows.count
                let fate = Self.fate(&random, isBad: index % 3 == 2)
                let key = fate == .keyless ? "" : "k\(random.below(keys))"
                let made = Row(
                    number: number, key: key, fate: fate, failures: random.one(of: [1, 1, 2, 3, 9]),
                    isRefusedToo: random.chance(300),
                    rowInFile: row)
                rows.append(made)
                text += "\(number)\(fate == .unreadable ? "x" : ""),\(key),\(fate == .againstTheRule),\(made.failures)\n"
            }
            texts.append(text)
        }
        self.rows = rows
        files = texts.indices.map { "\(folder)/\(index)/\(10 + $0).csv" }
        func sequence(_ isThere: (Row) -> Bool) -> [String: [Int]] {
            Dictionary(grouping: rows.filter(isThere), by: \.key).mapValues { $0.map(\.number) }
        }
        raw = sequence { $0.reachesRaw }
        out = sequence { $0.reachesRaw && $0.stageFailures == 0 }
        guard mkdir(self.folder, 0o755) == 0 || errno == EEXIST else { throw SimulationError("can't make folder \(self.folder)") }
        for (file, text) in zip(files, texts) { try write(text, to: file) }
    }

    private static func fate(_ random: inout Random, isBad: Bool) -> Fate {
        switch random.below(20) {
        case 0: .unreadable
        case 1: .keyless
        case 2: .againstTheRule
        case 3: .inconvertible
        case 4: .refused
        case 5...8 where isBad: .againstTheRule
        case 9...11 where isBad: .refused
        default: .row
        }
    }

    /// What a record carries besides what a dead letter's headers say.
    static func ownHeaders(_ number: Int) -> [Header] {
        [Header(name: Array("own".utf8), value: Array("\(number)".utf8)), Header(name: Array("nothing".utf8), value: nil)]
    }

    func row(_ number: Int) -> Row? { rows.indices.contains(number) ? rows[number] : nil }
}

func write(_ text: String, to path: String) throws(SimulationError) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard file >= 0 else { throw SimulationError("can't write \(path)") }
    writeAll(text, to: file)
    close(file)
}

/// The first number in a text.
func firstNumber(_ bytes: UnsafeRawBufferPointer) -> Int? {
    var found: Int?
    for byte in bytes {
        if byte >= 48, byte <= 57 { found = (found ?? 0) * 10 + Int(byte - 48) } else if found != nil { break }
    }
    return found
}

/// The simulation itself couldn't go on; no seed is to blame.
package struct SimulationError: Error, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}
