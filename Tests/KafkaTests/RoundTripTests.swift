import Kafka
import Log
import Testing
import TestServices

@Suite struct RoundTripTests {
    @Test func nullAndEmptyAndHeadersArriveAsTheyWereSent() throws {
        let log = try kafka()
        let topic = try newTopic(log)
        let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        try producer.send([
            Written(key: "k", value: "v"),
            Written(key: nil, value: "null key"),
            Written(key: "", value: "empty key"),
            Written(key: "tombstone", value: nil),
            Written(key: "empty value", value: ""),
            Written(key: "h", value: "headers", headers: [("a", "1"), ("b", ""), ("c", nil), ("a", "again")]),
            Written(key: nil, value: nil, headers: [("only", "headers")]),
            Written(key: "", value: "", headers: [("x", "y")]),
            Written(key: "last", value: "\u{0}\u{1}ü"),
        ])
        try producer.flush(timeoutMs: 10_000)
        #expect(try producer.acknowledged() == 1)
        let listener = Listener()
        let consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: listener))
        let records = try consumer.read(count: 9)
        #expect(records.map(\.key) == ["k", nil, "", "tombstone", "empty value", "h", nil, "", "last"])
        #expect(records.map(\.value) == ["v", "null key", "empty key", nil, "", "headers", nil, "", "\u{0}\u{1}ü"])
        #expect(records.map(\.headers) == [[], [], [], [], [], ["a=1", "b=", "c=null", "a=again"], ["only=headers"], ["x=y"], []])
        #expect(records.map(\.offset) == Array(0..<9))
        consumer.close()
        producer.close()
        #expect(listener.events == ["assigned [0]", "revoking [0]"])
    }
}
