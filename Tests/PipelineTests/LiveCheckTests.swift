import Foundation
import Kafka
import TestServices
import Testing

@testable import ETL

/// `etl validate --live` finds, before anything runs, what would stop it later, and shows the place in the topology.
@Suite struct LiveCheckTests {
    static let topology = """
        name: NAME
        kafka: {bootstrap_servers: BOOTSTRAP}
        topics:
          raw: {name: NAME.raw, partitions: 2}
          other: {name: NAME.other, partitions: 3}
        extractors: {rows: {to: raw, csv: {path: "t.yaml"}}}
        stages:
          pass: {from: raw, to: other}
          load:
            from: other
            load:
              postgres:
                url: "${secret:postgres_url}"
                table: t
                mode: upsert
                keys: [id]
                columns: [id, note]
        """

    private func check(_ pipeline: Pipeline, _ more: String..., url: String? = nil) throws -> (status: Int32, words: String) {
        let process = try CommandProcess(
            .etl, ["validate", "--live", pipeline.file] + more, environment: ["postgres_url": try url ?? pipeline.url()])
        let status = try process.wait()
        return (status, process.output + process.errors)
    }

    @Test func whatIsMissingAndThenNothing() throws {
        let pipeline = try Pipeline(Self.topology)
        let before = try check(pipeline)
        #expect(before.status == 1)
        for expected in [
            "t.yaml:4:15: error: topic `\(pipeline.name).raw` doesn't exist", "t.yaml:5:17: error: topic",
            "t.yaml:8:3: error: topic",
            "t.yaml:14:16: error: There is no table 't'", "[postgres.table_missing]", "etl topics create",
        ] { #expect(before.words.contains(expected), "\(expected): \(before.words)") }

        try pipeline.createTopics()
        try pipeline.sql("CREATE TABLE t (id int, nte text, must int NOT NULL)")
        try pipeline.write("t.yaml", Self.topology.replacingOccurrences(of: "partitions: 3", with: "partitions: 4"))
        let wrong = try check(pipeline)
        #expect(wrong.status == 1)
        for expected in [
            "t.yaml:5:17: error: topic `\(pipeline.name).other` has 3 partitions, the plan says 4", "[topic.partitions]",
            "t.yaml:16:16: error: Upsert by (\"id\") needs a unique index", "[postgres.key_index_missing]",
            "t.yaml:17:23: error: Table", "Did you mean nte?", "[postgres.column_missing]",
            "t.yaml:14:16: warning: Column 'must'", "[postgres.column_unloaded]",
        ] { #expect(wrong.words.contains(expected), "\(expected): \(wrong.words)") }
        let json = try check(pipeline, "--format=json")
        #expect(json.words.contains("topic.partitions") && json.words.contains("\"line\": 5,"))

        try pipeline.write("t.yaml", Self.topology)
        try pipeline.sql("ALTER TABLE t RENAME nte TO note; ALTER TABLE t DROP must; ALTER TABLE t ADD PRIMARY KEY (id)")
        let sound = try check(pipeline)
        #expect(sound.status == 0, "\(sound.words)")
        #expect(sound.words.contains("asked Kafka at") && sound.words.contains("asked Postgres for table t"))
        // Nothing was made by looking.
        #expect(try pipeline.sql("SELECT to_regclass('etl_offsets') IS NULL") == [["t"]])
        #expect(
            try pipeline.kafka.committedOffsets(group: "etl.\(pipeline.name).load", topic: "\(pipeline.name).other") == [
                nil, nil, nil,
            ])
    }

    @Test func rightsInPostgres() throws {
        let pipeline = try Pipeline(Self.topology)
        try pipeline.createTopics()
        try pipeline.sql("CREATE TABLE t (id int PRIMARY KEY, note text)")
        let role = "r_" + pipeline.name
        try pipeline.asSuperuser(
            "CREATE ROLE \(role) LOGIN PASSWORD 'hunter2-secret'; GRANT USAGE ON SCHEMA \(pipeline.name)_s TO \(role); "
                + "GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA \(pipeline.name)_s TO \(role)")
        let url =
            try PostgresServer.shared.get().url(user: role, password: "hunter2-secret")
            + "?options=-csearch_path%3D\(pipeline.name)_s"
        let denied = try check(pipeline, url: url)
        #expect(denied.status == 1)
        #expect(denied.words.contains("t.yaml:14:16: error: The role may not INSERT on table"), "\(denied.words)")
        #expect(denied.words.contains("may not create table") && denied.words.contains("etl_offsets"), "\(denied.words)")
        #expect(!denied.words.contains("hunter2"))
        let login = try check(pipeline, url: PostgresServer.shared.get().url(user: role, password: "not-hunter2"))
        #expect(login.status == 1)
        #expect(
            login.words.contains("t.yaml:13:14: error:") && login.words.contains("[postgres.login]")
                && !login.words.contains("hunter2"))
    }

    @Test func servicesThatAreAway() throws {
        let pipeline = try Pipeline(Self.topology, bootstrap: "127.0.0.1:9")
        let (status, words) = try check(pipeline, url: "postgres://etl:hunter2-secret@127.0.0.1:9/etl")
        #expect(status == 4)
        #expect(words.contains("t.yaml:2:28: error: Kafka at 127.0.0.1:9 can't be reached"), "\(words)")
        #expect(
            words.contains("t.yaml:13:14: error:") && words.contains("[postgres.service]") && !words.contains("hunter2"), "\(words)"
        )
    }
}
