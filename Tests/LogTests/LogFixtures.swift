import Bytes
import Log
import Testing

/// A record's content as Swift values.
struct TestRecord: Equatable, Sendable {
    struct Header: Equatable, Sendable {
        var name: String
        var value: String?
        init(_ name: String, _ value: String?) {
            self.name = name
            self.value = value
        }
    }

    var key: String?
    var value: String?
    var headers: [Header] = []

    init(_ value: String) { self.value = value }
    init(key: String?, value: String?, headers: [Header] = []) {
        self.key = key
        self.value = value
        self.headers = headers
    }
    init(_ record: LogRecord) {
        key = record.key.text
        value = record.value.text
        headers = record.headers.map { Header($0.name.text ?? "", $0.value.text) }
    }
}

extension UnsafeRawBufferPointer {
    var text: String? { baseAddress == nil ? nil : String(decoding: self, as: UTF8.self) }
}

extension OutputBatch {
    mutating func append(_ record: TestRecord, topic: Int32 = 0, partition: Int32 = 0) {
        let headers = arena.allocate(record.headers.count * MemoryLayout<LogHeader>.stride)
            .bindMemory(to: LogHeader.self, capacity: record.headers.count)
        for (index, header) in record.headers.enumerated() {
            headers[index] = LogHeader(name: copy(header.name), value: copy(header.value))
        }
        append(
            OutputRecord(
                key: copy(record.key), value: copy(record.value),
                headers: UnsafeBufferPointer(start: headers, count: record.headers.count), topic: topic, partition: partition))
    }

    private mutating func copy(_ text: String?) -> UnsafeRawBufferPointer {
        guard let text else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return Array(text.utf8).withUnsafeBytes { arena.copy($0) }
    }
}

extension LogProducer {
    func send(_ values: [String], partition: Int32 = 0) throws(LogError) {
        var batch = OutputBatch()
        for value in values { batch.append(TestRecord(value), partition: partition) }
        try send(batch)
    }
}

extension RecordLog {
    func make(_ names: String..., partitions: Int32 = 1) throws {
        for outcome in try create(topics: names.map { NewTopic(name: $0, partitions: partitions, replication: 1) }) {
            #expect(outcome == .created)
        }
    }

    func produce(_ records: [TestRecord], to topic: String, partition: Int32 = 0) throws {
        let producer = try makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        var batch = OutputBatch()
        for record in records { batch.append(record, partition: partition) }
        try producer.send(batch)
        try producer.flush(timeoutMs: 10_000)
        producer.close()
    }
}

extension LogReader {
    func values(_ partition: Int32, _ from: Int64, _ to: Int64) throws -> [String?] {
        var result: [String?] = []
        try read(partition: partition, from: from, to: to) { record in
            result.append(record.value.text)
            return true
        }
        return result
    }
}

/// A consumer that starts where its group committed, or at the earliest record, and remembers what it got.
final class TestConsumer: AssignmentListener {
    struct Seen {
        var content: TestRecord
        var partition: Int32
        var offset: Int64
        var timestamp: Int64
    }

    /// In a box, so that a listener's calls can be read while the consumer is being closed.
    final class Events { var values: [String] = [] }

    private(set) var consumer: (any LogConsumer)!
    private(set) var seen: [Seen] = []
    private(set) var ends: [Int32: Int64] = [:]
    private(set) var assigned: [Int32] = []
    let events = Events()
    private let start: Int64?
    /// Called before partitions are let go.
    var onRevoking: (([Int32]) -> Void)?

    init(_ log: any RecordLog, _ topic: String, group: String? = nil, start: Int64? = nil) throws {
        self.start = start
        consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: group ?? topic, listener: self))
    }

    func assigned(_ partitions: [Int32], consumer: any LogConsumer) throws(LogError) -> [StartPosition] {
        events.values.append("assigned \(partitions)")
        let committed = try consumer.committed(partitions)
        assigned = (assigned + partitions).sorted()
        return committed.map { offset in (start ?? offset).map { .offset($0) } ?? .earliest }
    }

    func revoking(_ partitions: [Int32], consumer: any LogConsumer) {
        events.values.append("revoking \(partitions)")
        onRevoking?(partitions)
        assigned.removeAll { partitions.contains($0) }
    }

    func lost(_ partitions: [Int32], consumer: any LogConsumer) {
        events.values.append("lost \(partitions)")
        assigned.removeAll { partitions.contains($0) }
    }

    @discardableResult
    func poll(timeoutMs: Int32 = 0, maxRecords: Int = 1000) throws(LogError) -> Int {
        let batch = try consumer.poll(timeoutMs: timeoutMs, maxRecords: maxRecords)
        for record in batch.records {
            seen.append(
                Seen(content: TestRecord(record), partition: record.partition, offset: record.offset, timestamp: record.timestamp))
        }
        for end in batch.ends { ends[end.partition] = end.offset }
        return batch.records.count
    }

    /// Polls until the condition holds; half a minute without it is a failure.
    func pollUntil(also other: TestConsumer? = nil, _ condition: () -> Bool) throws {
        let limit = ContinuousClock.now + .seconds(30)
        while !condition() {
            try poll(timeoutMs: 10)
            try other?.poll(timeoutMs: 10)
            if ContinuousClock.now > limit { throw Stuck() }
        }
    }

    /// The next records.
    func next(_ count: Int) throws -> [Seen] {
        let before = seen.count
        try pollUntil { seen.count >= before + count }
        return Array(seen[before...])
    }

    func reachEnd(_ offset: Int64, partition: Int32 = 0) throws { try pollUntil { ends[partition] == offset } }
}

struct Stuck: Error {}
