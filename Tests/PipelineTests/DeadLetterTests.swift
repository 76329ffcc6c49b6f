import Foundation
import Kafka
import Log
import TestServices
import Testing

@testable import ETL

/// `etl dlq …` as people use it, on a real Kafka: what is listed, shown, mended, sent back, parked, discarded.
@Suite struct DeadLetterTests {
    static let topology = """
        name: NAME
        kafka: {bootstrap_servers: BOOTSTRAP}
        logging: {level: warning}
        commit_interval_ms: 20
        dead_letter: {max_attempts: 2}
        topics:
          raw: {name: NAME.raw, partitions: 3}
          good: {name: NAME.good, partitions: 3}
        extractors:
          rows: {to: raw, key: string(message.id), csv: {path: rows.csv, columns: {id: int, quantity: int}}}
        stages:
          validate:
            from: raw
            to: good
            steps:
              - check: {name: positive_quantity, expr: message.quantity >= 1}
              - set: {total: message.quantity * 2}
          load:
            from: good
            load: {postgres: {url: "${secret:postgres_url}", table: t, mode: append, batch_ms: 50}}
        """

    func pipeline() throws -> Pipeline {
        let pipeline = try Pipeline(Self.topology, files: ["rows.csv": "id,quantity\n"])
        try pipeline.createTopics()
        return pipeline
    }

    /// Runs `etl dlq VERB --topology=…`; gives what it printed. Fails the test where it doesn't end with `status`.
    @discardableResult
    func dlq(
        _ pipeline: Pipeline, _ verb: String, _ words: String..., status: Int32 = 0, isSummary: Bool = false
    ) throws -> String {
        let process = try pipeline.etl(["dlq", verb, "--topology=\(pipeline.file)"] + words)
        let ended = try process.wait()
        #expect(ended == status, "\(verb) \(words): \(process.errors)\(process.output)")
        return status == 0 || isSummary ? process.output : process.errors
    }

    func objects(_ lines: String) throws -> [[String: Any]] {
        try lines.split(separator: "\n").map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:] }
    }

    func summary(_ lines: String) throws -> [String: Any] {
        try #require(try objects(lines).last { $0["event"] as? String == "summary" })
    }

    func runStage(_ pipeline: Pipeline, _ name: String) throws {
        let process = try pipeline.stage(name, "--until-end")
        #expect(try process.wait() == 0, "\(process.errors)")
    }

    /// Bad orders, mended on their way back, arrive in the table; what can't be mended stays, with its whole history.
    @Test func aRepairArrivesInTheTable() throws {
        let pipeline = try pipeline()
        try pipeline.sql("CREATE TABLE t (id bigint PRIMARY KEY, quantity bigint, total bigint)")
        let trace = [TestRecord.Header(name: "trace", value: [1, 0xff])]
        let records = (0..<30).map {
            TestRecord(
                "k\($0)", "{\"id\":\($0), \"quantity\":\($0 % 3 == 0 ? -$0 - 1 : $0)}", headers: trace, partition: Int32($0 % 3))
        }
        try pipeline.send(records + [TestRecord("cut", "{\"id\":")], to: "raw")
        try runStage(pipeline, "validate")

        let listed = try objects(try dlq(pipeline, "list", "--format=json"))
        #expect(listed.count == 1 && listed.first?["name"] as? String == "validate" && listed.first?["count"] as? Int == 11)
        #expect(listed.first?["last_hour"] as? Int == 11)
        #expect(try dlq(pipeline, "list").contains("validate"))
        let groups = try objects(try dlq(pipeline, "show", "--stage=validate", "--format=json"))
        #expect(
            groups.map { "\($0["count"] ?? "") \($0["code"] ?? "") \($0["step"] ?? "")" } == [
                "10 check.failed positive_quantity", "1 parse.syntax ",
            ])
        #expect((groups.first?["origin"] as? String)?.hasPrefix("\(pipeline.name).raw[0]@") == true)
        let raw = try objects(try dlq(pipeline, "show", "--stage=validate", "--raw", "--where=key == 'k3'", "--format=json"))
        #expect(raw.count == 1 && raw.first?["value"] as? String == "{\"id\":3, \"quantity\":-4}")
        #expect((raw.first?["headers"] as? [[String: Any]])?.first?["value_base64"] as? String == "Af8=")

        let repair = ["--stage=validate", "--where=dlq.code == 'check.failed'", "--set=quantity=-message.quantity"]
        let before = try pipeline.end("validate.dlq")
        let dry = try dlq(pipeline, "replay", repair[0], repair[2], "--dry-run")
        #expect(dry.contains("10 would pass now") && dry.contains("1 would stay: set.not_object"), "\(dry)")
        #expect(dry.contains("    - quantity: -4\n    + quantity: 4\n"), "\(dry)")
        let unmended = try dlq(pipeline, "replay", repair[0], repair[1], "--dry-run")
        #expect(unmended.contains("10 would fail again: check.failed positive_quantity"), "\(unmended)")
        #expect(try pipeline.end("validate.dlq") == before && pipeline.end("raw") == 31, "nothing was written or moved")

        let done = try summary(try dlq(pipeline, "replay", repair[0], repair[1], repair[2], "--rate=100/s", "--format=json"))
        #expect(done["replayed"] as? Int == 10 && done["kept"] as? Int == 1 && done["parked"] as? Int == 0)
        #expect(done["group"] as? String == "etl.\(pipeline.name).validate.replay")
        let back = try pipeline.read("raw").filter { $0.letter("attempt") == ["2"] }
        #expect(back.count == 10 && back.allSatisfy { $0.ownHeaders == trace && $0.headers.count == 5 })
        #expect(
            back.allSatisfy { row in records.contains { $0.key == row.key && $0.partition == row.partition } },
            "in their own partitions")
        try runStage(pipeline, "validate")
        try runStage(pipeline, "load")
        #expect(try pipeline.sql("SELECT count(*), min(quantity), sum(total - 2 * quantity) FROM t") == [["30", "1", "0"]])
        #expect(try dlq(pipeline, "show", "--stage=validate").hasSuffix("1 dead letter in \(pipeline.name).validate.dlq\n"))

        // Unmended it fails again: one dead letter with one history, until it is parked.
        let first = try #require(try pipeline.read("validate.dlq").last)
        for attempt in 2...3 {
            #expect(try summary(try dlq(pipeline, "replay", repair[0], "--format=json"))["replayed"] as? Int == 1)
            try runStage(pipeline, "validate")
            let again = try #require(try pipeline.read("validate.dlq").last)
            #expect(again.letter("attempt") == ["\(attempt)"] && again.letter("first_failed_at") == first.letter("first_failed_at"))
            #expect(try dlq(pipeline, "show", repair[0]).contains("1 dead letter in"))
        }
        #expect(try summary(try dlq(pipeline, "replay", repair[0], "--format=json"))["parked"] as? Int == 1)
        #expect(try pipeline.read("validate.parked").map(\.keyText) == ["cut"])
        #expect(try dlq(pipeline, "list").contains("validate (parked)"))
        #expect(try dlq(pipeline, "show", repair[0], "--parked").contains("replayed up to 2 times"))
        #expect(try dlq(pipeline, "replay", repair[0], "--parked").contains("1 replayed"))
        #expect(try dlq(pipeline, "list").contains("no dead letters"))
    }

    /// Rows of files are no records; with `--set` they become some.
    @Test func rowsOfAnExtractor() throws {
        let pipeline = try pipeline()
        try pipeline.write("rows.csv", "id,quantity\n1,2\n7,many\n")
        #expect(try pipeline.etl("extract", "--topology=\(pipeline.file)", "--extractor=rows").wait() == 0)
        let refused = try dlq(pipeline, "replay", "--stage=rows", status: 2)
        #expect(refused.contains("--to=TOPIC") && refused.contains("value.split"))
        let text = try dlq(
            pipeline, "replay", "--stage=rows", "--to=\(pipeline.name).raw", "--set=id=int(value.split(',')[0])",
            "--set=quantity=20")
        #expect(text.contains("1 replayed"), "\(text)")
        #expect(
            try pipeline.read("raw").map(\.valueText).sorted { $0 ?? "" < $1 ?? "" } == [
                "{\"id\":1,\"quantity\":2}", "{\"id\":7,\"quantity\":20}",
            ])
    }

    /// Of Spring Kafka, Kafka Connect and Kafka Streams, in a topic no topology knows.
    @Test func otherPeoplesDeadLetters() throws {
        let pipeline = try pipeline()
        func header(_ name: String, _ value: [UInt8]) -> TestRecord.Header { TestRecord.Header(name: name, value: value) }
        let raw = Array("\(pipeline.name).raw".utf8)
        let own = header("trace", [7])
        let foreign = [
            TestRecord(
                "spring", "{}",
                headers: [
                    own, header("kafka_dlt-original-topic", raw), header("kafka_dlt-original-partition", [0, 0, 0, 2]),
                    header("kafka_dlt-original-offset", [0, 0, 0, 0, 0, 0, 0, 9]),
                    header("kafka_dlt-exception-fqcn", Array("a.B".utf8)),
                ]),
            TestRecord(
                "connect", "{}",
                headers: [
                    own, header("__connect.errors.topic", raw), header("__connect.errors.partition", Array("1".utf8)),
                    header("__connect.errors.exception.class.name", Array("c.D".utf8)),
                ]),
            TestRecord(
                "streams", "{}",
                headers: [
                    own, header("__streams.errors.topic", raw), header("__streams.errors.partition", Array("0".utf8)),
                    header("__streams.errors.exception", Array("e.F: no".utf8)),
                ]),
            TestRecord("nobody", "{}", headers: [own]),
            TestRecord("gone", "{}", headers: [header("__streams.errors.topic", Array("no.such".utf8))]),
        ]
        _ = try pipeline.kafka.create(topics: [NewTopic(name: "\(pipeline.name).DLT", partitions: 1)])
        try pipeline.send(foreign, to: "DLT")
        func run(_ verb: String, _ words: String...) throws -> String {
            let process = try pipeline.etl(
                ["dlq", verb, "--bootstrap=\(pipeline.bootstrap)", "--topic=\(pipeline.name).DLT"] + words)
            #expect(try process.wait() == 0, "\(process.errors)")
            return process.output
        }
        let shown = try objects(try run("show", "--format=json"))
        #expect(
            Set(shown.map { "\($0["writer"] ?? "") \($0["code"] ?? "")" }) == [
                "spring_kafka a.B", "kafka_connect c.D", "kafka_streams e.F", "kafka_streams ", "unknown ",
            ])
        let done = try summary(try run("replay", "--format=json"))
        #expect(done["replayed"] as? Int == 3)
        let reasons = (done["reasons"] as? [[String: Any]] ?? []).map { "\($0["code"] ?? "") \($0["count"] ?? "")" }
        #expect(reasons == ["replay.no_topic 1", "replay.topic_missing 1"])
        let back = try pipeline.read("raw")
        #expect(back.map { "\($0.keyText ?? "") \($0.partition)" } == ["streams 0", "connect 1", "spring 2"])
        #expect(back.allSatisfy { $0.ownHeaders == [own] && $0.letter("attempt") == ["2"] })
        #expect(try objects(try run("show", "--format=json")).count == 2)
        let vain = try pipeline.etl([
            "dlq", "replay", "--bootstrap=\(pipeline.bootstrap)", "--topic=\(pipeline.name).DLT", "--format=json",
        ])
        #expect(try vain.wait() == 1 && vain.errors.contains("[replay.in_vain]"), "each stays for an error: \(vain.errors)")
        #expect(try summary(vain.output)["kept"] as? Int == 2)
        let elsewhere = try run("replay", "--to=\(pipeline.name).raw")
        #expect(elsewhere.contains("2 replayed"), "\(elsewhere)")
        // 'etl topics create' doesn't make the topic for such that were replayed too often; what is printed does.
        try pipeline.send(
            [
                TestRecord(
                    "often", "{}", headers: [header("__connect.errors.topic", raw), header("etl.dlq.attempt", [0x39, 0x39])])
            ],
            to: "DLT")
        let often = try pipeline.etl(["dlq", "replay", "--bootstrap=\(pipeline.bootstrap)", "--topic=\(pipeline.name).DLT"])
        #expect(try often.wait() == 1, "\(often.errors)")
        let cure = try #require(often.output.split(separator: "'").dropFirst().first { $0.contains(".sh ") }).split(separator: " ")
        #expect(cure.prefix(3) == ["kafka-topics.sh", "--bootstrap-server", pipeline.bootstrap[...]], "\(often.output)")
        try KafkaBroker.shared().tool("topics", cure.dropFirst(3).map(String.init))
        #expect(try run("replay").contains("1 parked"))
        #expect(try pipeline.read("DLT.parked").map(\.keyText) == ["often"])
    }

    /// A letter that its topic refuses for its size stays, the others go; also where it is the first of a partition, right behind
    /// the end of the one before.
    @Test(arguments: [17, 2]) func oneThatIsTooLargeStays(_ number: Int) throws {
        let pipeline = try pipeline()
        let large = "{\"id\":1,\"note\":\"" + String(repeating: "x", count: 50_000) + "\"}"
        try pipeline.send(
            (0..<40).map { TestRecord("k\($0)", $0 == number ? large : "{\"id\":\($0)}", partition: Int32($0 % 3)) }, to: "raw")
        try runStage(pipeline, "validate")
        _ = try pipeline.kafka.create(topics: [
            NewTopic(name: "\(pipeline.name).small", partitions: 2, properties: ["max.message.bytes": "20000"])
        ])
        let done = try summary(try dlq(pipeline, "replay", "--stage=validate", "--to=\(pipeline.name).small", "--format=json"))
        #expect(done["replayed"] as? Int == 39)
        #expect((done["reasons"] as? [[String: Any]])?.first?["code"] as? String == "log.record_too_large")
        let sent = try pipeline.read("small")
        #expect(sent.count == 39 && Set(sent.map(\.keyText)).count == 39 && !sent.contains { $0.keyText == "k\(number)" })
        #expect(try dlq(pipeline, "show", "--stage=validate").contains("1 dead letter in"))
        #expect(try dlq(pipeline, "replay", "--stage=validate").contains("1 replayed"), "where it came from takes it")
    }

    /// A stage that was renamed since: its dead letters are found by their topic, with the same position.
    @Test func ofAStageThatWasRenamed() throws {
        let pipeline = try pipeline()
        try pipeline.send([TestRecord("a", "{\"quantity\":0}"), TestRecord("b", "{\"quantity\":0}")], to: "raw")
        try runStage(pipeline, "validate")
        try dlq(pipeline, "replay", "--stage=validate", "--limit=1")
        try pipeline.write("t.yaml", Self.topology.replacingOccurrences(of: "  validate:", with: "  inspect:"))
        let words = try dlq(pipeline, "replay", "--stage=validate", status: 2)
        #expect(words.contains("--topic=\(pipeline.name).validate.dlq"), "\(words)")
        #expect(try dlq(pipeline, "replay", "--topic=\(pipeline.name).validate.dlq").contains("1 replayed"))
        #expect(try pipeline.read("raw").count == 4)
    }

    @Test func whatIsAskedWronglyIsSaid() throws {
        let pipeline = try pipeline()
        let cases: [(words: [String], status: Int32, said: String)] = [
            (["show"], 2, "--stage=NAME is required"), (["show", "--stage=validat"], 2, "did you mean validate?"),
            (["shw"], 2, "did you mean 'show'?"), (["replay", "--stage=validate", "--where=message."], 2, "--where='message.'"),
            (["replay", "--stage=validate", "--where=dlq.cod == ''"], 2, "did you mean `code`?"),
            (["replay", "--stage=validate", "--set=x"], 2, "--set='x'"),
            (["replay", "--stage=validate", "--rate=fast"], 2, "--rate=fast"),
            (["replay", "--stage=validate", "--to=\(pipeline.name).validate.dlq"], 2, "the topic they are read from"),
            (["show", "--stage=validate", "--topic=x"], 2, "can't be given together"),
            (["show", "--stage=rows", "--parked"], 2, "extractors park nothing"),
            (["show", "--topic=\(pipeline.name).nope"], 1, "[log.topic_missing]"),
            (["replay", "--topic=\(pipeline.name).nope"], 1, "[log.topic_missing]"),
            (["replay", "--stage=validate", "--to=\(pipeline.name).nope"], 1, "--to=\(pipeline.name).nope: topic"),
            (["replay", "--stage=validate", "--to=__consumer_offsets"], 1, "[replay.internal_topic]"),
            (["replay", "--stage=validate", "--to=no/name", "--dry-run"], 1, "[replay.topic_missing]"),
            (["replay", "--stage=validate", "--offsets-retention=0"], 2, "--offsets-retention"),
        ]
        for row in cases {
            let process = try pipeline.etl(
                ["dlq", row.words[0]] + (row.words[0] == "shw" ? [] : ["--topology=\(pipeline.file)"]) + row.words.dropFirst())
            #expect(try process.wait() == row.status, "\(row.words)")
            #expect(process.errors.contains(row.said), "\(row.words): \(process.errors)")
        }
    }
}
