import ETL
import Log

/// What a read-committed reader has seen of a topic so far.
final class TopicView {
    struct Seen {
        var offset: Int64
        var number: Int
    }

    let name: String
    private let log: MemoryLog
    private let reader: any LogReader
    /// By partition: up to where everything is seen.
    private(set) var ends: [Int64]
    /// By partition, in order.
    private(set) var records: [[Seen]]

    init(_ log: MemoryLog, _ name: String) throws(LogError) {
        self.log = log
        self.name = name
        reader = try log.makeReader(topic: name)
        let count = try log.offsets(topic: name).count
        ends = Array(repeating: 0, count: count)
        records = Array(repeating: [], count: count)
    }

    /// Gives `see` what can be read now and couldn't before.
    func advance(_ see: (LogRecord) -> Void) throws(LogError) {
        for range in try log.offsets(topic: name) {
            let index = Int(range.partition)
            guard range.end > ends[index] else { continue }
            try reader.read(partition: range.partition, from: ends[index], to: range.end) { record in
                records[index].append(Seen(offset: record.offset, number: firstNumber(record.value) ?? -1))
                see(record)
                return true
            }
            ends[index] = range.end
        }
    }

    /// Where everything written until now ends.
    func written() -> [Int64] { ((try? log.writtenOffsets(topic: name)) ?? []).map(\.end) }

    func number(at place: Place) -> Int? {
        guard records.indices.contains(Int(place.partition)) else { return nil }
        return records[Int(place.partition)].first { $0.offset == place.offset }?.number
    }

    /// What stands in the partition from one offset up to another.
    func records(_ partition: Int32, from: Int64, to: Int64) -> [Seen] {
        records[Int(partition)].filter { $0.offset >= from && $0.offset < to }
    }
}

/// Where a record stands in a topic.
struct Place: Hashable, CustomStringConvertible {
    var partition: Int32
    var offset: Int64
    var description: String { "\(partition)@\(offset)" }
}

/// Whether the records of each key come complete and in their order.
struct KeyOrder {
    let expected: [String: [Int]]
    /// At least once: after a failure records come again, from some earlier one on, and then all that follow.
    let mayRepeat: Bool
    private var seen: [String: Int] = [:]

    init(expected: [String: [Int]], mayRepeat: Bool) {
        self.expected = expected
        self.mayRepeat = mayRepeat
    }

    /// What is wrong with this record coming now.
    mutating func see(_ number: Int, _ key: String) -> String? {
        let sequence = expected[key] ?? []
        let count = seen[key] ?? 0
        guard let index = sequence.firstIndex(of: number) else {
            return "record \(number) is there with key '\(key)', where none should be"
        }
        if index == count {
            seen[key] = count + 1
            return nil
        }
        if index < count { return mayRepeat ? nil : "record \(number) of key '\(key)' is there twice" }
        return "record \(number) of key '\(key)' is there before \(sequence[count]): lost, or out of order"
    }

    func has(_ number: Int, _ key: String) -> Bool { (expected[key] ?? []).prefix(seen[key] ?? 0).contains(number) }

    /// The first record that never came.
    var missing: String? {
        for (key, sequence) in expected.sorted(by: { $0.key < $1.key }) where (seen[key] ?? 0) < sequence.count {
            return "record \(sequence[seen[key] ?? 0]) of key '\(key)' never came"
        }
        return nil
    }
}

/// What the headers of a dead letter say.
struct Letter {
    private(set) var code = ""
    private(set) var step = ""
    private(set) var topic = ""
    private(set) var row: Int?
    private var partition: Int32?
    private var offset: Int64?

    init(_ record: LogRecord) {
        for header in record.headers {
            let value = String(decoding: header.value, as: UTF8.self)
            switch String(decoding: header.name, as: UTF8.self) {
            case DeadLetterHeader.code: code = value
            case DeadLetterHeader.step: step = value
            case DeadLetterHeader.topic: topic = value
            case DeadLetterHeader.row: row = Int(value)
            case DeadLetterHeader.partition: partition = Int32(value)
            case DeadLetterHeader.offset: offset = Int64(value)
            default: break
            }
        }
    }

    var place: Place? {
        guard let partition, let offset else { return nil }
        return Place(partition: partition, offset: offset)
    }
}
