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
        /// Counted from 1, in its file.
        var rowInFile: Int
    }

    let folder: String
    let files: [String]
    let rows: [Row]
    /// Numbers of the records of each key, in their order, in the topics `raw` and `out`.
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
            var text = "n,k,bad\n"
            for row in 1...random.within(1...8) {
                let number = rows.count
                let fate = Self.fate(&random)
                let key = fate == .keyless ? "" : "k\(random.below(keys))"
                rows.append(Row(number: number, key: key, fate: fate, rowInFile: row))
                text += "\(number)\(fate == .unreadable ? "x" : ""),\(key),\(fate == .againstTheRule)\n"
            }
            texts.append(text)
        }
        self.rows = rows
        files = texts.indices.map { "\(folder)/\(index)/\(10 + $0).csv" }
        func sequence(_ isThere: (Fate) -> Bool) -> [String: [Int]] {
            Dictionary(grouping: rows.filter { isThere($0.fate) }, by: \.key).mapValues { $0.map(\.number) }
        }
        raw = sequence { $0 != .unreadable && $0 != .keyless }
        out = sequence { $0 != .unreadable && $0 != .keyless && $0 != .againstTheRule }
        guard mkdir(self.folder, 0o755) == 0 || errno == EEXIST else { throw SimulationError("can't make folder \(self.folder)") }
        for (file, text) in zip(files, texts) { try write(text, to: file) }
    }

    private static func fate(_ random: inout Random) -> Fate {
        switch random.below(20) {
        case 0: .unreadable
        case 1: .keyless
        case 2: .againstTheRule
        case 3: .inconvertible
        case 4: .refused
        default: .row
        }
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
