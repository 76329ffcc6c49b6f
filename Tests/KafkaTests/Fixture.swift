import Bytes
import Foundation
import Kafka
import Log
import Synchronization
import TestServices

/// A log on the shared broker and fresh topics.
func kafka(_ properties: [String: String] = [:], consumer: [String: String] = [:], producer: [String: String] = [:]) throws
    -> KafkaLog
{
    try KafkaLog(
        bootstrapServers: KafkaBroker.shared().bootstrap, properties: properties, consumerProperties: consumer,
        producerProperties: producer)
}

func newTopic(_ log: KafkaLog, partitions: Int32 = 1, properties: [String: String] = [:]) throws -> String {
    let name = KafkaBroker.uniqueName("t")
    let outcome = try log.create(topics: [NewTopic(name: name, partitions: partitions, properties: properties)])
    guard outcome == [.created] else { throw ServiceError("creating \(name): \(outcome)") }
    return name
}

/// A record copied out of its batch.
struct Copied: Equatable, Hashable {
    var key: String?
    var value: String?
    var headers: [String] = []
    var partition: Int32 = 0
    var offset: Int64 = -1

    init(_ record: LogRecord) {
        key = text(record.key)
        value = text(record.value)
        headers = record.headers.map { "\(text($0.name) ?? "?")=\(text($0.value) ?? "null")" }
        partition = record.partition
        offset = record.offset
    }
}

func text(_ bytes: UnsafeRawBufferPointer) -> String? { bytes.baseAddress == nil ? nil : String(decoding: bytes, as: UTF8.self) }

/// A record to be written; nil is null.
struct Written {
    var key: String?
    var value: String?
    var headers: [(String, String?)] = []
    var partition: Int32 = 0
    var topic: Int32 = 0
}

extension LogProducer {
    func send(_ records: [Written]) throws {
        var batch = OutputBatch()
        for record in records {
            func bytes(_ text: String?) -> UnsafeRawBufferPointer {
                guard var text else { return UnsafeRawBufferPointer(start: nil, count: 0) }
                return text.withUTF8 { batch.arena.copy(UnsafeRawBufferPointer($0)) }
            }
            let headers = record.headers.map { LogHeader(name: bytes($0.0), value: bytes($0.1)) }
            let memory = batch.arena.allocate(max(headers.count, 1) * MemoryLayout<LogHeader>.stride)
                .bindMemory(to: LogHeader.self, capacity: max(headers.count, 1))
            for (i, header) in headers.enumerated() { memory[i] = header }
            batch.append(
                OutputRecord(
                    key: bytes(record.key), value: bytes(record.value),
                    headers: UnsafeBufferPointer(start: memory, count: headers.count),
                    topic: record.topic, partition: record.partition))
        }
        try send(batch)
    }

    func send(_ values: String...) throws { try send(values.map { Written(value: $0) }) }
}

/// Starts where it is told to, and writes down what it is told.
final class Listener: AssignmentListener {
    var start: (Int32, any LogConsumer) throws(LogError) -> StartPosition = { _, _ in .earliest }
    var onRevoking: ([Int32], any LogConsumer) -> Void = { _, _ in }
    var events: [String] = []
    /// Partitions it has now, and has ever had.
    var has: Set<Int32> = []
    var had: Set<Int32> = []

    func assigned(_ partitions: [Int32], consumer: any LogConsumer) throws(LogError) -> [StartPosition] {
        events.append("assigned \(partitions.sorted())")
        var starts: [StartPosition] = []
        for partition in partitions { starts.append(try start(partition, consumer)) }
        has.formUnion(partitions)
        had.formUnion(partitions)
        return starts
    }

    func revoking(_ partitions: [Int32], consumer: any LogConsumer) {
        events.append("revoking \(partitions.sorted())")
        onRevoking(partitions, consumer)
        has.subtract(partitions)
    }

    func lost(_ partitions: [Int32], consumer: any LogConsumer) {
        events.append("lost \(partitions.sorted())")
        has.subtract(partitions)
    }
}

struct TimedOut: Error, CustomStringConvertible {
    let description: String
}

extension LogConsumer {
    /// Polls until `enough` says so of everything read and every end seen so far.
    @discardableResult
    func read(batch: Int = 1000, timeout: TimeInterval = 30, until enough: ([Copied], [PartitionOffset]) -> Bool) throws -> [Copied]
    {
        var records: [Copied] = []
        var ends: [PartitionOffset] = []
        let deadline = Date().addingTimeInterval(timeout)
        while !enough(records, ends) {
            if Date() > deadline {
                throw TimedOut(description: "read only \(records.count) records: \(records.suffix(5)), ends \(ends)")
            }
            let found = try poll(timeoutMs: 100, maxRecords: batch)
            records += found.records.map(Copied.init)
            ends += Array(found.ends)
        }
        return records
    }

    func read(count: Int, batch: Int = 1000) throws -> [Copied] { try read(batch: batch) { records, _ in records.count >= count } }
}

/// What a call throws, or nil.
func logError(_ body: () throws -> Void) -> LogError? {
    do { try body() } catch let error as LogError { return error } catch { return nil }
    return nil
}
