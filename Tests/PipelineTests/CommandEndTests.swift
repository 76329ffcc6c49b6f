import Foundation
import Glibc
import Kafka
import Log
import Postgres
import TestServices
import Testing

@testable import ETL

/// If these fail, a command says it has done what it hasn't, or leaves whoever runs it guessing.
struct CommandEndTests {
    private static let yaml = """
        name: NAME
        kafka: {bootstrap_servers: "${BROKER:-KAFKA}"}
        logging: {level: warning}
        topics:
          raw:  {name: NAME.raw, partitions: 3}
          load: {name: NAME.load}
        stages:
          pass: {from: raw, to: load, steps: [check: {name: has_id, expr: has(message.id)}]}
          load_postgres:
            from: load
            load:
              postgres:
                {url: "${PG}", table: "${TABLE:-things}", mode: append, columns: ["${COLUMN:-id}"], batch_rows: 100, batch_ms: 20}
        """

    /// What stops a loader's process at its start: variables, exit status, what its error names.
    struct Start: Sendable {
        let name: String
        let variables: [String: String]
        let status: Int32
        let words: [String]
    }
    private static let starts = [
        Start(name: "unknown table", variables: ["TABLE": "nothing"], status: 1, words: ["[postgres.table_missing]", "nothing"]),
        Start(name: "unknown column", variables: ["COLUMN": "it"], status: 1, words: ["[postgres.column_missing]", "'it'", "id"]),
        Start(name: "wrong password", variables: ["PASSWORD": "sesame-1"], status: 1, words: ["[postgres.login]"]),
        Start(
            name: "Postgres away", variables: ["PG": "postgres://etl:sesame-1@127.0.0.1:1/etl"], status: 4,
            words: ["[postgres.service]", "127.0.0.1"]),
        Start(name: "broker away", variables: ["BROKER": "127.0.0.1:1"], status: 4, words: ["127.0.0.1:1"]),
    ]

    @Test func aLoaderThatCannotStartSaysWhy() throws {
        let schema = try Schema("CREATE TABLE things (id integer)")
        let topology = try Topology(Self.yaml, variables: ["PG": schema.url])
        let missing = try topology.stage("load_postgres").wait()
        #expect(missing.status == 1 && missing.err.contains("[log.topic_missing]") && missing.err.contains("etl topics create"))
        #expect(try topology.etl("topics", "check", "--topology=\(topology.file)").status == 1)
        #expect(try topology.etl("topics", "create", "--topology=\(topology.file)").status == 0)
        let check = try topology.etl("topics", "check", "--topology=\(topology.file)", "--format=json")
        #expect(check.status == 0 && check.out.split(separator: "\n").count == 4)
        for line in check.out.split(separator: "\n") { _ = try JSONSerialization.jsonObject(with: Data(line.utf8)) }
        let server = try PostgresServer.shared.get()
        let programs = try Self.starts.map { start in
            var variables = ["PG": schema.url].merging(start.variables) { $1 }
            if let password = variables["PASSWORD"] { variables["PG"] = server.url(password: password) }
            return (
                start,
                try Program(
                    "etl-stage", ["--topology=\(topology.file)", "--stage=load_postgres"], in: topology.folder,
                    variables: variables)
            )
        }
        for (start, program) in programs {
            let end = try program.wait()
            #expect(end.status == start.status, "\(start.name): \(end.err)")
            for word in start.words { #expect(end.err.contains(word), "\(start.name): \(end.err)") }
            #expect(!(end.err + end.out).contains("sesame-1"), "\(start.name)")
        }
        // The topic has 3 partitions; the topology now says 5.
        try topology.write(Self.yaml.replacingOccurrences(of: "partitions: 3", with: "partitions: 5"))
        let other = try topology.stage("pass").wait()
        #expect(other.status == 1 && other.err.contains("[topic.partitions]") && other.err.contains("has 3 partitions"))
    }

    @Test(arguments: ["exactly_once", "at_least_once"])
    func aStoppedStageGoesOnWithoutLoss(_ delivery: String) throws {
        let yaml = Self.yaml.replacingOccurrences(of: "name: NAME\n", with: "name: NAME\ndelivery: \(delivery)\n")
        let topology = try Topology(yaml, variables: ["PG": "postgres://localhost/none"])
        let (plan, log) = (try topology.plan(), try kafka())
        try plan.requireTopics(log, create: true)
        let first = try topology.stage("pass", "--instance=a")
        // Written to as long as it runs, so that it is stopped in mid-stream.
        var count = 0
        func write() throws {
            try log.write(
                (0..<1500).map { Record("\(count + $0)", #"{"id":\#(count + $0)}"#, partition: Int32($0 % 3)) },
                to: "\(topology.name).raw")
            count += 1500
        }
        var isStopped = false
        try eventually("the stage was stopped and ended") {
            try write()
            if !isStopped, try log.offsets(topic: "\(topology.name).load").contains(where: { $0.end > 0 }) {
                first.signal(SIGTERM)
                isStopped = true
            }
            return first.hasEnded
        }
        let end = try first.wait()
        #expect(end.status == 0, "\(end.err)")
        let before = try log.read("\(topology.name).load").count
        #expect(before > 0 && before < count)
        let second = try topology.stage("pass", "--instance=b", "--threads=3", "--until-end").wait()
        #expect(second.status == 0, "\(second.err)")
        let ids = try log.read("\(topology.name).load").map(\.keyText)
        #expect(Set(ids).count == count)
        if delivery == "exactly_once" { #expect(ids.count == count) }
    }

    @Test func aTableDroppedInMidLoadStopsTheLoaderAndNothingIsLost() throws {
        let schema = try Schema("CREATE TABLE things (id integer)")
        let topology = try Topology(Self.yaml, variables: ["PG": schema.url])
        let (plan, log) = (try topology.plan(), try kafka())
        try plan.requireTopics(log, create: true)
        let first = try topology.stage("load_postgres")
        var count = 0
        func write() throws {
            try log.write(
                (0..<300).map { Record(nil, #"{"id":\#(count + $0)}"#, partition: Int32($0 % 3)) }, to: "\(topology.name).load")
            count += 300
        }
        try eventually("rows arrived") {
            try write()
            return try first.hasEnded || schema.count("things") > 0
        }
        try schema.admin.execute(
            "BEGIN; LOCK TABLE things IN ACCESS EXCLUSIVE MODE; CREATE TABLE before AS TABLE things; DROP TABLE things; COMMIT")
        try eventually("the loader stopped") {
            try write()
            return first.hasEnded
        }
        let end = try first.wait()
        #expect(
            end.status == 1 && end.err.contains("[postgres.table_changed]") && end.err.contains("things"),
            "\(end.status) \(end.err)")
        try schema.admin.execute("CREATE TABLE things (id integer)")
        let second = try topology.stage("load_postgres", "--until-end").wait()
        #expect(second.status == 0, "\(second.err)")
        let all = try schema.rows("SELECT count(*), count(DISTINCT id) FROM (TABLE things UNION ALL TABLE before) AS t")
        #expect(all == [["\(count)", "\(count)"]])
        #expect(try schema.count("before") > 0 && schema.count("things") > 0)
    }

    @Test func anExtractorReadsEachRowOnceAndStopsAtABadOne() throws {
        let yaml = """
            name: NAME
            kafka: {bootstrap_servers: KAFKA}
            logging: {level: warning}
            topics: {raw: {name: NAME.raw, partitions: 2}}
            extractors:
              files: {to: raw, key: message.id, csv: {path: "*.csv", columns: {n: int}, on_bad_row: ON_BAD_ROW}}
            """
        let topology = try Topology(
            yaml.replacingOccurrences(of: "ON_BAD_ROW", with: "dead_letter"), files: ["a.csv": "id,n\na,1\nb,2\n"])
        let log = try kafka()
        for count in [2, 2] {
            #expect(try topology.etl("extract", "--topology=\(topology.file)", "--create-topics").status == 0)
            #expect(try log.read("\(topology.name).raw").count == count)
        }
        let stopping = try Topology(
            yaml.replacingOccurrences(of: "ON_BAD_ROW", with: "stop"), files: ["b.csv": "id,n\nc,3\nd,four\n"])
        let end = try stopping.etl("extract", "--topology=\(stopping.file)", "--create-topics")
        #expect(end.status == 1 && end.err.contains("[csv.type]") && end.err.contains("b.csv:3: row 2"), "\(end.status) \(end.err)")
        #expect(try log.read("\(stopping.name).raw").isEmpty)
        // The row mended, it goes on, and nothing is there twice.
        try stopping.write("b.csv", "id,n\nc,3\nd,4\n")
        #expect(try stopping.etl("extract", "--topology=\(stopping.file)").status == 0)
        #expect(try log.read("\(stopping.name).raw").map(\.keyText).sorted() == ["c", "d"])
    }

    // command line, exit status, what it prints
    @Test(
        arguments: [
            ("", 2, "Usage:"), ("nosuch", 2, "unknown verb 'nosuch'"), ("run --nosuch=1", 2, "--nosuch"), ("validate", 2, "FILE"),
            ("validate FILE", 0, "exactly"), ("validate FILE --format=json", 0, "{"),
            ("list --dir=DIR --format=json", 0, #""name":"NAME""#),
            ("validate DIR/wrong.yaml", 3, "wrong.yaml:3:1"), ("validate DIR/none.yaml", 3, "none.yaml"),
            ("run --topology=FILE --format=json", 0, #""out":2"#),
        ] as [(String, Int32, String)])
    func exitStatuses(line: String, status: Int32, word: String) throws {
        let topology = try Topology(
            """
            name: NAME
            topics: {raw: {name: NAME.raw, partitions: 1}, out: {name: NAME.out}}
            extractors: {files: {to: raw, csv: {path: "*.csv"}}}
            stages: {pass: {from: raw, to: out, steps: [filter: message.id != '']}}
            """, files: ["a.csv": "id\n1\n2\n"])
        func filled(_ text: String) -> String {
            text.replacingOccurrences(of: "FILE", with: text == word ? "FILE" : topology.file)
                .replacingOccurrences(of: "DIR", with: topology.folder).replacingOccurrences(of: "NAME", with: topology.name)
        }
        if line.contains("wrong.yaml") { try topology.write("wrong.yaml", "name: x\n\nstagse: {}\n") }
        let end = try Program("etl", filled(line).split(separator: " ").map(String.init), in: topology.folder).wait()
        #expect(end.status == status, "\(end.out)\(end.err)")
        #expect((end.out + end.err).contains(filled(word)), "\(end.out)\(end.err)")
        if line.contains("--format=json") {
            // One value a line, or laid out over lines that end with the closing brace.
            let isLaidOut = end.out.hasPrefix("{\n")
            let texts =
                isLaidOut
                ? end.out.components(separatedBy: "\n}\n").dropLast().map { $0 + "\n}" }
                : Array(end.out.components(separatedBy: "\n").dropLast())
            #expect(!texts.isEmpty)
            for text in texts { _ = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed) }
        }
    }
}
