import Foundation
import Kafka
import Log
import Testing
import TestServices

@Suite struct SendTests {
    /// Order within a partition is what a key's history rests on: also where headers break the runs and the queue is full.
    @Test(arguments: [["queue.buffering.max.messages": "500"], [:]])
    func everyRecordArrivesInItsPartitionInOrder(_ properties: [String: String]) throws {
        let seed = ProcessInfo.processInfo.environment["ETL_TEST_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 1...UInt64.max)
        print("seed \(seed)")
        var random = SplitMix(seed: seed)
        let log = try kafka(producer: properties)
        let topics = [try newTopic(log, partitions: 3), try newTopic(log, partitions: 2)]
        let producer = try log.makeProducer(ProducerOptions(topics: topics, transactionalId: nil))
        #expect(producer.partitionCounts == [3, 2])
        var expected: [[[String]]] = [[[], [], []], [[], []]]
        for send in 0..<4 {
            let records = (0..<3000).map { i in
                let topic = Int.random(in: 0...1, using: &random)
                let partition = Int.random(in: 0..<(topic == 0 ? 3 : 2), using: &random)
                expected[topic][partition].append("\(send).\(i)")
                return Written(
                    key: "k", value: "\(send).\(i)", headers: Int.random(in: 0..<10, using: &random) == 0 ? [("h", "1")] : [],
                    partition: Int32(partition), topic: Int32(topic))
            }
            try producer.send(records)
        }
        try producer.flush(timeoutMs: 30_000)
        #expect(try producer.acknowledged() == 4)
        for (topic, partitions) in expected.enumerated() {
            let reader = try log.makeReader(topic: topics[topic])
            for (partition, values) in partitions.enumerated() {
                var read: [String] = []
                try reader.read(partition: Int32(partition), from: 0, to: .max) { record in
                    read.append(text(record.value) ?? "null")
                    return true
                }
                #expect(read == values)
            }
            reader.close()
        }
        producer.close()
    }

    /// A broker that still makes a topic may refuse a producer's first request and take the one after it; the first, sent again,
    /// would then be taken for a repetition and be lost. So nothing goes until the first is answered.
    @Test func aPartitionsFirstRecordIsWaitedFor() throws {
        let proxy = KafkaProxy()
        defer { proxy.close() }
        let broker = try KafkaBroker(
            directory: "\(NSTemporaryDirectory())/etl-test-first.\(UUID().uuidString.prefix(8))",
            arguments: ["--set", "advertised.listeners=CLIENTS://127.0.0.1:\(proxy.port)"])
        defer { broker.destroy() }
        proxy.forward(to: Int(broker.bootstrap.split(separator: ":").last ?? "") ?? 0)
        let log = try KafkaLog(bootstrapServers: "127.0.0.1:\(proxy.port)")
        let topic = try newTopic(log)
        let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        proxy.delayFirstAnswer(to: 0)  // Produce
        // Alone each, since librdkafka has only up to five records, not requests, of a partition on their way at a time.
        for value in 0..<20 {
            try producer.send("\(value)")
            repeat { try? producer.flush(timeoutMs: 20) } while proxy.requestsBeforeFirstAnswer == 0
        }
        try producer.flush(timeoutMs: 30_000)
        producer.close()
        #expect(proxy.requestsBeforeFirstAnswer == 1)
        #expect(try log.offsets(topic: topic)[0].end == 20)
    }

    /// A record beyond the topic's limit is named as such, and doesn't hold up what comes after it.
    @Test func aRecordTooLargeForTheTopicIsSaidToBe() throws {
        let log = try kafka()
        let topic = try newTopic(log, properties: ["max.message.bytes": "20000"])
        let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: topic))
        // Many small records fit, though together they are beyond the limit.
        try producer.begin()
        try producer.send((0..<1000).map { Written(value: "small \($0) \(String(repeating: "x", count: 90))") })
        try producer.commit()
        try producer.begin()
        let error = logError {
            try producer.send([
                Written(value: "before"), Written(value: String(repeating: "x", count: 30_000)), Written(value: "after"),
            ])
            while let unanswered = logError({ try producer.commit() }) {
                if unanswered.kind != .retriable { throw unanswered }
            }
        }
        #expect(error?.kind == .configuration)
        #expect(error?.code == "log.record_too_large")
        #expect(error?.message.contains(topic) == true)
        #expect(error?.message.contains("max.message.bytes") == true)
        #expect(error?.message.contains("30000 bytes") == true)
        // The last record comes back unsent after the abort has begun; within one call it must not hold it up.
        try producer.abort()
        try producer.begin()
        try producer.send("small again")
        try producer.commit()
        let consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: Listener()))
        let values = try consumer.read { _, ends in ends.count > 0 }.map(\.value)
        #expect(values.count == 1001)
        #expect(values.last == "small again")
        consumer.close()
        producer.close()
    }

    /// The client's own limits don't stand in the way of what a topic allows.
    @Test func aRecordOfTwentyMegabytesPasses() throws {
        let log = try kafka()
        let topic = try newTopic(log, properties: ["max.message.bytes": "30000000"])
        let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        let large = String(repeating: "0123456789", count: 2_000_000)
        try producer.send([Written(value: large), Written(value: "small")])
        try producer.flush(timeoutMs: 30_000)
        let consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: Listener(), memoryBytes: 1 << 20))
        let values = try consumer.read(count: 2).map(\.value)
        #expect(values.map { $0?.utf8.count } == [20_000_000, 5])
        #expect(values[0] == large)
        consumer.close()
        producer.close()
    }

    @Test func aPartitionThatIsNotThereIsRefusedAndNothingOfTheBatchIsSent() throws {
        let log = try kafka()
        let topic = try newTopic(log, partitions: 2)
        let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        for wrong in [Written(value: "x", partition: 2), Written(value: "x", partition: -1), Written(value: "x", topic: 1)] {
            #expect(logError { try producer.send([Written(value: "good"), wrong]) }?.code == "log.partition_missing")
        }
        #expect(try log.offsets(topic: topic).map(\.end) == [0, 0])
        producer.close()
    }
}

/// A random generator with a seed (Steele, Lea, Flood: SplitMix64).
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
