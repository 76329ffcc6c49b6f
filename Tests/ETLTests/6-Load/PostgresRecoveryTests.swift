import ETL
import Foundation
import Postgres
import TestServices
import Testing

/// The connection or the server dies at the worst moments: no row is lost, none comes twice, and what was refused is still known.
@Suite struct PostgresRecoveryTests {
    /// One valid batch: two rows in, one rejected by the sink, one refused by the server.
    static let values = [#"{"id":1}"#, #"{"id":"x"}"#, #"{"id":1}"#, #"{"id":2}"#]

    static func offsets(_ expected: Int64? = nil) -> [SinkOffset] { [SinkOffset(partition: 0, expected: expected, next: 4)] }

    static func flush(_ sink: inout PostgresSink, _ rejected: [RejectedRecord]) -> Result<[RefusedRow], SinkError> {
        do { return .success(try sink.flush(offsets: offsets(), rejected: rejected)) } catch { return .failure(error) }
    }

    /// Connects and flushes until it works, as the loop does.
    static func persist(_ sink: inout PostgresSink, _ rejected: [RejectedRecord]) throws -> [RefusedRow] {
        while true {
            if !sink.isConnected {
                do { try sink.connect() } catch {
                    guard error.kind == .service else { throw error }
                    continue
                }
            }
            switch flush(&sink, rejected) {
            case .success(let refused): return refused
            case .failure(let error): if error.kind != .service && error.kind != .conflict { throw error }
            }
        }
    }

    static func plan(_ fixture: PostgresFixture, port: Int, _ mode: PostgresPlan.Mode) -> PostgresPlan {
        let url =
            "postgres://etl:etl-secret@127.0.0.1:\(port)/etl?sslmode=disable&gssencmode=disable&options=-csearch_path%3D\(fixture.schema)"
        return fixture.plan(mode: mode, keys: mode == .upsert ? ["id"] : [], url: url)
    }

    /// In upsert the table's check refuses the row, for a second id 1 would just replace the first.
    static func values(_ mode: PostgresPlan.Mode) -> [String] {
        mode == .append ? values : values.map { $0.replacing(#"{"id":1}"#, with: #"{"id":-1}"#) }
    }

    @Test(
        arguments: [
            PostgresProxy.Fault.beforeCommit, .duringCommit, .afterCommit, .afterBytes(300), .afterBytes(900), .afterBytes(1500),
        ],
        [PostgresPlan.Mode.append, .upsert])
    func lostConnection(fault: PostgresProxy.Fault, mode: PostgresPlan.Mode) throws {
        let fixture = try PostgresFixture()
        let proxy = try PostgresProxy(target: fixture.server.port)
        defer { proxy.close() }
        try fixture.admin.execute("CREATE TABLE t (id int PRIMARY KEY CHECK (id > 0))")
        var sink = PostgresSink(plan: Self.plan(fixture, port: proxy.port, mode), group: "g", topic: "orders")
        try sink.connect()
        let rejected = sink.append(Self.values(mode))
        if case .afterBytes = fault {
            // Bytes count from the connection's start, so the fault hits somewhere in connecting, COPY or isolating.
            sink.disconnect()
        }
        proxy.fail(fault)
        if case .afterBytes = fault {
        } else {
            let first = Self.flush(&sink, rejected)
            guard case .failure(let error) = first else {
                Issue.record("the fault did nothing")
                return
            }
            #expect(error.kind == .service)
            #expect(sink.isConnected == false)
            // The batch is in exactly where the COMMIT reached the server.
            if fault == .beforeCommit { #expect(try fixture.column("SELECT count(*) FROM t") == ["0"]) }
            if fault == .afterCommit { #expect(try fixture.column("SELECT count(*) FROM etl_offsets") == ["1"]) }
        }
        let refused = try Self.persist(&sink, rejected)
        #expect(proxy.hasFailed)
        #expect(refused.map(\.row) == (mode == .append ? [1] : [0, 1]))
        #expect(try fixture.column("SELECT id FROM t ORDER BY 1") == (mode == .append ? ["1", "2"] : ["2"]))
        let position = try sink.positions(of: [0])[0]
        #expect(position.nextOffset == 4)
        #expect(Set(position.rejected.map(\.offset)) == (mode == .append ? [1, 2] : [0, 1, 2]))
    }

    /// The old session is still in COMMIT when the sink comes back: it must wait for the outcome, not write a second time.
    @Test(arguments: [true, false])
    func oldSessionStillCommitting(commits: Bool) throws {
        let fixture = try PostgresFixture()
        let proxy = try PostgresProxy(target: fixture.server.port)
        defer { proxy.close() }
        let lock = Int32.random(in: 1...Int32.max)
        try fixture.admin.execute(
            """
            CREATE TABLE t (id int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
            PERFORM pg_advisory_xact_lock(\(lock)); RETURN NULL; END $$; \
            CREATE CONSTRAINT TRIGGER f AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f(); \
            SELECT pg_advisory_lock(\(lock))
            """)
        var sink = PostgresSink(plan: Self.plan(fixture, port: proxy.port, .append), group: "g", topic: "orders")
        try sink.connect()
        sink.append([#"{"id":1}"#, #"{"id":2}"#, #"{"id":3}"#, #"{"id":4}"#])
        proxy.fail(.duringCommit)
        guard case .failure(let error) = Self.flush(&sink, []) else {
            Issue.record("the fault did nothing")
            return
        }
        #expect(error.kind == .service)
        let (url, schema) = (fixture.server.superuserURL(), fixture.schema)
        nonisolated(unsafe) let admin = fixture.admin
        let watcher = Thread {
            guard let other = try? Connection(url: url, applicationName: "watcher") else { return }
            // The retry waits for the transaction that waits for the lock.
            let waiting =
                "SELECT 1 FROM pg_stat_activity WHERE wait_event IN ('transactionid', 'speculative token') AND query LIKE '%\(schema)%'"
            while (try? other.execute(waiting)[0].rows.isEmpty) != false {}
            if commits {
                _ = try? admin.execute("SELECT pg_advisory_unlock(\(lock))")
            } else {
                _ = try? other.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = \(lock) AND NOT granted
                    """)
                _ = try? admin.execute("SELECT pg_advisory_unlock(\(lock))")
            }
        }
        watcher.start()
        #expect(try Self.persist(&sink, []) == [])
        while !watcher.isFinished { sched_yield() }
        #expect(try fixture.column("SELECT id FROM t ORDER BY 1") == ["1", "2", "3", "4"])
        #expect(try sink.positions(of: [0])[0].nextOffset == 4)
    }

    /// An administrator ends the session while a large COPY runs.
    @Test func terminatedInCopy() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute(
            """
            CREATE TABLE t (id int, filler text); CREATE SEQUENCE s; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
            IF NEW.id = 10000 AND nextval('s') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$; \
            CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()
            """)
        var sink = try fixture.sink(fixture.plan())
        let filler = String(repeating: "x", count: 500)
        sink.append((0..<20_000).map { "{\"id\":\($0),\"filler\":\"\(filler)\"}" })
        let offsets = [SinkOffset(partition: 0, expected: nil, next: 20_000)]
        do {
            _ = try sink.flush(offsets: offsets, rejected: [])
            Issue.record("the session wasn't ended")
        } catch {
            #expect(error.kind == .service)
            #expect(error.message.contains("57P01"))
        }
        try sink.connect()
        #expect(try sink.flush(offsets: offsets, rejected: []) == [])
        #expect(try fixture.rows("SELECT count(*), count(DISTINCT id) FROM t") == [["20000", "20000"]])
    }

    /// kill -9 and immediate stop of the whole server, between and within batches.
    @Test func serverKilled() throws {
        let server = try PostgresServer.own()
        defer { server.remove() }
        var fixture = try PostgresFixture(server)
        try fixture.admin.execute("CREATE TABLE t (id int PRIMARY KEY)")
        let plan = fixture.plan()
        var sink = try fixture.sink(plan)
        #expect(try sink.load([#"{"id":0}"#], partition: 1, expected: nil) == [])
        try server.kill()
        let rejected = sink.append(Self.values)
        guard case .failure(let error) = Self.flush(&sink, rejected) else {
            Issue.record("flushed to a dead server")
            return
        }
        #expect(error.kind == .service)
        #expect(sinkError { try sink.connect() }?.kind == .service)
        try server.restart()
        #expect(try Self.persist(&sink, rejected).map(\.row) == [1])
        try server.stop()
        // The batch is in and acknowledged; asked again after the crash it must be known.
        try server.restart()
        let again = try Self.persist(&sink, rejected)
        #expect(again.map(\.row) == [1])
        fixture = try PostgresFixture(server)
        try sink.connect()
        let schema = String(plan.url.split(separator: "D").last ?? "")
        #expect(try fixture.column("SELECT id FROM \(schema).t ORDER BY 1") == ["0", "1", "2"])
        #expect(try sink.positions(of: [0, 1]).map(\.nextOffset) == [4, 1])
    }

    /// Two loaders' transactions in a deadlock: one is undone by the server and goes in at its second try.
    @Test func deadlockIsAConflict() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 0), (2, 0)")
        var sink = try fixture.sink(fixture.plan(mode: .upsert, keys: ["id"]))
        sink.append([#"{"id":1,"v":1}"#, #"{"id":2,"v":1}"#])
        // The other transaction holds row 2 and wants row 1 once the sink, which holds row 1, waits for row 2. The server undoes
        // the one whose deadlock check comes first: nearly always the sink's, which has waited longer.
        try fixture.admin.execute("BEGIN; UPDATE t SET v = 9 WHERE id = 2")
        nonisolated(unsafe) let admin = fixture.admin
        let (url, schema) = (fixture.server.superuserURL(), fixture.schema)
        let watcher = Thread {
            guard let other = try? Connection(url: url, applicationName: "watcher") else { return }
            let waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'transactionid' AND query LIKE '%\(schema)%'"
            while (try? other.execute(waiting)[0].rows.isEmpty) != false {}
            do { try admin.execute("UPDATE t SET v = 9 WHERE id = 1; COMMIT") } catch { _ = try? admin.execute("ROLLBACK") }
        }
        watcher.start()
        var conflicts = 0
        while true {
            do {
                _ = try sink.flush(offsets: [SinkOffset(partition: 0, expected: nil, next: 2)], rejected: [])
                break
            } catch {
                #expect(error.kind == .conflict)
                conflicts += 1
                if error.kind != .conflict { break }
            }
        }
        while !watcher.isFinished { sched_yield() }
        // Whoever is woken first decides how often; that it ends is what counts.
        #expect(conflicts < 50)
        #expect(try sink.positions(of: [0])[0].nextOffset == 2)
        #expect(try fixture.column("SELECT count(*) FROM t") == ["2"])
    }
}
