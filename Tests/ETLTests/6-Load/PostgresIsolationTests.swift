import ETL
import Postgres
import Testing

/// Bad rows among good ones: only the bad ones stay out, in the same transaction.
@Suite struct PostgresIsolationTests {
    static let count = 5000

    func load(
        _ ddl: String, _ plan: (PostgresFixture) -> PostgresPlan, bad: [Int: String], count: Int = count,
        good: (Int) -> String
    ) throws -> (fixture: PostgresFixture, refused: [RejectedRecord]) {
        let fixture = try PostgresFixture()
        try fixture.admin.execute(ddl)
        var sink = try fixture.sink(plan(fixture))
        #expect(sink.append((0..<count).map { bad[$0] ?? good($0) }) == [])
        let refused = try sink.flush(offsets: [SinkOffset(partition: 0, expected: nil, next: Int64(count))], rejected: [])
        #expect(refused.map(\.row) == bad.keys.sorted())
        #expect(refused.map(\.rejected.offset) == bad.keys.sorted().map(Int64.init))
        sink.reset()
        #expect(try sink.positions(of: [0])[0].rejected == refused.map(\.rejected))
        #expect(try fixture.column("SELECT count(*) FROM t") == ["\(count - bad.count)"])
        return (fixture, refused.map(\.rejected))
    }

    @Test func uniqueViolationsAmongThousands() throws {
        // A row twice in the batch: the first one stays. 1, the last, and a run of neighbours.
        let bad = [1: 0, 700: 3, 2000: 4, 2001: 4, 2002: 4, 4999: 10].mapValues { "{\"id\":\($0)}" }
        let (_, refused) = try load("CREATE TABLE t (id int CONSTRAINT t_key PRIMARY KEY)", { $0.plan() }, bad: bad) {
            "{\"id\":\($0)}"
        }
        #expect(
            refused[0].rejection
                == Rejection(
                    code: "load.rejected",
                    message: "Postgres refused the row: a row with the same key exists already (unique), "
                        + "constraint t_key, table t (SQLSTATE 23505)", pointer: ""))
    }

    @Test func checkConstraints() throws {
        let bad = [0: #"{"id":0,"v":-1}"#, 4000: #"{"id":4000,"v":-4000}"#]
        let ddl = "CREATE TABLE t (id int PRIMARY KEY, v int CONSTRAINT positive CHECK (v >= 0))"
        for keys in [[], ["id"]] {
            let (_, refused) = try load(ddl, { $0.plan(mode: keys.isEmpty ? .append : .upsert, keys: keys) }, bad: bad) {
                "{\"id\":\($0),\"v\":\($0)}"
            }
            #expect(refused[1].rejection.message.contains("constraint positive"))
            #expect(refused[1].rejection.message.contains("-4000") == false)
        }
    }

    /// Foreign keys fail at the end of the statement and name no row.
    @Test func foreignKeys() throws {
        let ddl =
            "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p SELECT generate_series(0, 9); CREATE TABLE t (id int "
                + "PRIMARY KEY, p int REFERENCES p)"
        let bad = [17: #"{"id":17,"p":99}"#, 4321: #"{"id":4321,"p":10}"#]
        for keys in [[], ["id"]] {
            _ = try load(ddl, { $0.plan(mode: keys.isEmpty ? .append : .upsert, keys: keys) }, bad: bad) {
                "{\"id\":\($0),\"p\":\($0 % 10)}"
            }
        }
    }

    /// Deferred constraints fail at COMMIT.
    @Test func deferredConstraints() throws {
        let ddl = """
            CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1); \
            CREATE TABLE t (id int PRIMARY KEY, p int REFERENCES p DEFERRABLE INITIALLY DEFERRED, \
            u int UNIQUE DEFERRABLE INITIALLY DEFERRED)
            """
        let bad = [3: #"{"id":3,"p":2,"u":3}"#, 40: #"{"id":40,"p":1,"u":39}"#]
        for keys in [[], ["id"]] {
            _ = try load(ddl, { $0.plan(mode: keys.isEmpty ? .append : .upsert, keys: keys) }, bad: bad, count: 100) {
                "{\"id\":\($0),\"p\":1,\"u\":\($0)}"
            }
        }
    }

    /// A row may refer to a later one of its batch; one bad row elsewhere must not turn it into a dead letter.
    @Test func referencesWithinTheBatch() throws {
        let ddl = "CREATE TABLE t (id int PRIMARY KEY, parent int REFERENCES t DEFERRABLE INITIALLY DEFERRED)"
        _ = try load(ddl, { $0.plan() }, bad: [50: #"{"id":50,"parent":1000}"#], count: 100) {
            "{\"id\":\($0),\"parent\":\($0 == 49 ? "51" : $0 == 99 ? "null" : "\($0 + 1)")}"
        }
    }

    @Test func triggersThatRaise() throws {
        let ddl = """
            CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id % 1000 = 999 THEN \
            RAISE EXCEPTION 'secret value %', NEW.id; END IF; RETURN NEW; END $$; \
            CREATE TABLE t (id int PRIMARY KEY); CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()
            """
        let bad = Dictionary(uniqueKeysWithValues: stride(from: 999, to: 5000, by: 1000).map { ($0, "{\"id\":\($0)}") })
        for keys in [[], ["id"]] {
            let (_, refused) = try load(ddl, { $0.plan(mode: keys.isEmpty ? .append : .upsert, keys: keys) }, bad: bad) {
                "{\"id\":\($0)}"
            }
            #expect(refused[0].rejection.message.contains("secret") == false)
        }
    }

    /// Types of the server's own making are refused while rows are staged, constraints when they are merged: both in one batch.
    @Test func upsertFailsInBothPlaces() throws {
        let ddl = "CREATE TYPE mood AS ENUM ('a', 'b'); CREATE TABLE t (id int PRIMARY KEY, m mood, v int CHECK (v >= 0))"
        let bad = [0: #"{"id":0,"m":"x","v":0}"#, 2500: #"{"id":2500,"m":"a","v":-1}"#, 4999: #"{"id":4999,"m":"","v":0}"#]
        _ = try load(ddl, { $0.plan(mode: .upsert, keys: ["id"]) }, bad: bad) { "{\"id\":\($0),\"m\":\"a\",\"v\":\($0)}" }
    }

    /// Isolation must not cost more than what a person would accept: one bad row among 20,000 some dozens of statements.
    @Test(arguments: [true, false], ["23514", "23503"])
    func oneBadRowIsFoundFast(upsert: Bool, state: String) throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute(
            """
            CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1); \
            CREATE TABLE t (id int PRIMARY KEY, v int CHECK (v >= 0), p int REFERENCES p)
            """)
        var sink = try fixture.sink(fixture.plan(mode: upsert ? .upsert : .append, keys: upsert ? ["id"] : []))
        let bad = state == "23514" ? #"{"id":12345,"v":-1,"p":1}"# : #"{"id":12345,"v":1,"p":2}"#
        sink.append((0..<20_000).map { $0 == 12_345 ? bad : "{\"id\":\($0),\"v\":1,\"p\":1}" })
        let before = sink.statementsSent
        let refused = try sink.flush(offsets: [SinkOffset(partition: 0, expected: nil, next: 20_000)], rejected: [])
        #expect(refused.map(\.row) == [12_345])
        #expect(refused[0].rejected.rejection.message.contains(state))
        #expect(sink.statementsSent - before <= 120)
        if !upsert, state == "23514" { #expect(sink.statementsSent - before <= 20) }
        #expect(try fixture.column("SELECT count(*) FROM t") == ["19999"])
    }

    /// Every other row bad: work stays proportional to the rows.
    @Test func halfOfTheRowsBad() throws {
        let bad = Dictionary(uniqueKeysWithValues: stride(from: 1, to: 1000, by: 2).map { ($0, "{\"id\":0}") })
        _ = try load("CREATE TABLE t (id int PRIMARY KEY)", { $0.plan() }, bad: bad, count: 1000) { "{\"id\":\($0)}" }
    }

    @Test func rejectedBothWays() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TABLE t (id int PRIMARY KEY)")
        var sink = try fixture.sink(fixture.plan())
        #expect(try sink.load([#"{"id":1}"#, #"{"id":"x"}"#, #"{"id":1}"#, #"{"id":2}"#], expected: nil) == [1, 2])
        #expect(try sink.positions(of: [0])[0].rejected.map(\.rejection.code) == ["load.conversion", "load.rejected"])
    }
}
