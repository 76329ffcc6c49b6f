import Foundation
import Testing

extension DeadLetterTests {
    /// A stage that loads has no steps to try: its table says which letters would be refused again, and nothing is written there.
    @Test func aDryRunOfALoader() throws {
        let pipeline = try pipeline()
        try pipeline.sql("CREATE TABLE t (id bigint PRIMARY KEY, quantity smallint NOT NULL, total bigint)")
        try pipeline.sql("INSERT INTO t VALUES (1, 1, 1)")
        let values = [
            #"{"id":1,"quantity":1,"total":2}"#, #"{"id":2,"quantity":"many","total":2}"#, #"{"id":3,"quantity":40000,"total":2}"#,
            #"{"id":4,"total":2}"#, #"{"id":5,"quantity":1,"total":2,"colour":"red"}"#, "[]",
        ]
        let headers = [("code", "load.conversion"), ("topic", "\(pipeline.name).good")]
            .map { TestRecord.Header(name: "etl.dlq.\($0.0)", value: Array($0.1.utf8)) }
        try pipeline.send(values.map { TestRecord("k", $0, headers: headers) }, to: "load.dlq")
        let tried = try objects(try dlq(pipeline, "replay", "--stage=load", "--dry-run", "--format=json"))
        #expect(
            tried.map { "\($0["verdict"] ?? "") \($0["code"] ?? "")" } == [
                "converts ", "fails load.conversion", "fails load.range", "fails load.null", "fails load.extra_field",
                "fails load.conversion",
            ])
        #expect(tried.allSatisfy { $0["stage"] as? String == "load" })
        let text = try dlq(pipeline, "replay", "--stage=load", "--dry-run")
        #expect(text.contains("1 would be a row of the table, unless a constraint refuses it"), "\(text)")
        #expect(text.hasSuffix("  tried: the columns of table t of stage load; its constraints and triggers were not\n"), "\(text)")
        let schema = try #require(try pipeline.sql("SELECT current_schema()").first?.first ?? nil)
        #expect(try pipeline.sql("SELECT count(*) FROM pg_tables WHERE schemaname = '\(schema)'") == [["1"]], "no etl_offsets")
        #expect(try pipeline.count("t") == 1)
        try pipeline.sql("DROP TABLE t")
        #expect(try dlq(pipeline, "replay", "--stage=load", "--dry-run", status: 1).contains("[postgres.table_missing]"))
    }

    /// What stays doesn't count against the limit, dry or not; and of several readers it says whose steps were tried.
    @Test func aDryRunGoesAsFarAsTheRun() throws {
        let pipeline = try pipeline()
        try pipeline.write(
            "t.yaml",
            Self.topology.replacingOccurrences(
                of: "stages:", with: "stages:\n  audit: {from: raw, to: good, steps: [{check: {name: no, expr: \"false\"}}]}"))
        try pipeline.createTopics()
        let records = [("a", nil), ("b", "raw"), ("c", nil), ("d", "raw"), ("e", "raw")].map { key, topic in
            TestRecord(
                key, #"{"quantity":1}"#,
                headers: [("code", "check.failed")].map { .init(name: "etl.dlq.\($0.0)", value: Array($0.1.utf8)) }
                    + (topic.map { [.init(name: "etl.dlq.topic", value: Array("\(pipeline.name).\($0)".utf8))] } ?? []))
        }
        try pipeline.send(records, to: "validate.dlq")
        let dry = try objects(try dlq(pipeline, "replay", "--stage=validate", "--limit=2", "--dry-run", "--format=json"))
        #expect(dry.map { $0["verdict"] as? String } == ["kept", "passes", "kept", "passes"])
        #expect(dry.compactMap { $0["stage"] as? String } == ["validate", "validate"])
        let both = try dlq(pipeline, "replay", "--stage=validate", "--to=\(pipeline.name).raw", "--dry-run")
        #expect(both.contains("5 would fail again: check.failed no"), "\(both)")
        #expect(both.hasSuffix("  tried: the steps of stage audit; not those of validate, which reads it too\n"), "\(both)")
        let done = try summary(try dlq(pipeline, "replay", "--stage=validate", "--limit=2", "--format=json"))
        #expect(done["replayed"] as? Int == 2 && done["kept"] as? Int == 2)
    }
}
