import Foundation
import Kafka
import Log
import Postgres
import TestServices
import Testing

@testable import ETL

/// Services that go away in the middle of the work, and partitions that pause: what the process says of itself meanwhile, that it
/// keeps its place in the group, and that afterwards everything is there once.
@Suite struct AwayTests {
    static let topology = """
        name: NAME
        kafka: {bootstrap_servers: BOOTSTRAP, properties: {socket.timeout.ms: "10000"}}
        retry: {initial_ms: 20, max_ms: 200}
        circuit_breaker: {failures: 3, open_ms: 400}
        topics:
          in: {name: NAME.in, partitions: 2}
          out: {name: NAME.out, partitions: 2}
        stages:
          pass:
            from: in
            to: out
            steps: [{set: {seen: "true"}}]
          load:
            from: in
            load: {postgres: {url: "${secret:postgres_url}", table: t, mode: append, batch_ms: 50}}
        """

    private func numbers(_ range: Range<Int>) -> [TestRecord] {
        range.map { TestRecord("k\($0)", "{\"id\":\($0)}", partition: Int32($0 % 2)) }
    }

    /// Where a process listens, once it has said so.
    private func address(_ process: CommandProcess, _ pipeline: Pipeline) throws -> String {
        var found: String?
        try pipeline.wait("the process listens: \(process.errors)") {
            found = process.errors.firstMatch(of: /"event":"http.listening".*"address":"([^"]+)"/).map { String($0.1) }
            return found != nil
        }
        return found ?? ""
    }

    private func sample(_ metrics: String, _ name: String) -> Double? {
        metrics.split(separator: "\n").first { $0.hasPrefix(name + " ") }.flatMap { Double($0.dropFirst(name.count + 1)) }
    }

    private func count(_ event: String, _ process: CommandProcess) -> Int {
        process.errors.ranges(of: "\"event\":\"\(event)\"").count
    }

    @Test func postgresStopsInMidLoad() throws {
        let pipeline = try Pipeline(Self.topology)
        let server = try PostgresServer.own()
        defer { server.remove() }
        try pipeline.createTopics()
        let table = try Connection(url: server.url(), applicationName: "etl test")
        try table.execute("CREATE TABLE t (id int)")
        let loader = try pipeline.stage("load", "--http=127.0.0.1:0", url: server.url())
        let http = "http://" + (try address(loader, pipeline))
        try pipeline.send(numbers(0..<5000), to: "in")
        try pipeline.wait("rows are loaded: \(loader.errors)") {
            (try table.execute("SELECT count(*) FROM t").last?.rows.first?[0]).map { $0 != "0" } ?? false
        }
        #expect(curl("\(http)/health/ready").status == 200)

        try server.stop()
        try pipeline.send(numbers(5000..<9000), to: "in")
        try pipeline.wait("the circuit opens: \(loader.errors)") { curl("\(http)/health/ready").status == 503 }
        try pipeline.wait("it is told: \(loader.errors)") { count("circuit.opened", loader) >= 1 }
        let opened = count("circuit.opened", loader)
        #expect(opened == 1)
        try pipeline.send(numbers(9000..<10_000), to: "in")
        let circuit = "etl_circuit_breaker_state{topology=\"\(pipeline.name)\",stage=\"load\",service=\"postgres\",state"
        try pipeline.wait("it shows in the metrics") { sample(curl("\(http)/metrics").body, circuit + "=\"open\"}") == 1 }
        // Open or just being tried: either way it says why, for each partition.
        let ready = curl("\(http)/health/ready")
        #expect(ready.status == 503 && ready.body.contains("load: postgres is away"), "\(ready)")
        let status = curl("\(http)/status").body
        #expect(status.contains("\"why\": \"postgres is away: ") && status.contains("\"paused\": true"), "\(status)")
        #expect(!status.contains("etl-secret") && !ready.body.contains("etl-secret"))
        #expect(curl("\(http)/health/live").status == 200)

        try server.restart()
        let again = try Connection(url: server.url(), applicationName: "etl test")
        try pipeline.wait("all rows are loaded: \(loader.errors.suffix(2000))") {
            try again.execute("SELECT count(*) FROM t").last?.rows == [["10000"]]
        }
        #expect(try again.execute("SELECT count(*), count(DISTINCT id) FROM t").last?.rows == [["10000", "10000"]])
        try pipeline.wait("it is ready again: \(curl("\(http)/health/ready").body)") { curl("\(http)/health/ready").status == 200 }
        try pipeline.wait("the circuit closed: \(loader.errors.suffix(2000))") { count("circuit.closed", loader) == 1 }
        #expect(count("stage.partitions", loader) == 1, "assigned once, and never moved")
        #expect(try pipeline.read("load.dlq").isEmpty)
        loader.terminate()
        #expect(try loader.wait() == 0)
    }

    /// A broker that hangs, and one that is gone.
    @Test(arguments: [false, true], ["exactly_once", "at_least_once"]) func kafkaGoesAway(_ isCrash: Bool, _ delivery: String)
        throws
    {
        // A broker that hangs for longer than its session has no leader for its partitions for a moment when it goes on, unless there
        // are replicas. Kafka 4's transaction coordinator takes such for deleted and writes no abort marker there ("likely deleted
        // already", says its log), so that what was aborted is committed with what follows: KAFKA-20734.
        let broker = try KafkaBroker(
            directory: NSTemporaryDirectory() + "/etl-away-kafka.\(UUID().uuidString.prefix(8))",
            arguments: isCrash ? [] : ["--set", "broker.session.timeout.ms=600000"])
        defer { broker.destroy() }
        let pipeline = try Pipeline("delivery: \(delivery)\n" + Self.topology, bootstrap: broker.bootstrap)
        try pipeline.createTopics()
        let stage = try pipeline.stage("pass", "--http=127.0.0.1:0", url: "postgres://nobody@localhost/x")
        let http = "http://" + (try address(stage, pipeline))
        try pipeline.send(numbers(0..<3000), to: "in")
        try pipeline.wait("records are written: \(stage.errors)") { try pipeline.end("out") >= 3000 }
        try pipeline.wait("it is ready: \(curl("\(http)/health/ready").body)") { curl("\(http)/health/ready").status == 200 }

        // Sent but not all processed when the broker goes.
        try pipeline.send(numbers(3000..<20_000), to: "in")
        if isCrash { try broker.crash() } else { try broker.pause() }
        try pipeline.wait("the circuit opens: \(stage.errors.suffix(1000))", seconds: 90) {
            sample(
                curl("\(http)/metrics").body,
                "etl_circuit_breaker_opened_total{topology=\"\(pipeline.name)\",stage=\"pass\",service=\"kafka\"}") ?? 0 > 0
        }
        let ready = curl("\(http)/health/ready")
        #expect(ready.status == 503 && ready.body.contains("pass: kafka is away"), "\(ready)")
        #expect(stage.isRunning)

        if isCrash { try broker.restart() } else { try broker.resume() }
        try pipeline.wait("the broker answers", seconds: 60) { (try? pipeline.kafka.offsets(topic: "\(pipeline.name).in")) != nil }
        try pipeline.send(numbers(20_000..<21_000), to: "in")
        try pipeline.wait("it is ready again: \(curl("\(http)/health/ready").body) \(stage.errors.suffix(3000))", seconds: 150) {
            curl("\(http)/health/ready").status == 200
        }
        stage.terminate()
        #expect(try stage.wait() == 0, "\(stage.errors.suffix(2000))")
        #expect(try pipeline.stage("pass", "--until-end", url: "postgres://nobody@localhost/x").wait(seconds: 90) == 0)
        let found = try pipeline.read("out").map { $0.keyText ?? "" }
        #expect(Set(found).count == 21_000)
        #expect(try pipeline.read("pass.dlq").isEmpty)
        if delivery == "exactly_once" { #expect(found.count == 21_000) }
    }

    /// Nothing was begun, so there is nothing to complain of.
    @Test(arguments: ["pass", "load"]) func aStopWhileItWaitsForKafkaAtTheStartIsNoFailure(_ name: String) throws {
        let pipeline = try Pipeline(Self.topology, bootstrap: "127.0.0.1:1")
        let stage = try pipeline.stage(name, url: "postgres://nobody@localhost/x")
        try pipeline.wait("it is refused: \(stage.errors)") { stage.errors.contains("refused") }
        stage.terminate()
        #expect(try stage.wait() == 0, "\(stage.errors)")
    }

    /// With work in hand and no broker, each kind of member must end when it is told to, whatever call of librdkafka it is in.
    @Test(arguments: [("pass", "exactly_once"), ("pass", "at_least_once"), ("load", "exactly_once")], [false, true])
    func aStopWhileKafkaIsAwayEnds(_ member: (stage: String, delivery: String), _ isCrash: Bool) throws {
        let broker = try KafkaBroker(directory: NSTemporaryDirectory() + "/etl-stop-kafka.\(UUID().uuidString.prefix(8))")
        defer { broker.destroy() }
        let pipeline = try Pipeline("delivery: \(member.delivery)\n" + Self.topology, bootstrap: broker.bootstrap)
        try pipeline.createTopics()
        try pipeline.sql("CREATE TABLE t (id int)")
        let stage = try pipeline.stage(member.stage, "--http=127.0.0.1:0")
        let http = "http://" + (try address(stage, pipeline))
        try pipeline.send(numbers(0..<30_000), to: "in")
        try pipeline.wait("something is done: \(stage.errors)") {
            (sample(
                curl("\(http)/metrics").body, "etl_records_written_total{topology=\"\(pipeline.name)\",stage=\"\(member.stage)\"}")
                ?? 0) > 0
        }
        try pipeline.send(numbers(30_000..<60_000), to: "in")
        if isCrash { try broker.crash() } else { try broker.pause() }
        stage.terminate()
        // Kubernetes gives it 30 s, unless told otherwise; this machine may be busy.
        let status = try stage.wait(seconds: 60)
        #expect([0, 4].contains(status), "\(status): \(stage.errors.suffix(2000))")
    }

    static let picky = """
        name: NAME
        kafka: {bootstrap_servers: BOOTSTRAP}
        http: {listen: "127.0.0.1:0", token: "${secret:http_token}"}
        dead_letter: {max_rate: 0.5, window: 20}
        topics:
          in: {name: NAME.in, partitions: 2}
          out: {name: NAME.out, partitions: 2}
        stages:
          pass:
            from: in
            to: out
            steps: [{check: {name: good, expr: message.good}}]
        """

    private func records(_ count: Int, good: Bool, partition: Int32) -> [TestRecord] {
        (0..<count).map { TestRecord("k\($0)", "{\"good\":\(good)}", partition: partition) }
    }

    /// From the first pause to the end: log, metrics, `etl status`, `etl resume`, POST /resume, a drain that can't end, a restart.
    @Test func aPartitionPausesAndGoesOn() throws {
        let pipeline = try Pipeline(Self.picky)
        try pipeline.plan(["http_token": "sesame-sesame-sesame"]).requireTopics(pipeline.kafka, create: true)
        try pipeline.write("secrets/http_token", "sesame-sesame-sesame")
        let secrets = ["ETL_SECRETS_DIR": "\(pipeline.folder)/secrets"]
        let (program, file) = (CommandProcess.Program.self, "--topology=\(pipeline.file)")
        let stage = try CommandProcess(program.stage, [file, "--stage=pass"], environment: secrets)
        let http = "http://" + (try address(stage, pipeline))
        let token = "Authorization: Bearer sesame-sesame-sesame"
        try pipeline.send(records(30, good: true, partition: 0) + records(100, good: false, partition: 0), to: "in")
        try pipeline.send(records(50, good: true, partition: 1), to: "in")
        // Eleven of the last twenty.
        try pipeline.wait("the partition pauses: \(stage.errors)") { count("partition.paused", stage) == 1 }
        #expect(
            stage.errors.contains(
                "partition 0, is paused at offset 41: 11 of its last 20 records failed, the last with check.failed"),
            "\(stage.errors)")
        #expect(
            stage.errors.contains(
                "etl resume --topology=\(pipeline.file.replacingOccurrences(of: "//", with: "/")) --stage=pass --partition=0"))
        try pipeline.wait("the other partition goes on") { try pipeline.read("out").count == 80 }
        #expect(try pipeline.read("pass.dlq").count == 11)
        #expect(curl("\(http)/metrics").status == 401)
        let metrics = curl("-H", token, "\(http)/metrics").body
        let own = "topology=\"\(pipeline.name)\",stage=\"pass\""
        #expect(sample(metrics, "etl_partition_paused{\(own),partition=\"0\"}") == 1)
        #expect(sample(metrics, "etl_partitions_paused{\(own)}") == 1)
        #expect(curl("-H", token, "\(http)/status").body.contains("\"why\": \"11 of its last 20 records failed"))
        // What is paused isn't away.
        #expect(curl("\(http)/health/ready").status == 200)

        let status = try CommandProcess(program.etl, ["status", file, "--format=json", "--sample=0"], environment: secrets)
        #expect(try status.wait() == 0, "\(status.errors)")
        let letters = status.output.firstMatch(of: /"dead_letters_at_most": (\d+)/).flatMap { Int($0.1) } ?? -1
        #expect((11...22).contains(letters) && status.output.contains("\"lag\": 89"), "\(status.output)")

        let wrong = try CommandProcess(program.etl, ["resume", file, "--stage=pass", "--partition=7"], environment: secrets)
        #expect(try wrong.wait() == 2 && wrong.errors.contains("has partitions 0 to 1"), "\(wrong.errors)")
        for round in 2...3 {
            let resume = try CommandProcess(
                program.etl, ["resume", file, "--stage=pass"] + (round == 2 ? ["--partition=0"] : []), environment: secrets)
            #expect(try resume.wait() == 0, "\(resume.errors)")
            try pipeline.wait("it pauses again: \(stage.errors.suffix(1500))") { count("partition.paused", stage) == round }
            #expect(try pipeline.read("pass.dlq").count == 11 * round)
        }
        #expect(curl("-X", "POST", "\(http)/resume?stage=pass").status == 401)
        #expect(curl("-X", "POST", "-H", token, "\(http)/resume?stage=pass") == (200, "{\"resumed\":[0]}\n"))
        try pipeline.wait("it pauses again: \(stage.errors.suffix(1500))") { count("partition.paused", stage) == 4 }
        #expect(try pipeline.read("pass.dlq").count == 44)
        stage.terminate()
        #expect(try stage.wait() == 0)

        // A restart begins a new window; a drain that meets a pause ends, and says why. Requests of before don't count for it.
        let drain = try CommandProcess(program.stage, [file, "--stage=pass", "--until-end"], environment: secrets)
        #expect(try drain.wait() == 1)
        #expect(drain.errors.contains("[stage.paused]") && drain.errors.contains("at offset 85"), "\(drain.errors)")
        #expect(try pipeline.read("pass.dlq").count == 55)

        // The topology mended, everything arrives.
        try pipeline.write("t.yaml", Self.picky.replacingOccurrences(of: "expr: message.good", with: "expr: 'true'"))
        let mended = try CommandProcess(program.stage, [file, "--stage=pass", "--until-end"], environment: secrets)
        #expect(try mended.wait() == 0, "\(mended.errors)")
        #expect(try pipeline.read("out").count == 80 + 45)
        #expect(try pipeline.read("pass.dlq").count == 55)
    }

    /// In memory the extractor waits for a stage that paused: the run must end, not hang.
    @Test func aRunInMemoryEndsWhenItPauses() throws {
        let rows = (0..<60_000).map { "\($0),\(String(repeating: "x", count: 1000))" }
        let pipeline = try Pipeline(
            """
            name: NAME
            memory_mb: 16
            topics: {in: {name: NAME.in, partitions: 2}, out: {name: NAME.out}}
            extractors: {rows: {to: in, csv: {path: rows.csv, columns: {n: int}}}}
            stages:
              pass: {from: in, to: out, steps: [{check: {name: good, expr: message.n < 100}}]}
            """, files: ["rows.csv": "n,text\n" + rows.joined(separator: "\n") + "\n"])
        let run = try pipeline.etl("run", "--topology=\(pipeline.file)")
        #expect(try run.wait() == 1)
        #expect(
            run.errors.contains("[stage.paused]") && run.errors.contains("501 of its last 1000 records failed"),
            "\(run.errors.suffix(1500))")
    }

    @Test func whatCantBeListenedOn() throws {
        let pipeline = try Pipeline(Self.topology)
        try pipeline.createTopics()
        for (words, status, says) in [
            (["--http=0.0.0.0:0"], 3, "[http.open]"), (["--http=nonsense"], 2, "no HOST:PORT"),
            (["--http=no.such.host.invalid:0"], 3, "[http.open]"),
        ] as [([String], Int32, String)] {
            let stage = try CommandProcess(
                .stage, ["--topology=\(pipeline.file)", "--stage=pass"] + words,
                environment: ["postgres_url": "postgres://nobody@localhost/x"])
            #expect(try stage.wait() == status, "\(words): \(stage.errors)")
            #expect(stage.errors.contains(says), "\(words): \(stage.errors)")
        }
    }
}
