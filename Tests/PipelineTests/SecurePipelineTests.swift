import Foundation
import Kafka
import Log
import TestServices
import Testing

@testable import ETL

/// Extractor, stage and loader as a user who may do no more than docs/security.md lists, over TLS everywhere. What a missing or
/// withdrawn right costs is a clear message, never a record; and passwords turn up nowhere.
@Suite(.serialized) struct SecurePipelineTests {
    static let topology = """
        name: NAME
        kafka:
          bootstrap_servers: BOOTSTRAP
          properties:
            security.protocol: sasl_ssl
            sasl.mechanism: PLAIN
            sasl.username: "${KAFKA_USER}"
            sasl.password: "${secret:kafka_password}"
            ssl.ca.location: tls/ca.pem
            # The chattiest librdkafka there is: it may not chat about this.
            debug: security,broker,protocol
            log_level: "7"
          # Who may not use its group may not leave it either: the next member waits as long as for a dead one.
          consumer_properties: {session.timeout.ms: "3000", heartbeat.interval.ms: "500"}
        logging: {level: debug}
        topics:
          raw: {name: NAME.raw, partitions: 2}
          load: {name: NAME.load, partitions: 2}
        extractors:
          rows: {to: raw, key: message.id, csv: {path: "rows.csv", columns: {id: int}}}
        stages:
          pass:
            from: raw
            to: load
            steps: [{check: {name: small, expr: message.id < 1900}}]
          store:
            from: load
            load: {postgres: {url: "${secret:postgres_url}", table: t, mode: upsert, keys: [id], batch_ms: 50}}
        """
    static let rows = "id,note\n" + (0..<2000).map { "\($0),n\($0)\n" }.joined()
    static let passwords = ["etl-secret", "admin-secret", "nobody-secret"]

    let broker: KafkaBroker
    let pipeline: Pipeline

    init() throws {
        broker = try KafkaBroker.secured()
        pipeline = try Pipeline(
            Self.topology,
            files: [
                "rows.csv": Self.rows, "tls/ca.pem": try String(contentsOfFile: broker.certificate("ca.pem"), encoding: .utf8),
            ], bootstrap: broker.bootstrap)
    }

    /// A command as a user of Kafka, whose password is in a file as Kubernetes mounts it.
    private func start(_ program: CommandProcess.Program, _ words: [String], as user: String = "etl") throws -> CommandProcess {
        let secrets = "\(pipeline.folder)/secrets-\(user)"
        try FileManager.default.createDirectory(atPath: secrets, withIntermediateDirectories: true)
        try "\(user)-secret\n".write(toFile: "\(secrets)/kafka_password", atomically: true, encoding: .utf8)
        try pipeline.url().write(toFile: "\(secrets)/postgres_url", atomically: true, encoding: .utf8)
        return try CommandProcess(program, words, environment: ["KAFKA_USER": user, "ETL_SECRETS_DIR": secrets])
    }

    private func finish(_ process: CommandProcess) throws -> (status: Int32, words: String) {
        let status = try process.wait(seconds: 60)
        let words = process.output + process.errors
        for password in Self.passwords { #expect(!words.contains(password), "\(process.words) shows a password") }
        return (status, words)
    }

    private func stage(_ name: String, _ more: String...) throws -> CommandProcess {
        try start(.stage, ["--topology=\(pipeline.file)", "--stage=\(name)"] + more)
    }

    private var admin: KafkaLog {
        get throws {
            try KafkaLog(
                bootstrapServers: broker.bootstrap,
                properties: [
                    "security.protocol": "sasl_ssl", "sasl.mechanism": "PLAIN", "sasl.username": "admin",
                    "sasl.password": "admin-secret", "ssl.ca.location": broker.certificate("ca.pem"),
                ])
        }
    }

    /// The table of docs/security.md, for one user who runs every part.
    private func grantWhatIsListed() throws {
        let name = pipeline.name
        let prefixed = "--resource-pattern-type=prefixed"
        try broker.allow("etl", "--operation", "Read", "--topic", "\(name).", "--group", "etl.\(name).", prefixed)
        try broker.allow("etl", "--operation", "Write", "--topic", "\(name).", "--transactional-id", "etl.\(name).", prefixed)
    }

    @Test func theListedRightsSuffice() throws {
        try pipeline.sql("CREATE TABLE t (id int PRIMARY KEY, note text)")
        let topology = "--topology=\(pipeline.file)"
        #expect(try finish(start(.etl, ["topics", "create", topology], as: "admin")).status == 0)

        let refused = try finish(start(.stage, [topology, "--stage=pass", "--until-end"], as: "nobody"))
        #expect(refused.status == 1)
        #expect(refused.words.contains("user nobody may not DESCRIBE topic \(pipeline.name).raw"), "\(refused.words.suffix(800))")
        #expect(refused.words.contains("[log.denied]"))
        let live = try finish(start(.etl, ["validate", "--live", pipeline.file], as: "nobody"))
        #expect(
            live.status == 1 && live.words.contains("t.yaml:17:") && live.words.contains("[log.denied]"),
            "\(live.words.suffix(2000))")

        try grantWhatIsListed()
        let sound = try finish(start(.etl, ["validate", "--live", pipeline.file]))
        #expect(sound.status == 0 && sound.words.contains("asked Kafka"), "\(sound.words.suffix(2000))")
        let extract = try start(.etl, ["extract", topology])
        let pass = try stage("pass")
        let store = try stage("store")
        for process in [extract, pass, store] { #expect(!Self.passwords.contains { process.shownByPs.contains($0) }) }
        #expect(try finish(extract).status == 0)
        try pipeline.wait("all rows are loaded: \(store.errors.suffix(500))") { try pipeline.count("t") == 1900 }
        for process in [pass, store] {
            process.terminate()
            #expect(try finish(process).status == 0)
        }
        let letters = try readWhole("\(pipeline.name).pass.dlq", on: admin)
        #expect(letters.count == 100 && letters.allSatisfy { $0.letter("code") == ["check.failed"] })
        let everything = try letters + readWhole("\(pipeline.name).checkpoints", on: admin)
        for record in everything {
            let bytes = String(decoding: (record.value ?? []) + record.headers.flatMap { $0.value ?? [] }, as: UTF8.self)
            for password in Self.passwords { #expect(!bytes.contains(password)) }
        }
        try theListedRightsOfCommandsSuffice()
    }

    /// Each row of the table for one user who may do nothing else. 100 dead letters of `pass` wait.
    private func theListedRightsOfCommandsSuffice() throws {
        let name = pipeline.name
        let (topology, pass) = ("--topology=\(pipeline.file)", "--stage=pass")
        func topics(_ names: String...) -> [String] { names.flatMap { ["--topic", "\(name).\($0)"] } }
        func groups(_ names: String...) -> [String] { names.flatMap { ["--group", "etl.\(name).\($0)"] } }
        let replayId = ["--transactional-id", "etl.\(name).pass.replay"]
        // The control topic is made by whoever may.
        let first = try finish(start(.etl, ["resume", topology, pass], as: "admin"))
        #expect(first.status == 0, "\(first.words.suffix(800))")
        let rows: [(words: [String], read: [String], write: [String], describe: [String], says: String)] = [
            (
                ["status", topology, "--sample=0", "--format=json"], topics("raw", "load"), [],
                topics("rows.dlq", "pass.dlq", "store.dlq") + groups("pass", "store", "rows.replay", "pass.replay", "store.replay"),
                "\"dead_letters_at_most\": 10"
            ),
            (
                ["dlq", "list", topology, "--format=json"],
                topics("rows.dlq", "pass.dlq", "pass.parked", "store.dlq", "store.parked"), [],
                groups("rows.replay", "pass.replay", "pass.parked.replay", "store.replay", "store.parked.replay"),
                "\"count\":100"
            ),
            (["dlq", "show", topology, pass], topics("pass.dlq"), [], groups("pass.replay"), "check.failed"),
            (
                ["dlq", "discard", topology, pass, "--yes", "--limit=10", "--archive=\(pipeline.folder)/discarded.jsonl"],
                topics("pass.dlq") + groups("pass.replay"), topics("pass.dlq") + replayId, [], "10 discarded"
            ),
            (
                ["dlq", "replay", topology, pass], topics("pass.dlq") + groups("pass.replay"),
                topics("pass.dlq", "pass.parked", "raw") + replayId, [], "90 replayed"
            ),
            (["resume", topology, pass], [], topics("control"), topics("raw"), "asked all that run stage pass"),
        ]
        for row in rows {
            let rights = [("Read", row.read), ("Write", row.write), ("Describe", row.describe)].filter { !$0.1.isEmpty }
            for (operation, resources) in rights { try broker.allow("nobody", ["--operation", operation] + resources) }
            let done = try finish(start(.etl, row.words, as: "nobody"))
            #expect(done.status == 0 && done.words.contains(row.says), "\(row.words): \(done.words.suffix(1500))")
            try broker.disallow(rights.flatMap { $0.1 })
        }
        let denied = try finish(start(.etl, ["resume", topology, pass], as: "nobody"))
        #expect(
            denied.status == 1 && denied.words.contains("[log.denied]"), "what was taken back is gone: \(denied.words.suffix(800))")
        #expect(try readWhole("\(name).raw", on: admin).count == 2090)
    }

    /// Without the right to read the control topic a stage says so once, as long as it lasts; with it, requests are heard.
    @Test func aStageThatMayNotHearRequests() throws {
        let name = pipeline.name
        let log = try admin
        try pipeline.write("t.yaml", Self.topology + "\ndead_letter: {max_rate: 0.5, window: 20}\n")
        try pipeline.plan(["KAFKA_USER": "admin", "kafka_password": "x", "postgres_url": "postgres://"]).requireTopics(
            log, create: true)
        try grantWhatIsListed()
        let (topology, control) = ("--topology=\(pipeline.file)", ["--topic", "\(name).control"])
        try broker.deny("etl", ["--operation", "All"] + control)
        let pass = try stage("pass")
        func count(_ event: String) -> Int { pass.errors.ranges(of: "\"event\":\"\(event)\"").count }
        try pipeline.send((0..<60).map { _ in TestRecord("k", "{\"id\":1900}", partition: 0) }, to: "raw", on: log)
        try pipeline.wait("the partition pauses: \(pass.errors.suffix(500))") { count("partition.paused") == 1 }
        try pipeline.wait("it says what is missing: \(pass.errors.suffix(500))") { count("resume.unheard") == 1 }
        #expect(pass.errors.contains("user etl may not DESCRIBE topic \(name).control"), "\(pass.errors.suffix(3000))")

        // The first request makes the topic, which takes CREATE.
        try broker.allow("nobody", ["--operation", "Describe", "--topic", "\(name).raw"])
        try broker.allow("nobody", ["--operation", "Write"] + control)
        let denied = try finish(start(.etl, ["resume", topology, "--stage=pass"], as: "nobody"))
        #expect(
            denied.status == 1 && denied.words.contains("user nobody may not CREATE topic \(name).control"),
            "\(denied.words.suffix(800))")
        try broker.allow("nobody", ["--operation", "Create"] + control)
        #expect(try finish(start(.etl, ["resume", topology, "--stage=pass"], as: "nobody")).status == 0)

        try broker.deny("etl", ["--operation", "All"] + control, remove: true)
        try pipeline.wait("it hears again: \(pass.errors.suffix(500))") { count("resume.heard") == 1 }
        #expect(count("resume.unheard") == 1, "looked for every second, told once: \(pass.errors.suffix(3000))")
        #expect(count("partition.resumed") == 0, "what was asked while it couldn't hear")
        #expect(try finish(start(.etl, ["resume", topology, "--stage=pass"], as: "nobody")).status == 0)
        try pipeline.wait("it goes on: \(pass.errors.suffix(500))") { count("partition.resumed") == 1 }
        pass.terminate()
        #expect(try finish(pass).status == 0)
    }

    /// Rights withdrawn in the middle of a run stop the stage with their name; given back, the rest arrives, each record once.
    @Test func aRightWithdrawnInMidRun() throws {
        let name = pipeline.name
        let log = try admin
        try pipeline.plan(["KAFKA_USER": "admin", "kafka_password": "x", "postgres_url": "postgres://"]).requireTopics(
            log, create: true)
        try grantWhatIsListed()
        var sent = 0
        func send() throws {
            let records = (sent..<sent + 500).map { TestRecord("k\($0)", "{\"id\":1}", partition: Int32($0 % 2)) }
            try pipeline.send(records, to: "raw", on: log)
            sent += 500
        }
        let rights: [(words: [String], said: String)] = [
            (["--operation", "Write", "--topic", "\(name).load"], "may not WRITE topic \(name).load"),
            (["--operation", "Read", "--topic", "\(name).raw"], "may not READ topic \(name).raw"),
            (["--operation", "Read", "--group", "etl.\(name).pass"], "may not READ group etl.\(name).pass"),
        ]
        try send()
        for right in rights {
            let pass = try stage("pass")
            try pipeline.wait("records pass: \(pass.errors.suffix(500))") {
                try log.committedOffsets(group: "etl.\(name).pass", topic: "\(name).raw").reduce(0) { $0 + ($1 ?? 0) } >= sent
            }
            try broker.deny("etl", right.words)
            try send()
            let (status, words) = try finish(pass)
            #expect(status == 1, "\(right.said)")
            #expect(words.contains(right.said) && words.contains("[log.denied]"), "\(right.said): \(words.suffix(1500))")
            try broker.deny("etl", right.words, remove: true)
        }
        let (status, words) = try finish(stage("pass", "--until-end"))
        #expect(status == 0, "\(words.suffix(800))")
        let found = try readWhole("\(name).load", on: log).map { $0.keyText ?? "" }
        #expect(found.count == sent && Set(found).count == sent)
        #expect(try readWhole("\(name).pass.dlq", on: log).isEmpty)
    }

    /// Letters name topics, and anybody can write a letter: one of a topic that this user has no right to stays, the others go.
    @Test func lettersOfTopicsWithoutARight() throws {
        let name = pipeline.name
        let log = try admin
        try pipeline.plan(["KAFKA_USER": "admin", "kafka_password": "x", "postgres_url": "postgres://"]).requireTopics(
            log, create: true)
        let others = ["hidden", "readable"].map { "other.\(name).\($0)" }
        _ = try log.create(topics: others.map { NewTopic(name: $0, partitions: 2) })
        try grantWhatIsListed()
        try broker.allow("etl", "--operation", "Read", "--topic", others[1])
        let topics = ["\(name).raw"] + others + ["other.\(name).gone", "__consumer_offsets"]
        let letters = topics.flatMap { [$0, $0] }.enumerated().map { index, topic in
            TestRecord(
                "k\(index)", "{\"id\":1}",
                headers: [("topic", topic), ("code", "check.failed")]
                    .map { .init(name: "etl.dlq.\($0.0)", value: Array($0.1.utf8)) }, partition: Int32(index % 2))
        }
        try pipeline.send(letters, to: "pass.dlq", on: log)
        for replayed in [2, 0] {
            let replay = try start(
                .etl, ["dlq", "replay", "--topology=\(pipeline.file)", "--stage=pass", "--format=json"])
            let (status, words) = try finish(replay)
            #expect(status == (replayed == 0 ? 1 : 0), "\(words.suffix(2000))")
            let last = try #require(replay.output.split(separator: "\n").last { $0.contains("summary") })
            let summary = try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any] ?? [:]
            #expect(summary["replayed"] as? Int == replayed, "\(last)")
            let reasons = (summary["reasons"] as? [[String: Any]] ?? []).map { "\($0["code"] ?? "") \($0["count"] ?? "")" }
            #expect(reasons.sorted() == ["replay.internal_topic 2", "replay.topic_denied 6"], "\(last)")
        }
        #expect(try readWhole("\(name).raw", on: log).compactMap(\.keyText).sorted() == ["k0", "k1"])
        #expect(try readWhole(others[1], on: log).isEmpty)
        let (status, words) = try finish(
            start(.etl, ["dlq", "replay", "--topology=\(pipeline.file)", "--stage=pass", "--to=\(others[1])"]))
        let said = words.split(separator: "\n").filter { $0.hasPrefix("etl dlq") || $0.hasPrefix(" ") }.joined(separator: "\n")
        #expect(status == 1 && said.contains("may not WRITE topic") && said.contains(others[1]), "\(said)")
    }
}
