import Foundation
import Kafka
import Log
import Synchronization
import Testing
import TestServices

@Suite struct FailureTests {
    struct Away: CustomTestStringConvertible {
        var servers: String
        var properties: [String: String] = [:]
        var words: [String]
        var testDescription: String { servers }
    }

    /// The first thing a new user sees when an address is wrong.
    @Test(arguments: [
        Away(servers: "127.0.0.1:1", words: ["127.0.0.1:1", "refused"]),
        Away(servers: "no-such-host.invalid:9092", words: ["no-such-host.invalid:9092", "resolve"]),
    ])
    func aBrokerThatIsAwayIsNamedWithTheReason(_ row: Away) throws {
        let log = try KafkaLog(bootstrapServers: row.servers, properties: row.properties, connectTimeoutMs: 1500)
        let calls: [() throws -> Void] = [
            { _ = try log.describe(topics: ["t"]) },
            { _ = try log.makeConsumer(ConsumerOptions(topic: "t", group: "g", listener: Listener())) },
            { _ = try log.makeProducer(ProducerOptions(topics: ["t"], transactionalId: "t")) },
        ]
        for call in calls {
            let error = logError(call)
            #expect(error?.kind == .retriable)
            #expect(error?.code == "log.unreachable")
            for word in row.words { #expect(error?.message.contains(word) == true, "\(word): \(error?.message ?? "")") }
        }
    }

    /// A reader at its end fetches nothing, so nothing but a look at the topic tells it.
    @Test func aTopicDeletedUnderAReaderAtItsEndIsNamed() throws {
        let log = try kafka()
        let topic = try newTopic(log)
        let consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: Listener()))
        defer { consumer.close() }
        let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        try producer.send("last")
        try producer.flush(timeoutMs: 30_000)
        _ = try consumer.read(count: 1)
        _ = try KafkaBroker.shared().tool("topics", "--delete", "--topic", topic)
        let error = logError { _ = try consumer.read(timeout: 60) { _, _ in false } }
        #expect(error?.code == "log.topic_missing", "\(String(describing: error))")
        #expect(error?.kind == .configuration)
        #expect(error?.message.contains(topic) == true)
    }

    /// With one broker of its own, since it goes down and lets in only who may come.
    @Test func aBrokerThatRefusesAndOneThatRestartsLoseNothing() throws {
        let broker = try KafkaBroker(directory: "\(NSTemporaryDirectory())/etl-test-sasl.\(UUID().uuidString.prefix(8))", arguments: ["--sasl"])
        defer { broker.destroy() }
        func log(_ user: String, _ password: String) throws -> KafkaLog {
            // However long the broker takes to start again, nothing is given up.
            try KafkaLog(
                bootstrapServers: broker.bootstrap,
                properties: [
                    "security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.username": user,
                    "sasl.password": password,
                ], consumerProperties: ["session.timeout.ms": "300000"], producerProperties: ["message.timeout.ms": "300000"])
        }
        let wrong = logError { _ = try log("admin", "hunter2").describe(topics: ["t"]) }
        #expect(wrong?.kind == .configuration, "\(String(describing: wrong))")
        #expect(wrong?.code == "log.authentication")
        #expect(wrong?.message.contains("hunter2") == false)

        let admin = try log("admin", "admin-secret")
        let topic = try newTopic(admin)
        let denied = logError { _ = try log("nobody", "nobody-secret").makeReader(topic: topic) }
        #expect(denied?.kind == .configuration, "\(String(describing: denied))")

        let producer = try admin.makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        let listener = Listener()
        let consumer = try admin.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: listener))
        func send(_ range: Range<Int>) throws { try producer.send(range.map { Written(value: "\($0)") }) }
        try send(0..<1000)
        var read = try consumer.read(count: 1000)
        try send(1000..<2000)
        try broker.crash()
        try send(2000..<3000)
        let deadline = Date().addingTimeInterval(60)
        while (consumer as? KafkaConsumer)?.lastError == nil, Date() < deadline {
            read += try consumer.poll(timeoutMs: 100, maxRecords: 1000).records.map(Copied.init)
        }
        #expect((consumer as? KafkaConsumer)?.lastError?.code == "log.unreachable")
        #expect(try producer.acknowledged() < 3)
        try broker.restart()
        try send(3000..<4000)
        try producer.flush(timeoutMs: 120_000)
        #expect(try producer.acknowledged() == 4)
        read += try consumer.read(timeout: 60) { records, _ in read.count + records.count >= 4000 }
        #expect(read.map(\.value) == (0..<4000).map { "\($0)" })
        #expect((consumer as? KafkaConsumer)?.lastError == nil)
        #expect((consumer as? KafkaConsumer)?.isConnected == true)
        consumer.close()
        producer.close()
    }

    /// Nothing that goes away may hang its thread, least of all while no broker answers.
    @Test func closingWithoutABrokerIsBounded() throws {
        let broker = try KafkaBroker(directory: "\(NSTemporaryDirectory())/etl-test-away.\(UUID().uuidString.prefix(8))")
        defer { broker.destroy() }
        let log = try KafkaLog(bootstrapServers: broker.bootstrap)
        let topic = try newTopic(log)
        let consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: Listener()))
        try consumer.read { _, ends in ends.count > 0 }
        let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: topic, transactionTimeoutMs: 5000))
        try producer.begin()
        try producer.send("x")
        try broker.pause()
        let start = Date()
        consumer.close()
        #expect(Date().timeIntervalSince(start) < 10)
        producer.close()
        #expect(Date().timeIntervalSince(start) < 18)
        try broker.resume()
    }
}
