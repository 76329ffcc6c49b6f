import Foundation
import Glibc

/// A throw-away PostgreSQL for tests, started by a script with the verbs start, restart, stop, kill: `scripts/postgres` of the
/// package, else the one `ETL_POSTGRES_SCRIPT` names. Password authentication (SCRAM) over TCP, the superuser over its socket.
public final class PostgresServer: Sendable {
    public enum Failure: Error, CustomStringConvertible {
        case script(String)
        case noScript

        public var description: String {
            switch self {
            case .script(let words): "The script that runs PostgreSQL failed: \(words)"
            case .noScript: "No script to run PostgreSQL with: neither scripts/postgres nor ETL_POSTGRES_SCRIPT"
            }
        }
    }

    public let folder: String
    public let port: Int
    private let script: String

    /// The one server of this test process. Started at first use, stopped at exit. Each test has its own database on it.
    public static let shared = Result { try PostgresServer(stopsAtExit: true) }

    /// A server of the test's own, for tests that stop or kill it. The test calls `remove` at its end.
    /// `method`: scram, md5 or cert; `host`: it offers TLS with a certificate for this host, and files in `folder`/tls.
    public static func own(method: String = "scram", host: String? = nil) throws -> PostgresServer {
        try PostgresServer(stopsAtExit: false, method: method, host: host)
    }

    private init(stopsAtExit: Bool, method: String = "scram", host: String? = nil) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let own = root.appendingPathComponent("scripts/postgres").path
        if FileManager.default.isExecutableFile(atPath: own) {
            script = own
        } else if let named = ProcessInfo.processInfo.environment["ETL_POSTGRES_SCRIPT"] {
            script = named
        } else {
            throw Failure.noScript
        }
        folder = "/tmp/etl-test-postgres-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o755])
        port = Self.freePort()
        try run(["start", "\(port)", method] + (host.map { [$0] } ?? []))
        if stopsAtExit { atexit { if case .success(let server) = PostgresServer.shared { server.remove() } } }
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

    private func run(_ verb: String) throws { try run([verb]) }

    private func run(_ words: [String]) throws {
        let verb = words[0]
        let arguments = Array(words.dropFirst())
        let log = folder + ".script.log"
        defer { try? FileManager.default.removeItem(atPath: log) }
        // Not Foundation's Process: it waits on a socket that the server inherits from the script, so for ever.
        let command =
            ["/bin/bash", "-c", "exec \"$@\" >\"$0\" 2>&1 </dev/null", log, "/bin/bash", script, verb, folder] + arguments
        let words = command.map { strdup($0) }
        defer { words.forEach { free($0) } }
        var child = pid_t()
        guard posix_spawn(&child, "/bin/bash", nil, nil, words + [nil], environ) == 0 else { throw Failure.script("no /bin/bash") }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else {
            throw Failure.script("\(verb): \((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")")
        }
    }

    private static func freePort() -> Int {
        let (listener, port) = Relay.listener()
        close(listener)
        return port
    }
}
