import Bytes
import Foundation
import Log
import Testing

@testable import ETL

/// A record as a test writes or reads it; nil is null.
struct TestLetter: Equatable, Sendable, CustomTestStringConvertible {
    struct Header: Equatable, Sendable {
        var name: String
        var value: [UInt8]?
    }
    var key: String?
    var value: [UInt8]?
    var headers: [Header] = []
    var partition: Int32 = 0

    init(_ key: String?, _ value: String?, _ headers: [(String, String)] = [], partition: Int32 = 0) {
        self.key = key
        self.value = value.map { Array($0.utf8) }
        self.headers = headers.map { Header(name: $0.0, value: Array($0.1.utf8)) }
        self.partition = partition
    }

    init(_ record: LogRecord) {
        key = record.key.baseAddress == nil ? nil : String(decoding: record.key, as: UTF8.self)
        value = record.value.baseAddress == nil ? nil : Array(record.value)
        headers = record.headers.map {
            Header(name: String(decoding: $0.name, as: UTF8.self), value: $0.value.baseAddress == nil ? nil : Array($0.value))
        }
        partition = record.partition
    }

    var testDescription: String { "\(key ?? "null") \(text)" }
    var text: String { value.map { String(decoding: $0, as: UTF8.self) } ?? "null" }
    func header(_ name: String) -> String? {
        headers.last { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
    }
    var own: [Header] { headers.filter { !$0.name.hasPrefix("etl.dlq.") } }

    /// Calls `body` with it as a log record.
    func withRecord<Result>(offset: Int64 = 7, timestamp: Int64 = 1_700_000_000_000, _ body: (LogRecord) throws -> Result) rethrows
        -> Result
    {
        var arena = Arena()
        let record = record(offset: offset, timestamp: timestamp, in: &arena)
        return try body(record)
    }

    func record(offset: Int64, timestamp: Int64, in arena: inout Arena) -> LogRecord {
        func bytes(_ bytes: [UInt8]?) -> UnsafeRawBufferPointer {
            guard let bytes else { return UnsafeRawBufferPointer(start: nil, count: 0) }
            return bytes.withUnsafeBytes { arena.copy($0) }
        }
        let list = arena.allocate(max(headers.count, 1) * MemoryLayout<LogHeader>.stride)
            .bindMemory(to: LogHeader.self, capacity: max(headers.count, 1))
        for (index, header) in headers.enumerated() {
            list[index] = LogHeader(name: bytes(Array(header.name.utf8)), value: bytes(header.value))
        }
        return LogRecord(
            key: bytes(key.map { Array($0.utf8) }), value: bytes(value),
            headers: UnsafeBufferPointer(start: list, count: headers.count),
            partition: partition, offset: offset, timestamp: timestamp)
    }
}

/// A dead letter of stage `s` of topology `t`, from topic `in`.
func letter(
    _ key: String?, _ value: String?, code: String = "check.failed", attempt: Int = 1, topic: String? = "in", partition: Int32 = 0
) -> TestLetter {
    var headers = [
        ("trace", "a"), ("etl.dlq.topology", "t"), ("etl.dlq.stage", "s"), ("etl.dlq.step", "positive"), ("etl.dlq.code", code),
        ("etl.dlq.message", "check positive is not true"), ("etl.dlq.pointer", ""), ("etl.dlq.partition", "\(partition)"),
        ("etl.dlq.offset", "5"), ("etl.dlq.attempt", "\(attempt)"), ("etl.dlq.first_failed_at", "2026-01-02T03:04:05.678Z"),
        ("etl.dlq.failed_at", "2026-01-03T03:04:05.678Z"), ("trace", "b"),
    ]
    if let topic { headers.append(("etl.dlq.topic", topic)) }
    return TestLetter(key, value, headers, partition: partition)
}

/// Topics `in`, `other`, `t.s.dlq`, `t.s.parked`, of two partitions each, in memory, with everything kept.
func letterLog(_ log: MemoryLog = MemoryLog(), without missing: String...) throws -> MemoryLog {
    for topic in ["in", "other", "t.s.dlq", "t.s.parked"] where !missing.contains(topic) {
        _ = try log.create(topics: [NewTopic(name: topic, partitions: 2)])
        try log.retain(topic: topic)
    }
    return log
}

func put(_ letters: [TestLetter], in topic: String, of log: MemoryLog) throws {
    let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: FaultyLog.ownId))
    defer { producer.close() }
    var batch = OutputBatch()
    for letter in letters {
        let record = letter.record(offset: 0, timestamp: 0, in: &batch.arena)
        batch.append(
            OutputRecord(key: record.key, value: record.value, headers: record.headers, topic: 0, partition: letter.partition))
    }
    try producer.begin()
    try producer.send(batch)
    try producer.commit()
}

/// Every committed record of a topic, by partition and offset.
func letters(in topic: String, of log: any RecordLog) throws -> [TestLetter] {
    let reader = try log.makeReader(topic: topic)
    defer { reader.close() }
    var found: [TestLetter] = []
    for range in try log.offsets(topic: topic) {
        try reader.read(partition: range.partition, from: range.first, to: range.end) { record in
            found.append(TestLetter(record))
            return true
        }
    }
    return found
}

/// Those that are pending.
func pending(in topic: String = "t.s.dlq", of log: any RecordLog) throws -> [TestLetter] {
    var found: [TestLetter] = []
    try PendingLetters(of: topic, log: log, clock: SystemClock()).read(log) { record in
        found.append(TestLetter(record))
        return true
    }
    return found
}

@discardableResult
func replay(
    _ plan: ReplayPlan, on log: any RecordLog, control: Control = Control(), clock: any Clock = SystemClock(),
    retry: RetryPlan? = nil, archive: DeadLetterArchive? = nil, report: @escaping (ReplaySummary) -> Void = { _ in }
) throws -> ReplaySummary {
    var test = Plan.test()
    test.retry = retry ?? test.retry
    let context = MemberContext(
        plan: test, log: log, journal: Journal(test.logging), counters: Counters(name: "replay", role: .stage), control: control,
        clock: clock, instance: "i")
    let member = ReplayMember(context: context, plan: plan, program: try plan.program(), archive: archive, report: report)
    return try member.run()
}

func replayPlan(_ topic: String = "t.s.dlq", _ change: (inout ReplayPlan) -> Void = { _ in }) -> ReplayPlan {
    var plan = ReplayPlan(action: .replay, topic: topic)
    plan.maxAttempts = 3
    change(&plan)
    return plan
}
