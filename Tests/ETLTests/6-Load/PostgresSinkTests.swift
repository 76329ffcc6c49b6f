import ETL
import Log
import Postgres
import TestServices
import Testing

@Suite struct PostgresSinkTests {
    @Test func appendsAndMovesItsOffset() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TABLE t (id bigint, name text)")
        var sink = try fixture.sink(fixture.plan())
        #expect(
            try sink.positions(of: [0, 1]) == [
                SinkPosition(partition: 0, nextOffset: nil, rejected: []),
                SinkPosition(partition: 1, nextOffset: nil, rejected: []),
            ])
        sink.append([#"{"id":1,"name":"a"}"#, #"{"name":null,"id":2}"#])
        sink.append([#"{"id":3}"#], partition: 1, from: 100)
        #expect(sink.rows == 3)
        #expect(sink.bytes > 0)
        var refused = try sink.flush(
            offsets: [
                SinkOffset(partition: 0, expected: nil, next: 2),
                SinkOffset(partition: 1, expected: nil, next: 101),
            ], rejected: [])
        #expect(refused == [])
        sink.reset()
        #expect(sink.rows == 0 && sink.bytes == 0)
        refused = try sink.flush(offsets: [SinkOffset(partition: 0, expected: 2, next: 7)], rejected: [])
        #expect(try fixture.rows("SELECT * FROM t ORDER BY id") == [["1", "a"], ["2", nil], ["3", nil]])
        #expect(
            try fixture.rows("SELECT group_id, topic, partition, next_offset, rejected FROM etl_offsets ORDER BY partition")
                == [["g", "orders", "0", "7", "{}"], ["g", "orders", "1", "101", "{}"]])
        #expect(try sink.positions(of: [1, 0]).map(\.nextOffset) == [101, 7])
    }

    @Test func rejectedRecordsAreKeptWithTheOffset() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TABLE t (id int NOT NULL, \"odd/na~me\" int)")
        var sink = try fixture.sink(fixture.plan())
        let rejected = sink.append([
            #"{"id":1}"#, nil, "", "{", "[1]", #"{"id":null}"#, #"{"id":1,"it's \"new\"":1}"#,
            #"{"id":1,"odd/na~me":"x"}"#, "{\"id\":1} x", "{\"id\":\"\u{1}\"}",
        ])
        #expect(
            rejected.map(\.rejection.code) == [
                "load.tombstone", "parse.empty", "parse.truncated", "load.conversion", "load.null",
                "load.extra_field", "load.conversion", "parse.trailing", "parse.control",
            ])
        #expect(rejected.map(\.rejection.pointer) == ["", "", "", "", "/id", #"/it's "new""#, "/odd~1na~0me", "", ""])
        #expect(rejected[6].rejection.message == "Column odd/na~me (integer) takes a number written without fraction and exponent")
        _ = try sink.flush(offsets: [SinkOffset(partition: 0, expected: nil, next: 10)], rejected: rejected)
        sink.reset()
        let position = try sink.positions(of: [0])[0]
        let updatedMs = try #require(position.updatedMs)
        #expect(abs(updatedMs - wallClockMs()) < 300_000, "Postgres' clock, in milliseconds")
        #expect(position == SinkPosition(partition: 0, nextOffset: 10, rejected: rejected, updatedMs: updatedMs))
        _ = try sink.load([#"{"id":2}"#], from: 10, expected: 10)
        let next = try sink.positions(of: [0])[0]
        #expect(next.nextOffset == 11 && next.rejected.isEmpty && next.updatedMs ?? 0 >= updatedMs)
        #expect(try fixture.column("SELECT id FROM t ORDER BY 1") == ["1", "2"])
    }

    /// The dead letter must be the record, byte for byte.
    @Test func keepsRecordsUntilReset() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TABLE t (id int PRIMARY KEY)")
        var sink = try fixture.sink(fixture.plan())
        sink.append([#"{"id": 1}"#, #"{"id":1 }"#, #"{"id":2}"#])
        let refused = try sink.flush(offsets: [SinkOffset(partition: 0, expected: nil, next: 3)], rejected: [])
        #expect(refused.map(\.row) == [1])
        let record = sink.record(ofRow: 1)
        #expect(String(decoding: record.value, as: UTF8.self) == #"{"id":1 }"#)
        #expect(String(decoding: record.key, as: UTF8.self) == "key1")
        #expect(record.offset == 1 && record.timestamp == 1_700_000_000_000)
    }

    @Test func upsertTakesTheLastOfEachKey() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute(
            "CREATE TABLE t (a int, b text, v int, PRIMARY KEY (a, b)); INSERT INTO t VALUES (1, 'x', 0), (9, 'z', 9)")
        var sink = try fixture.sink(fixture.plan(mode: .upsert, keys: ["b", "a"]))
        #expect(
            try sink.load(
                [
                    #"{"a":1,"b":"x","v":1}"#, #"{"a":2,"b":"x","v":2}"#, #"{"a":1,"b":"x","v":3}"#,
                    #"{"a":null,"b":"x","v":3}"#,
                ], expected: nil) == [3])
        #expect(try sink.load([#"{"a":2,"b":"x","v":5}"#, #"{"a":3,"b":"x"}"#], from: 4, expected: 4) == [])
        #expect(
            try fixture.rows("SELECT * FROM t ORDER BY a") == [
                ["1", "x", "3"], ["2", "x", "5"], ["3", "x", nil], ["9", "z", "9"],
            ])
    }

    @Test func upsertOfKeysAlone() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TABLE t (etl_seq int PRIMARY KEY)")
        var sink = try fixture.sink(fixture.plan(mode: .upsert, keys: ["etl_seq"]))
        #expect(try sink.load([#"{"etl_seq":1}"#, #"{"etl_seq":1}"#], expected: nil) == [])
        #expect(try sink.load([#"{"etl_seq":1}"#, #"{"etl_seq":2}"#], from: 2, expected: 2) == [])
        #expect(try fixture.column("SELECT etl_seq FROM t ORDER BY 1") == ["1", "2"])
    }

    @Test func extraFields() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TABLE t (id int, more jsonb NOT NULL)")
        let values = [
            #"{"id":1,"x":1.50,"t\u00e4g\"":[null]}"#, #"{"id":2}"#, #"{"x":1,"id":3,"more":true,"x":2}"#,
            #"{"id":4,"z":"\u0000"}"#,
        ]
        var sink = try fixture.sink(fixture.plan(extraColumn: "more"))
        #expect(try sink.load(values, expected: nil) == [3])
        #expect(
            try fixture.rows("SELECT id, more FROM t ORDER BY 1")
                == [["1", #"{"x": 1.50, "täg\"": [null]}"#], ["2", "{}"], ["3", #"{"x": 2, "more": true}"#]])
        try fixture.admin.execute("CREATE TABLE u (id int)")
        var ignoring = try fixture.sink(fixture.plan("u", extraFields: .ignore))
        #expect(try ignoring.load(values, partition: 1, expected: nil) == [])
        #expect(try fixture.column("SELECT id FROM u ORDER BY 1") == ["1", "2", "3", "4"])
        try fixture.admin.execute("CREATE TABLE w (id int PRIMARY KEY, more jsonb)")
        var upserting = try fixture.sink(fixture.plan("w", mode: .upsert, keys: ["id"], extraColumn: "more"))
        #expect(try upserting.load(values, partition: 2, expected: nil) == [3])
        #expect(try fixture.column("SELECT more->>'x' FROM w ORDER BY id") == ["1.50", nil, "2"])
    }

    @Test func columnsWithDefaultsAreLeftOut() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute(
            """
            CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED, \
            at text NOT NULL DEFAULT 'now')
            """)
        var all = try fixture.sink(fixture.plan())
        let rejected = all.append([#"{"a":1}"#])
        #expect(
            rejected.map(\.rejection.message) == [
                "Column at (text) takes no null, and the record has null or no such field. "
                    + "It has a default: to get it, leave the column out through `columns`"
            ])
        var some = try fixture.sink(fixture.plan(columns: ["a"]))
        #expect(try some.load([#"{"a":1}"#], expected: nil) == [])
        #expect(try fixture.rows("SELECT * FROM t") == [["1", "1", "2", "now"]])
    }

    @Test func qualifiedNamesAndPartitionedTables() throws {
        let fixture = try PostgresFixture()
        let schema = fixture.schema + "_Sales.x"
        try fixture.admin.execute(
            """
            CREATE SCHEMA "\(schema)"; CREATE TABLE "\(schema)"."Or""ders" ("I d" int, "ü" text) PARTITION BY RANGE ("I d"); \
            CREATE TABLE "\(schema)".p PARTITION OF "\(schema)"."Or""ders" FOR VALUES FROM (0) TO (10)
            """)
        try fixture.admin.execute("ALTER TABLE \"\(schema)\".\"Or\"\"ders\" RENAME TO \"Orders\"")
        var sink = try fixture.sink(fixture.plan("\"\(schema)\".Orders"))
        // No partition takes 10: a row's fault.
        #expect(try sink.load([#"{"I d":1,"ü":"x"}"#, #"{"I d":10,"ü":"x"}"#], expected: nil) == [1])
        #expect(try fixture.column("SELECT \"I d\" FROM \"\(schema)\".p") == ["1"])
        #expect(try fixture.column("SELECT next_offset FROM \"\(schema)\".etl_offsets") == ["2"])
    }

    /// What `etl validate --live` and the start of a stage say.
    @Test(arguments: [
        ("nowhere", [String](), [String](), "postgres.table_missing", "no table 'nowhere'"),
        ("order", [], [], "postgres.table_missing", "Did you mean orders?"),
        ("a.b.c", [], [], "postgres.table_missing", "schema.table"),
        ("v", [], [], "postgres.not_a_table", "name a table"),
        ("orders", ["id", "nam"], [], "postgres.column_missing", "no column 'nam' (in `columns`). Did you mean name?"),
        ("orders", ["id", "twice"], [], "postgres.column_generated", "leave it out"),
        ("orders", ["id"], ["idd"], "postgres.column_missing", "Did you mean id?"),
        ("orders", ["id"], ["name"], "postgres.key_not_loaded", "add it to `columns`"),
        ("orders", [], ["name"], "postgres.key_index_missing", "CREATE UNIQUE INDEX ON"),
        ("orders", [], ["id", "name"], "postgres.key_index_missing", "(\"id\", \"name\")"),
        ("orders", [], ["part"], "postgres.key_index_missing", "(\"part\")"),
        ("orders", [], ["late"], "postgres.key_index_missing", "(\"late\")"),
        ("odd", [], [], "postgres.type_unsupported", "Column 'ip' of table"),
        ("forbidden", [], [], "postgres.permission", "may not INSERT"),
    ])
    func wrongPlans(table: String, columns: [String], keys: [String], code: String, words: String) throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute(
            """
            CREATE TABLE orders (id int PRIMARY KEY, name text, part int, late int, twice int GENERATED ALWAYS AS (id * 2) STORED); \
            CREATE UNIQUE INDEX ON orders (part) WHERE part > 0; ALTER TABLE orders ADD UNIQUE (late) DEFERRABLE; \
            CREATE VIEW v AS SELECT 1 AS one; CREATE TABLE odd (id int, ip inet); CREATE TABLE forbidden (id int); \
            REVOKE ALL ON forbidden FROM etl
            """)
        let error = sinkError {
            _ = try fixture.sink(fixture.plan(table, mode: keys.isEmpty ? .append : .upsert, keys: keys, columns: columns))
        }
        #expect(error?.kind == .configuration)
        #expect(error?.code == code)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test func wrongPasswordAndServer() throws {
        let fixture = try PostgresFixture()
        let wrong = sinkError { _ = try fixture.sink(fixture.plan(url: fixture.server.url(password: "hunter2"))) }
        #expect(wrong?.kind == .configuration && wrong?.code == "postgres.login")
        #expect(wrong?.message.contains("hunter2") == false)
        let away = sinkError { _ = try fixture.sink(fixture.plan(url: "postgres://etl:hunter2@127.0.0.1:1/etl")) }
        #expect(away?.kind == .service)
        #expect(away?.message.contains("hunter2") == false)
    }

    @Test func droppedOrChangedTable() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TABLE t (id int)")
        var sink = try fixture.sink(fixture.plan())
        #expect(try sink.load([#"{"id":1}"#], expected: nil) == [])
        try fixture.admin.execute("DROP TABLE t")
        sink.append([#"{"id":2}"#], from: 1)
        func flush(_ sink: inout PostgresSink) -> SinkError? {
            do { _ = try sink.flush(offsets: [SinkOffset(partition: 0, expected: 1, next: 2)], rejected: []) } catch {
                return error
            }
            return nil
        }
        let dropped = flush(&sink)
        #expect(dropped?.kind == .configuration && dropped?.code == "postgres.table_changed")
        try fixture.admin.execute("CREATE TABLE t (id bigint)")
        do {
            try sink.connect()
            Issue.record("a batch of other columns must not be flushed")
        } catch {
            #expect(error.kind == .fenced)
        }
        sink.reset()
        #expect(try sink.load([#"{"id":4294967296}"#], from: 1, expected: 1) == [])
        #expect(try fixture.column("SELECT id FROM t") == ["4294967296"])
    }

    /// Two loaders that both believe they own a partition: the second one's batch must not go in.
    @Test(arguments: [PostgresPlan.Mode.append, .upsert])
    func zombiesAreFenced(mode: PostgresPlan.Mode) throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TABLE t (id int PRIMARY KEY)")
        let plan = fixture.plan(mode: mode, keys: mode == .upsert ? ["id"] : [])
        var first = try fixture.sink(plan)
        var second = try fixture.sink(plan)
        #expect(try first.load([#"{"id":1}"#], expected: nil) == [])
        func outcome(_ sink: inout PostgresSink, _ values: [String], from: Int64, expected: Int64?, partition: Int32 = 0)
            -> SinkError?
        {
            do { _ = try sink.load(values, partition: partition, from: from, expected: expected) } catch {
                sink.reset()
                return error as? SinkError
            }
            return nil
        }
        #expect(outcome(&second, [#"{"id":2}"#], from: 0, expected: nil)?.kind == .fenced)
        #expect(outcome(&second, [#"{"id":2}"#], from: 1, expected: 1) == nil)
        #expect(outcome(&first, [#"{"id":3}"#], from: 1, expected: 1)?.kind == .fenced)
        // The same offsets, also to the same end: still another loader's batch.
        #expect(outcome(&first, [#"{"id":3}"#], from: 2, expected: 2) == nil)
        #expect(outcome(&second, [#"{"id":3}"#], from: 2, expected: 2)?.kind == .fenced)
        // A position that vanished isn't begun anew.
        #expect(outcome(&second, [#"{"id":4}"#], from: 5, expected: 5, partition: 7)?.kind == .fenced)
        #expect(try fixture.column("SELECT id FROM t ORDER BY 1") == ["1", "2", "3"])
    }

    /// One partition too late refuses the whole batch.
    @Test func fencedIsAllOrNothing() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TABLE t (id int)")
        var first = try fixture.sink(fixture.plan())
        var second = try fixture.sink(fixture.plan())
        #expect(try first.load([#"{"id":1}"#], partition: 1, expected: nil) == [])
        second.append([#"{"id":2}"#], partition: 0)
        second.append([#"{"id":2}"#], partition: 1)
        do {
            _ = try second.flush(
                offsets: [SinkOffset(partition: 0, expected: nil, next: 1), SinkOffset(partition: 1, expected: nil, next: 1)],
                rejected: [])
            Issue.record("not fenced")
        } catch {
            #expect(error.kind == .fenced)
            #expect(error.message.contains("partition 1 is at 1, expected at nothing"))
        }
        #expect(try second.positions(of: [0])[0].nextOffset == nil)
        #expect(try fixture.column("SELECT id FROM t") == ["1"])
    }
}
