import ETL
import Foundation
import Kafka
import Log
import TestServices
import Testing

/// Where a replay's group stands, or doesn't any more, and letters that brokers don't take back.
extension DeadLetterTests {
    /// A topic that was deleted and made anew: the others are listed all the same, and the command that is printed mends it.
    @Test func aTopicMadeAnew() throws {
        let pipeline = try pipeline()
        try pipeline.send([letter("a", "check.failed"), letter("b", "check.failed")], to: "validate.dlq")
        try pipeline.send([letter("c", "load.conversion")], to: "load.dlq")
        let group = "etl.\(pipeline.name).validate.replay"
        let topic = "\(pipeline.name).validate.dlq"
        let producer = try pipeline.kafka.makeProducer(ProducerOptions(topics: [], transactionalId: group))
        try producer.begin()
        try producer.sendOffsets([PartitionOffset(partition: 0, offset: 100)], group: group, topic: topic)
        try producer.commit()
        producer.close()

        let process = try pipeline.etl("dlq", "list", "--topology=\(pipeline.file)", "--format=json")
        #expect(try process.wait() == 0, "\(process.errors)")
        let listed = try objects(process.output)
        #expect(listed.map { "\($0["name"] ?? "") \($0["count"] ?? "")" } == ["validate 2", "load 1"])
        #expect((listed.first?["problem"] as? String)?.contains("[replay.position]") == true && listed.last?["problem"] == nil)
        let text = try pipeline.etl("dlq", "list", "--topology=\(pipeline.file)")
        #expect(try text.wait() == 0 && text.output.contains("load") && text.errors.contains("[replay.position]"))
        let shown = try pipeline.etl("dlq", "show", "--topology=\(pipeline.file)", "--stage=validate")
        #expect(try shown.wait() == 0 && shown.output.contains("2 dead letters") && shown.errors.contains("[replay.position]"))

        let refused = try dlq(pipeline, "replay", "--stage=validate", "--dry-run", status: 1)
        let cure = try #require(refused.split(separator: "'").dropFirst().first).split(separator: " ").map(String.init)
        #expect(cure.prefix(3) == ["kafka-consumer-groups.sh", "--bootstrap-server", pipeline.bootstrap])
        try KafkaBroker.shared().tool("groups", Array(cure.dropFirst(3)))
        #expect(try dlq(pipeline, "replay", "--stage=validate", "--to=\(pipeline.name).raw").contains("2 replayed"))
        #expect(try pipeline.read("raw").count == 2)
    }

    /// A broker that has forgotten the group's position: nothing that was replayed long ago goes back unasked.
    @Test func aPositionThatBrokersForgot() throws {
        let pipeline = try pipeline()
        try sendOld(["a", "b"], to: "\(pipeline.name).validate.dlq", pipeline)
        let refused = try dlq(pipeline, "replay", "--stage=validate", status: 1)
        #expect(refused.contains("--from-start") && refused.contains("[replay.position_lost]"), "\(refused)")
        #expect(try dlq(pipeline, "discard", "--stage=validate", "--yes", status: 1).contains("[replay.position_lost]"))
        #expect(try dlq(pipeline, "replay", "--stage=validate", "--dry-run", status: 1).contains("[replay.position_lost]"))
        #expect(try dlq(pipeline, "list").contains("validate"), "looking is no harm")
        #expect(
            try dlq(pipeline, "replay", "--stage=validate", "--dry-run", "--offsets-retention=30").contains("2 dead letters of"))
        #expect(try dlq(pipeline, "replay", "--stage=validate", "--from-start").contains("2 replayed"))
        #expect(try dlq(pipeline, "replay", "--stage=validate").contains("0 replayed"), "now there is a position")
        // What brokers do by themselves after offsets.retention.minutes; asked for once the last run's offsets are no longer pending,
        // or they come after it.
        let (group, topic) = ("etl.\(pipeline.name).validate.replay", "\(pipeline.name).validate.dlq")
        #expect(try pipeline.kafka.committedOffsets(group: group, topic: topic).first != .some(nil))
        try KafkaBroker.shared().tool("groups", ["--delete-offsets", "--group", group, "--topic", topic])
        #expect(try pipeline.kafka.committedOffsets(group: group, topic: topic).allSatisfy { $0 == nil })
        #expect(try dlq(pipeline, "replay", "--stage=validate", status: 1).contains("[replay.position_lost]"))
        #expect(try pipeline.read("raw").count == 2)
    }

    /// Dead letters written eight days ago.
    private func sendOld(_ keys: [String], to topic: String, _ pipeline: Pipeline) throws {
        let script = """
            import sys, time
            from confluent_kafka import Producer
            p = Producer({"bootstrap.servers": sys.argv[1]})
            for key in sys.argv[4:]:
                p.produce(sys.argv[2], value=b"{}", key=key, partition=0, timestamp=int((time.time() - 8 * 86400) * 1000),
                          headers=[("etl.dlq.topic", sys.argv[3].encode()), ("etl.dlq.code", b"check.failed")])
            sys.exit(p.flush(30))
            """
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { root.deleteLastPathComponent() }
        let python = Foundation.Process()
        python.executableURL = root.appendingPathComponent(".venv/bin/python")
        python.arguments = ["-c", script, pipeline.bootstrap, topic, "\(pipeline.name).raw"] + keys
        try python.run()
        python.waitUntilExit()
        #expect(python.terminationStatus == 0)
    }

    /// One that its own topic takes no more can't be kept by writing it again: it stays where it is, and the run goes on elsewhere.
    @Test func oneThatIsTooLargeToBeKept() throws {
        let pipeline = try pipeline()
        let large = "{\"note\":\"" + String(repeating: "x", count: 50_000) + "\"}"
        let headers = [("code", "check.failed"), ("topic", "\(pipeline.name).raw")]
            .map { TestRecord.Header(name: "etl.dlq.\($0.0)", value: Array($0.1.utf8)) }
        try pipeline.send(
            (0..<20).map { TestRecord("k\($0)", $0 == 7 ? large : "{}", headers: headers, partition: Int32($0 % 2)) },
            to: "validate.dlq")
        let topic = "\(pipeline.name).validate.dlq"
        try KafkaBroker.shared().tool(
            "configs", ["--alter", "--entity-type", "topics", "--entity-name", topic, "--add-config", "max.message.bytes=20000"])
        for replayed in [13, 0] {
            let done = try summary(
                try dlq(
                    pipeline, "replay", "--stage=validate", "--where=!has(message.note)", "--format=json",
                    status: replayed == 0 ? 1 : 0, isSummary: true))
            #expect(done["replayed"] as? Int == replayed)
            let codes = (done["reasons"] as? [[String: Any]] ?? []).compactMap { $0["code"] as? String }
            #expect(codes == ["where.unmatched", "replay.blocked"])
        }
        #expect(try dlq(pipeline, "replay", "--stage=validate").contains("7 replayed"), "where it came from takes it")
        let back = try pipeline.read("raw").compactMap(\.keyText)
        #expect(back.count == 20 && Set(back).count == 20)
    }
}
