import ETL
import Log

/// What a read-committed reader has seen of a topic so far.
final class TopicView {
    struct Seen {
        var offset: Int64
        var number: Int
        /// Which attempt this is at the stage that reads the topic.
        var attempt: Int
        /// Of one that was replayed.
        var firstFailedAt: String
    }

    let name: String
    private let stage: String
    private let log: MemoryLog
    private let reader: any LogReader
    /// By partition: up to where everything is seen.
    private(set) var ends: [Int64]
    /// By partition, in order.
    private(set) var records: [[Seen]]

    /// - Parameter stage: whose attempts count.
    init(_ log: MemoryLog, _ name: String, of stage: String) throws(LogError) {
        self.log = log
        self.name = name
        self.stage = stage
        reader = try log.makeReader(topic: name)
        let count = try log.offsets(topic: name).count
        ends = Array(repeating: 0, count: count)
        records = Array(repeating: [], count: count)
    }

    /// Gives `see` what can be read now and couldn't before, with what its headers say.
    func advance(_ see: (LogRecord, Int, Letter) -> Void) throws(LogError) {
        for range in try log.offsets(topic: name) {
            let index = Int(range.partition)
            guard range.end > ends[index] else { continue }
            try reader.read(partition: range.partition, from: ends[index], to: range.end) { record in
                let letter = Letter(record)
                let number = firstNumber(record.value) ?? -1
                records[index].append(
                    Seen(
                        offset: record.offset, number: number, attempt: letter.attempt(at: stage),
                        firstFailedAt: letter.firstFailedAt))
                see(record, number, letter)
                return true
            }
            ends[index] = range.end
        }
    }

    /// Where everything written until now ends.
    func written() -> [Int64] { ((try? log.writtenOffsets(topic: name)) ?? []).map(\.end) }

    func seen(at place: Place) -> Seen? {
        guard records.indices.contains(Int(place.partition)) else { return nil }
        return records(place.partition, from: place.offset, to: place.offset + 1).first
    }

    /// What stands in the partition from one offset up to another.
    func records(_ partition: Int32, from: Int64, to: Int64) -> ArraySlice<Seen> {
        let all = records[Int(partition)]
        let first = Self.index(of: from, in: all)
        return all[first..<max(first, Self.index(of: to, in: all))]
    }

    /// Of the first at or after an offset.
    private static func index(of offset: Int64, in records: [Seen]) -> Int {
        var (low, high) = (0, records.count)
        while low < high {
            let middle = (low + high) / 2
            if records[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        return low
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
