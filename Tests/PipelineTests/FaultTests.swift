import Foundation
import Log
import TestServices
import Testing

@testable import ETL

/// What a command says, and with which status it ends, when something around it isn't as the topology needs it; and that going on
/// after it was mended loses and doubles nothing. Each is a row of docs/outcomes.md.
@Suite struct FaultTests {
    static let topology = """
        name: NAME
        kafka: {bootstrap_servers: BOOTSTRAP}
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

    /// Runs to the end; gives status and everything it said.
    private func run(_ process: CommandProcess) throws -> (status: Int32, words: String) {
        let status = try process.wait()
        return (status, process.errors + process.output)
    }

    private func numbers(_ range: Range<Int>) -> [TestRecord] {
        range.map { TestRecord("k\($0)", "{\"id\":\($0)}", partition: Int32($0 % 2)) }
    }

    @Test func missingTopic() throws {
        let pipeline = try Pipeline(Self.topology)
        let (status, words) = try run(try pipeline.stage("pass", "--until-end"))
        #expect(status == 1)
        #expect(words.contains("\(pipeline.name).in") && words.contains("don't exist") && words.contains("etl topics create"))
        #expect(words.contains("[log.topic_missing]"))
    }

    @Test func otherPartitionCount() throws {
        let pipeline = try Pipeline(Self.topology)
        try pipeline.createTopics()
        try pipeline.write("t.yaml", Self.topology.replacingOccurrences(of: "NAME.in, partitions: 2", with: "NAME.in, partitions: 5"))
        let (status, words) = try run(try pipeline.stage("pass", "--until-end"))
        #expect(status == 1)
        #expect(words.contains("topic \(pipeline.name).in has 2 partitions, the topology says 5") && words.contains("[topic.partitions]"))
    }

    /// Table, column and password: what stops a loader before the first record.
    @Test func postgresIsNotAsTheTopologySays() throws {
        let pipeline = try Pipeline(Self.topology)
        try pipeline.createTopics()
        let unknownTable = try run(try pipeline.stage("load", "--until-end"))
        #expect(unknownTable.status == 1)
        #expect(unknownTable.words.contains("[postgres.table_missing]") && unknownTable.words.contains("t"))

        try pipeline.sql("CREATE TABLE t (id int)")
        try pipeline.write("t.yaml", Self.topology.replacingOccurrences(of: "table: t,", with: "table: t, columns: [id, nope],"))
        let unknownColumn = try run(try pipeline.stage("load", "--until-end"))
        #expect(unknownColumn.status == 1)
        #expect(unknownColumn.words.contains("[postgres.column_missing]") && unknownColumn.words.contains("nope"))

        try pipeline.write("t.yaml", Self.topology)
        let url = try PostgresServer.shared.get().url(password: "not-the-password")
        let wrongPassword = try run(try pipeline.stage("load", "--until-end", url: url))
        #expect(wrongPassword.status == 1)
        #expect(wrongPassword.words.contains("[postgres.login]") && wrongPassword.words.contains("password authentication failed"))
        #expect(!wrongPassword.words.contains("not-the-password"))
    }

    @Test func brokerAway() throws {
        let pipeline = try Pipeline(Self.topology, bootstrap: "127.0.0.1:9")
        for process in [try pipeline.stage("pass"), try pipeline.etl("run", "--topology=\(pipeline.file)"), try pipeline.etl("topics", "check", "--topology=\(pipeline.file)")] {
            let (status, words) = try run(process)
            #expect(status == 4)
            #expect(words.contains("127.0.0.1:9"), "\(words)")
        }
    }

    @Test func postgresAway() throws {
        let pipeline = try Pipeline(Self.topology)
        try pipeline.createTopics()
        let (status, words) = try run(try pipeline.stage("load", url: "postgres://etl:not-the-password@127.0.0.1:9/etl"))
        #expect(status == 4)
        #expect(words.contains("[postgres.service]") && words.contains("127.0.0.1") && !words.contains("not-the-password"))
    }

    @Test func tableDroppedWhileItIsLoaded() throws {
        let pipeline = try Pipeline(Self.topology)
        try pipeline.createTopics()
        try pipeline.sql("CREATE TABLE t (id int)")
        let loader = try pipeline.stage("load")
        try pipeline.send(numbers(0..<1000), to: "in")
        try pipeline.wait("rows are loaded: \(loader.errors)") { try pipeline.count("t") > 0 }
        // What is loaded when it goes is kept aside, so that it can be counted.
        try pipeline.sql("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE; CREATE TABLE before AS SELECT * FROM t; DROP TABLE t; COMMIT")
        try pipeline.send(numbers(1000..<2000), to: "in")
        let (status, words) = try run(loader)
        #expect(status == 1)
        #expect(words.contains("[postgres.table_changed]") && words.contains("start again"), "\(words.suffix(500))")

        try pipeline.sql("CREATE TABLE t (id int)")
        #expect(try run(try pipeline.stage("load", "--until-end")).status == 0)
        let counts = try pipeline.sql("SELECT count(*), count(DISTINCT id), min(id), max(id) FROM (SELECT * FROM before UNION ALL SELECT * FROM t) a")
        #expect(counts == [["2000", "2000", "0", "1999"]])
        #expect(try pipeline.read("load.dlq").isEmpty)
    }

    /// A record that its output topic can't take stops the stage, with what to do; once the topic can, all arrive, in order.
    @Test(arguments: ["exactly_once", "at_least_once"]) func recordTooLargeForItsTopic(_ delivery: String) throws {
        let pipeline = try Pipeline(
            Self.topology.replacingOccurrences(of: "NAME.out, partitions: 2", with: "NAME.out, partitions: 2, properties: {max.message.bytes: \"20000\"}")
                .replacingOccurrences(of: "name: NAME\n", with: "name: NAME\ndelivery: \(delivery)\n"))
        try pipeline.createTopics()
        let large = TestRecord("large", "{\"id\":-1,\"note\":\"\(String(repeating: "n", count: 50_000))\"}")
        try pipeline.send(numbers(0..<500) + [large] + numbers(500..<1000), to: "in")
        let (status, words) = try run(try pipeline.stage("pass", "--until-end"))
        #expect(status == 1)
        #expect(words.contains("[log.record_too_large]") && words.contains("\(pipeline.name).out") && words.contains("max.message.bytes"), "\(words.suffix(800))")

        try KafkaBroker.shared().tool("configs", "--alter", "--topic", "\(pipeline.name).out", "--add-config", "max.message.bytes=1000000")
        let again = try run(try pipeline.stage("pass", "--until-end"))
        #expect(again.status == 0, "\(again.words.suffix(800))")
        let found = try pipeline.read("out").map { $0.keyText ?? "" }
        #expect(Set(found).count == 1001)
        if delivery == "exactly_once" { #expect(found.count == 1001) }
        #expect(try pipeline.read("pass.dlq").isEmpty)
    }
}
