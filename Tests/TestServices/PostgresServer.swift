import Foundation
import Glibc

/// A throw-away PostgreSQL for tests, started by a script with the verbs start, restart, stop, kill: `scripts/postgres` of the
/// package, else the one `ETL_POSTGRES_SCRIPT` names. Password authentication (SCRAM) over TCP, the superuser over its socket.
public final class PostgresServer: Sendable {
    public let folder: String
    public let port: Int
    private let script: ServiceScript

    /// The one server of this test process. Started at first use, stopped at exit. Each test has its own database on it.
    public static let shared = Result { try PostgresServer(stopsAtExit: true) }

    /// A server of the test's own, for tests that stop or kill it. The test calls `remove` at its end.
    /// `method`: scram, md5 or cert; `host`: it offers TLS with a certificate for this host, and files in `folder`/tls.
    public static func own(method: String = "scram", host: String? = nil) throws -> PostgresServer {
        try PostgresServer(stopsAtExit: false, method: method, host: host)
    }

    private init(stopsAtExit: Bool, method: String = "scram", host: String? = nil) throws {
        script = try ServiceScript("postgres", variable: "ETL_POSTGRES_SCRIPT")
        folder = "/tmp/etl-test-postgres-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o755])
        let output = try script.run(["start", folder, "0", method] + (host.map { [$0] } ?? []))
        guard let line = output.split(separator: "\n").first(where: { $0.hasPrefix("port=") }),
            let found = Int(line.dropFirst("port=".count))
        else { throw ServiceError("'postgres start' didn't print port=: \(output)") }
        port = found
        if stopsAtExit { ProcessEnd.add { [self] in remove() } }
    }

    /// Of database `name`, as role etl (owner of database etl) or another.
    public func url(database: String = "etl", user: String = "etl", password: String = "etl-secret") -> String {
        "postgres://\(user):\(password)@127.0.0.1:\(port)/\(database)"
    }

    public func superuserURL(database: String = "etl") -> String {
        url(database: database, user: "postgres", password: "postgres-secret")
    }

    public func restart() throws { try run("restart") }
    /// Immediate stop: no checkpoint, every session ends.
    public func stop() throws { try run("stop") }
    /// kill -9 of every process.
    public func kill() throws { try run("kill") }

    /// Stops it, if it runs, and removes its files.
    public func remove() {
        try? run("stop")
        try? FileManager.default.removeItem(atPath: folder)
    }

    private func run(_ verb: String) throws { try script.run([verb, folder]) }
}
