import ETL
import Foundation
import Postgres
import TestServices
import Testing

/// Rows that are sent while their batch is still being filled: they count only once `flush` has moved the offsets.
@Suite struct PostgresStreamTests {
    private static let filler = String(repeating: "x", count: 500)

    /// Some 2 MB, of which most are sent at once.
    private static func values(_ ids: Range<Int>) -> [String] { ids.map { "{\"id\":\($0),\"filler\":\"\(filler)\"}" } }

    private static func offsets(_ next: Int64, expected: Int64? = nil) -> [SinkOffset] {
        [SinkOffset(partition: 0, expected: expected, next: next)]
    }

    private static func fixture(_ key: String = "PRIMARY KEY") throws -> PostgresFixture {
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TABLE t (id int \(key), filler text)")
        return fixture
    }

    /// How many sessions are in a COPY of this test's table.
    private static func copying(_ fixture: PostgresFixture) throws -> Int {
        let admin = try Connection(url: fixture.server.superuserURL(), applicationName: "watcher")
        let sql = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'BEGIN%COPY%\(fixture.schema)%'"
        return try admin.execute(sql)[0].rows.count
    }

    /// Not where they are put in order first, which the server does for keys it may find equal though their bytes differ.
    @Test(arguments: [(PostgresPlan.Mode.append, "int", true), (.upsert, "numeric", true), (.upsert, "int", false)])
    func rowsAreSentBeforeTheBatchIsFull(mode: PostgresPlan.Mode, key: String, isSent: Bool) throws {
        let fixture = try Self.fixture()
        try fixture.admin.execute("ALTER TABLE t ALTER id TYPE \(key)")
        var sink = try fixture.sink(fixture.plan(mode: mode, keys: mode == .upsert ? ["id"] : []))
        sink.append(Self.values(0..<100))
        let before = sink.statementsSent
        sink.append(Self.values(100..<4000), from: 100)
        #expect(sink.statementsSent == before + (isSent ? 1 : 0))  // BEGIN and COPY
        #expect(try fixture.column("SELECT count(*) FROM t") == ["0"])
        #expect(try sink.flush(offsets: Self.offsets(4000), rejected: []) == [])
        sink.reset()
        #expect(try sink.load(Self.values(4000..<4010), from: 4000, expected: 4000) == [])
        #expect(try fixture.rows("SELECT count(*), min(id), max(id) FROM t") == [["4010", "0", "4009"]])
        #expect(try sink.positions(of: [0]).map(\.nextOffset) == [4010])
    }

    /// A loader that was stopped in the middle of a batch and wakes when another has gone on.
    @Test func zombieWritesNothing() throws {
        let fixture = try Self.fixture("")
        var zombie = try fixture.sink(fixture.plan("\(fixture.schema).t"))
        zombie.append(Self.values(0..<4000))
        #expect(try Self.copying(fixture) == 1)
        var owner = try fixture.sink(fixture.plan())
        #expect(try owner.load(Self.values(0..<4000), expected: nil) == [])
        zombie.append(Self.values(4000..<5000), from: 4000)
        #expect(sinkError { _ = try zombie.flush(offsets: Self.offsets(5000), rejected: []) }?.kind == .fenced)
        zombie.reset()
        #expect(try zombie.load(Self.values(4000..<8000), from: 4000, expected: 4000) == [])
        #expect(try fixture.rows("SELECT count(*), count(DISTINCT id) FROM t") == [["8000", "8000"]])
    }

    @Test func refusedRowIsFoundInTheStream() throws {
        let fixture = try Self.fixture()
        var sink = try fixture.sink(fixture.plan())
        sink.append(Self.values(0..<3000) + Self.values(7..<8) + Self.values(3000..<6000))
        let refused = try sink.flush(offsets: Self.offsets(6001), rejected: [])
        #expect(refused.map(\.row) == [3000])
        sink.reset()
        #expect(try fixture.rows("SELECT count(*), max(id) FROM t") == [["6000", "5999"]])
        #expect(try sink.positions(of: [0])[0].rejected.map(\.offset) == [3000])
    }

    /// What is given up, and what is asked in between, ends the COPY.
    @Test func aStreamCanBeLeft() throws {
        let fixture = try Self.fixture()
        var sink = try fixture.sink(fixture.plan("\(fixture.schema).t"))
        sink.append(Self.values(0..<4000))
        #expect(try Self.copying(fixture) == 1)
        sink.reset()
        #expect(try Self.copying(fixture) == 0)
        #expect(sink.isConnected == true)
        sink.append(Self.values(0..<4000))
        // As in a rebalance between two polls.
        #expect(try sink.positions(of: [0, 1]).map(\.nextOffset) == [nil, nil])
        #expect(try Self.copying(fixture) == 0)
        sink.append(Self.values(4000..<8000), from: 4000)
        #expect(try sink.flush(offsets: Self.offsets(8000), rejected: []) == [])
        sink.reset()
        sink.append(Self.values(8000..<9000), from: 8000)
        sink.disconnect()
        #expect(sinkError { _ = try sink.flush(offsets: Self.offsets(9000, expected: 8000), rejected: []) }?.kind == .service)
        try sink.connect()
        #expect(try sink.flush(offsets: Self.offsets(9000, expected: 8000), rejected: []) == [])
        #expect(try fixture.rows("SELECT count(*), count(DISTINCT id) FROM t") == [["9000", "9000"]])
    }

    /// The connection is cut while rows are being appended: `flush` says so, and writes them once when it is back.
    @Test(arguments: [300_000, 900_000, 1_500_000])
    func cutInTheStream(bytes: Int) throws {
        let fixture = try Self.fixture()
        let proxy = try PostgresProxy(target: fixture.server.port)
        defer { proxy.close() }
        var sink = PostgresSink(
            plan: PostgresRecoveryTests.plan(fixture, port: proxy.port, .append), group: "g", topic: "orders")
        proxy.fail(.afterBytes(bytes))
        try sink.connect()
        sink.append(Self.values(0..<4000))
        #expect(sinkError { _ = try sink.flush(offsets: Self.offsets(4000), rejected: []) }?.kind == .service)
        #expect(proxy.hasFailed)
        try sink.connect()
        #expect(try sink.flush(offsets: Self.offsets(4000), rejected: []) == [])
        #expect(try fixture.rows("SELECT count(*), count(DISTINCT id) FROM t") == [["4000", "4000"]])
    }

    /// Where a statement may not take as long as filling a batch may, rows wait for `flush`.
    @Test func aShortStatementTimeoutKeepsRowsBack() throws {
        let fixture = try Self.fixture()
        let short = fixture.server.url() + "?options=-csearch_path%3D\(fixture.schema)%20-cstatement_timeout%3D60000"
        var plan = fixture.plan(url: short)
        plan.batchMs = 20_000
        var sink = try fixture.sink(plan)
        let before = sink.statementsSent
        sink.append(Self.values(0..<4000))
        #expect(sink.statementsSent == before)
        #expect(try sink.flush(offsets: Self.offsets(4000), rejected: []) == [])
        #expect(try fixture.column("SELECT count(*) FROM t") == ["4000"])
    }
}
