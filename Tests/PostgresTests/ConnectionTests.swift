import Foundation
import Postgres
import TestServices
import Testing

@Suite struct ConnectionTests {
    let server: PostgresServer
    init() throws { server = try PostgresServer.shared.get() }

    func connect() throws -> Connection { try Connection(url: server.url(), applicationName: "etl test") }

    func failure(_ body: () throws -> Void) -> PostgresError? {
        do { try body() } catch { return error as? PostgresError }
        return nil
    }

    @Test func severalStatementsAndParameters() throws {
        let connection = try connect()
        let results = try connection.execute("SELECT 1 AS a, NULL; CREATE TEMP TABLE t (x int); INSERT INTO t VALUES (1), (2)")
        #expect(results.map(\.tag) == ["SELECT 1", "CREATE TABLE", "INSERT 0 2"])
        #expect(results[0].rows == [["1", nil]])
        #expect(results[2].affected == 2)
        #expect(try connection.query("SELECT $1::text || 'ü', $2::text", ["a'\\", nil]).rows == [["a'\\ü", nil]])
        #expect(try connection.execute("SELECT \(Connection.literal("a'\\ü\n"))")[0].rows == [["a'\\ü\n"]])
        #expect(try connection.execute("SELECT 1 AS \(Connection.identifier("we\"ird"))")[0].rows == [["1"]])
        #expect(try connection.execute("SHOW statement_timeout")[0].rows == [["1min"]])
    }

    @Test func anErrorLeavesTheConnectionUsable() throws {
        let connection = try connect()
        let error = failure { try connection.execute("SELECT 1; SELECT nothing FROM nowhere; SELECT 2") }
        #expect(error?.sqlstate == "42P01")
        #expect(error?.kind == .configuration)
        #expect(connection.isAlive)
        #expect(try connection.execute("SELECT 3")[0].rows == [["3"]])
    }

    @Test func copyInPiecesLargerThanTheSocketsBuffers() throws {
        let connection = try connect()
        let results = try connection.beginCopy("BEGIN; CREATE TEMP TABLE t (x text); COPY t FROM STDIN")
        #expect(results.map(\.tag) == ["BEGIN", "CREATE TABLE"])
        let line = Array((String(repeating: "x", count: 1023) + "\n").utf8)
        let data = Array(repeating: line, count: 20_000).flatMap { $0 }
        try data.withUnsafeBytes { try connection.sendCopy($0) }
        #expect(try connection.endCopy() == 20_000)
        #expect(try connection.execute("SELECT count(*), sum(length(x)) FROM t; COMMIT")[0].rows == [["20000", "20460000"]])
    }

    @Test func cancelledCopyWritesNothing() throws {
        let connection = try connect()
        _ = try connection.beginCopy("CREATE TEMP TABLE u (x text); COPY u FROM STDIN")
        try Array("a\n".utf8).withUnsafeBytes { try connection.sendCopy($0) }
        try connection.cancelCopy()
        #expect(connection.isAlive)
        #expect(failure { try connection.execute("SELECT * FROM u") }?.sqlstate == "42P01")
    }

    /// The DETAIL of a violation and the message of a bad value quote the row: neither may be shown.
    @Test func errorsOfRowsHoldNoValues() throws {
        let connection = try connect()
        try connection.execute(
            "CREATE TEMP TABLE v (x int CONSTRAINT x_key PRIMARY KEY CHECK (x < 100)); INSERT INTO v VALUES (42)")
        for (row, state, constraint) in [("42", "23505", "x_key"), ("4242", "23514", "v_x_check"), ("42b", "22P02", "")] {
            _ = try connection.beginCopy("COPY v FROM STDIN")
            try Array("1\n\(row)\n".utf8).withUnsafeBytes { try connection.sendCopy($0) }
            let error = failure { try connection.endCopy() }
            #expect(error?.sqlstate == state)
            #expect(error?.constraint == constraint)
            #expect(error?.copyLine == 2)
            #expect(error?.description.contains("42b") == false && error?.description.contains("4242") == false)
            #expect(error?.description.replacing(state, with: "").contains("42") == false)
        }
    }

    @Test(arguments: [
        "host=127.0.0.1 port=PORT user=etl password=hunter2secret dbname=etl", "postgres://etl:hunter2secret@127.0.0.1:PORT/etl",
        "postgres://etl:hunter2%53ecret@127.0.0.1:PORT/etl",
    ])
    func wrongPassword(url: String) {
        let error = failure { _ = try Connection(url: url.replacing("PORT", with: "\(server.port)"), applicationName: "x") }
        #expect(error?.kind == .configuration)
        #expect(error?.sqlstate == "28P01")
        #expect(error?.message.contains("hunter2") == false)
    }

    @Test(arguments: [
        "postgres://etl:hunt@er@127.0.0.1/etl", "postgres://etl:hunt/er@127.0.0.1/etl", "postgres://etl:hunt?er@127.0.0.1/etl",
        "postgres://etl:hunt#er@127.0.0.1/etl", "password=hunt er=", "postgres://etl:%hunt@127.0.0.1/etl", "hunter",
    ])
    func malformedUrlsAreNotQuoted(url: String) {
        let error = failure { _ = try Connection(url: url, applicationName: "x") }
        #expect(error?.kind == .configuration)
        #expect(error?.message.contains("hunt") == false)
        #expect(error?.message.contains("can't be parsed") == true)
    }

    @Test func unreachableIsAServiceError() {
        let error = failure { _ = try Connection(url: "postgres://etl:hunter2@127.0.0.1:1/etl", applicationName: "x") }
        #expect(error?.kind == .service)
        #expect(error?.message.contains("hunter2") == false)
        let missing = failure { _ = try Connection(url: server.url(database: "nowhere"), applicationName: "x") }
        #expect(missing?.kind == .configuration && missing?.sqlstate == "3D000")
    }

    /// A server that takes connections and never answers must not hang the stage.
    @Test func aSilentServerIsGivenUp() throws {
        let (listener, port) = Relay.listener()
        defer { close(listener) }
        let error = failure {
            _ = try Connection(url: "postgres://etl:hunter2@127.0.0.1:\(port)/etl", applicationName: "x", connectTimeoutMs: 200)
        }
        #expect(error?.kind == .service)
        #expect(error?.message.contains("no answer in time") == true)
    }

    @Test func terminatedAndTimedOut() throws {
        let connection = try connect()
        let other = try Connection(url: server.superuserURL(), applicationName: "etl test")
        try other.execute("SELECT pg_terminate_backend(\(connection.backendProcess))")
        let error = failure { while true { try connection.execute("SELECT 1") } }
        #expect(error?.kind == .service)
        #expect(!connection.isAlive)
        #expect(failure { try connection.execute("SELECT 1") }?.kind == .service)

        let slow = try Connection(url: server.url(), applicationName: "x", answerTimeoutMs: 1000)
        #expect(failure { try slow.execute("SELECT pg_sleep(10)") }?.sqlstate == "57014")
        #expect(slow.isAlive)
    }

    @Test func cancelFromAnotherThread() throws {
        let connection = try connect()
        let canceller = connection.canceller
        let process = connection.backendProcess
        let url = server.url()
        let watcher = Thread {
            guard let other = try? Connection(url: url, applicationName: "x") else { return }
            // The statement must be running before it is cancelled.
            while (try? other.query(
                "SELECT 1 FROM pg_stat_activity WHERE pid = $1::int AND wait_event = 'PgSleep'",
                ["\(process)"]
            ).rows.isEmpty) != false {}
            canceller.cancel()
        }
        watcher.start()
        #expect(failure { try connection.execute("SELECT pg_sleep(30)") }?.sqlstate == "57014")
        #expect(connection.isAlive)
    }
}
