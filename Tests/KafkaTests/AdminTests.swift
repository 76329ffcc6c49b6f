import Kafka
import Log
import Testing
import TestServices

@Suite struct AdminTests {
    @Test func topicsAreMadeAsAskedAndNeverByAsking() throws {
        let log = try kafka()
        let names = (0..<3).map { _ in KafkaBroker.uniqueName("admin") }
        #expect(try log.describe(topics: names) == [nil, nil, nil])
        let outcomes = try log.create(topics: [
            NewTopic(name: names[0], partitions: 3, properties: ["cleanup.policy": "compact"]),
            NewTopic(name: names[1], partitions: 1, properties: ["no.such.config": "1"]),
        ])
        #expect(outcomes[0] == .created)
        guard case .failed(let error) = outcomes[1] else { Issue.record("\(outcomes[1])"); return }
        #expect(error.kind == .configuration)
        #expect(error.message.contains(names[1]))
        #expect(try log.create(topics: [NewTopic(name: names[0], partitions: 3)]) == [.existed])
        #expect(try log.describe(topics: names) == [TopicDescription(name: names[0], partitions: 3, replication: 1), nil, nil])
        #expect(try log.offsets(topic: names[0]).count == 3)
        #expect(try KafkaBroker.shared().tool("configs", "--describe", "--topic", names[0]).contains("cleanup.policy=compact"))
    }

    @Test func aMissingTopicIsNamed() throws {
        let log = try kafka()
        let name = KafkaBroker.uniqueName("missing")
        let calls: [(String, () throws -> Void)] = [
            ("consumer", { _ = try log.makeConsumer(ConsumerOptions(topic: name, group: name, listener: Listener())) }),
            ("producer", { _ = try log.makeProducer(ProducerOptions(topics: [name], transactionalId: nil)) }),
            ("reader", { _ = try log.makeReader(topic: name) }),
            ("offsets", { _ = try log.offsets(topic: name) }),
        ]
        for (what, call) in calls {
            let error = logError(call)
            #expect(error?.kind == .configuration, "\(what)")
            #expect(error?.code == "log.topic_missing", "\(what)")
            #expect(error?.message.contains(name) == true && error?.message.contains("etl topics create") == true, "\(what)")
        }
        #expect(try log.describe(topics: [name]) == [nil])
    }
}
