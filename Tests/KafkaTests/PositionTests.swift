import Foundation
import Kafka
import Log
import Testing
import TestServices

@Suite struct PositionTests {
    private func filled(_ log: KafkaLog, count: Int, partitions: Int32 = 1) throws -> String {
        let topic = try newTopic(log, partitions: partitions)
        let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        for partition in 0..<partitions {
            try producer.send((0..<count).map { Written(value: "\($0)", partition: partition) })
        }
        try producer.flush(timeoutMs: 30_000)
        producer.close()
        return topic
    }

    /// Nothing that was fetched before a seek comes after it.
    @Test func theFirstRecordAfterASeekIsTheOneSoughtFor() throws {
        let seed = ProcessInfo.processInfo.environment["ETL_TEST_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 1...UInt64.max)
        print("seed \(seed)")
        var random = SplitMix(seed: seed)
        let log = try kafka()
        let topic = try filled(log, count: 5000, partitions: 2)
        let consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: Listener()))
        try consumer.read(batch: 100) { records, _ in Set(records.map(\.partition)).count == 2 }
        for _ in 0..<60 {
            let target = (0..<2).map { PartitionOffset(partition: $0, offset: Int64.random(in: 0..<4900, using: &random)) }
            try consumer.seek(target)
            var firsts: [Int32: Int64] = [:]
            try consumer.read(batch: Int.random(in: 1...300, using: &random)) { records, _ in
                for record in records where firsts[record.partition] == nil { firsts[record.partition] = record.offset }
                return firsts.count == 2
            }
            #expect(target.map { firsts[$0.partition] } == target.map(\.offset))
        }
        #expect(logError { try consumer.seek([PartitionOffset(partition: 7, offset: 0)]) }?.message.contains("partition 7") == true)
        consumer.close()
    }

    @Test func aStartOutsideTheLogStopsAndASeekGoesOn() throws {
        let log = try kafka()
        let topic = try filled(log, count: 3)
        let listener = Listener()
        listener.start = { _, _ in .offset(100) }
        let consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: listener))
        let error = logError { _ = try consumer.read(count: 1) }
        #expect(error?.kind == .offsetOutOfRange)
        #expect(error?.code == "log.offset_out_of_range")
        for word in [topic, "partition 0", "100"] { #expect(error?.message.contains(word) == true, "\(word): \(error?.message ?? "")") }
        try consumer.seek([PartitionOffset(partition: 0, offset: 1)])
        #expect(try consumer.read(count: 2).map(\.value) == ["1", "2"])
        consumer.close()
    }

    @Test func aPausedPartitionGivesNothingAndGoesOnWhereItWas() throws {
        let log = try kafka()
        let topic = try filled(log, count: 200, partitions: 2)
        let consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: Listener()))
        var all = try consumer.read(count: 10, batch: 5)
        try consumer.read { _, _ in true }
        try consumer.pause([0])
        let position = all.filter { $0.partition == 0 }.count
        all += try consumer.read { records, ends in
            #expect(records.allSatisfy { $0.partition == 1 })
            return ends.contains { $0.partition == 1 }
        }
        #expect(all.filter { $0.partition == 0 }.count == position)
        try consumer.resume([0, 1])
        all += try consumer.read { _, ends in ends.contains { $0.partition == 0 } }
        for partition in Int32(0)..<2 { #expect(all.filter { $0.partition == partition }.map(\.offset) == Array(0..<200)) }
        consumer.close()
    }

    @Test func commitsAreRead() throws {
        let log = try kafka()
        let topic = try filled(log, count: 3, partitions: 2)
        let consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: Listener()))
        _ = try consumer.read(count: 6)
        try consumer.commit([], wait: true)
        #expect(try consumer.committed([0, 1]) == [nil, nil])
        try consumer.commit([PartitionOffset(partition: 1, offset: 2)], wait: true)
        #expect(try consumer.committed([1, 0]) == [2, nil])
        #expect(try log.committedOffsets(group: topic, topic: topic) == [nil, 2])
        consumer.close()
    }

    @Test func aReaderReadsExactlyTheRange() throws {
        let log = try kafka()
        let topic = try filled(log, count: 2500)
        let reader = try log.makeReader(topic: topic)
        func read(_ from: Int64, _ to: Int64, stopAfter: Int = .max) throws -> [Int64] {
            var offsets: [Int64] = []
            try reader.read(partition: 0, from: from, to: to) { record in
                offsets.append(record.offset)
                return offsets.count < stopAfter
            }
            return offsets
        }
        #expect(try read(10, 12) == [10, 11])
        #expect(try read(0, .max) == Array(0..<2500))
        #expect(try read(2000, 2000) == [])
        #expect(try read(2500, .max) == [])
        #expect(try read(5, 100, stopAfter: 3) == [5, 6, 7])
        #expect(logError { _ = try read(9999, .max) }?.kind == .offsetOutOfRange)
        #expect(try read(2499, .max) == [2499])
        reader.close()
        #expect(logError { _ = try read(0, 1) }?.code == "log.closed")
    }
}
