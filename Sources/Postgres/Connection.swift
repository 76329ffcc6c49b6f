internal import CPostgres
internal import Glibc

/// One session of a Postgres server, over libpq. One thread at a time; only `canceller` may be used by others.
///
/// Every wait is bounded: connecting by `connectTimeoutMs`, an answer by `answerTimeoutMs`. A connection that failed or ran out
/// of time stays dead (`isAlive` false): make a new one.
public final class Connection {
    let handle: OpaquePointer
    let options: ConnectionString
    let answerTimeoutMs: Int
    private var dead = false
    /// Results that came before somebody waited for them.
    var early: [OpaquePointer] = []
    /// How many messages with SQL were sent.
    public internal(set) var statementsSent = 0

    /// Connects, and makes the server give up on a statement after `answerTimeoutMs` and on an abandoned transaction after as long,
    /// unless the url, role or database sets these timeouts itself.
    /// - Parameters:
    ///   - url: a libpq connection string or URL. A secret: it appears in no error.
    ///   - applicationName: what `pg_stat_activity` shows, unless the url names one.
    public init(
        url: String, applicationName: String, connectTimeoutMs: Int = 10_000,
        answerTimeoutMs: Int = 60_000
    ) throws(PostgresError) {
        options = try ConnectionString(url)
        self.answerTimeoutMs = answerTimeoutMs
        // Before `dbname`: defaults that the url may overrule; after it: what must be so. The keepalives and the user timeout
        // find a peer that vanished without a word, and move on to the next of several hosts.
        let parameters: [(String, String)] = [
            ("fallback_application_name", applicationName), ("tcp_user_timeout", "15000"), ("keepalives_idle", "15"),
            ("keepalives_interval", "5"), ("keepalives_count", "3"), ("dbname", url), ("client_encoding", "UTF8"),
        ]
        guard let handle = Self.start(parameters) else {
            throw PostgresError(.service, "Failed to connect to Postgres: out of memory")
        }
        self.handle = handle
        try finishConnecting(Deadline(afterMs: connectTimeoutMs))
        PQsetNoticeProcessor(handle, { _, _ in }, nil)  // else libpq writes notices to stderr
        guard PQsetnonblocking(handle, 1) == 0 else { throw lost() }
        for name in ["statement_timeout", "idle_in_transaction_session_timeout"] {
            let sql = "SELECT set_config('\(name)', '\(answerTimeoutMs)', false) WHERE current_setting('\(name)') = '0'"
            _ = try execute(sql)
        }
    }

    deinit {
        early.forEach { PQclear($0) }
        PQfinish(handle)
    }

    /// False after the connection was lost, or an answer didn't come in time.
    public var isAlive: Bool { !dead && PQstatus(handle) == CONNECTION_OK }

    /// The process at the server's side, as in `pg_stat_activity`.
    public var backendProcess: Int32 { PQbackendPID(handle) }

    /// Whether the server holds an open transaction for this session, sound or failed.
    public var isInTransaction: Bool {
        let status = PQtransactionStatus(handle)
        return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE
    }

    private static func start(_ parameters: [(String, String)]) -> OpaquePointer? {
        let keys = parameters.map { strdup($0.0) }
        let values = parameters.map { strdup($0.1) }
        defer {
            keys.forEach { free($0) }
            values.forEach { free($0) }
        }
        let keyPointers = keys.map { UnsafePointer($0) } + [nil]
        let valuePointers = values.map { UnsafePointer($0) } + [nil]
        return PQconnectStartParams(keyPointers, valuePointers, 1)
    }

    private func finishConnecting(_ deadline: Deadline) throws(PostgresError) {
        // Verbose errors carry the SQLSTATE, which is the only word of a connection error that isn't in the server's language.
        PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
        if PQstatus(handle) == CONNECTION_BAD { throw connectError() }
        var state = PGRES_POLLING_WRITING
        while state != PGRES_POLLING_OK {
            if state == PGRES_POLLING_FAILED { throw connectError() }
            guard wait(forWriting: state == PGRES_POLLING_WRITING, reading: state == PGRES_POLLING_READING, deadline) else {
                dead = true
                throw PostgresError(.service, "Failed to connect to Postgres at \(address): no answer in time")
            }
            state = PQconnectPoll(handle)
        }
        PQsetErrorVerbosity(handle, PQERRORS_DEFAULT)
    }

    /// Host and port, or the socket's folder: never the password.
    public var address: String {
        let host = PQhost(handle).map { String(cString: $0) } ?? ""
        let port = PQport(handle).map { String(cString: $0) } ?? ""
        return "\(host):\(port)"
    }

    private func connectError() -> PostgresError {
        dead = true
        let words = options.redacted(PQerrorMessage(handle).map { String(cString: $0) } ?? "")
        let lines = words.split(separator: "\n").filter { !$0.hasPrefix("LOCATION:") }
        let state = lines.compactMap { Self.sqlstate(in: $0) }.last ?? ""
        var kind = SQLState.kind(of: state)
        // While connecting there are no rows: 08P01 and the like come from a pooler that can't reach its server.
        if kind == .data || kind == .conflict { kind = .service }
        if state.isEmpty, PQconnectionNeedsPassword(handle) == 1 { kind = .configuration }
        let said = "Failed to connect to Postgres: " + lines.joined(separator: "; ")
        if state.isEmpty, let advice = TLSProblem.advice(words) {
            var error = PostgresError(.configuration, "\(said); \(advice)")
            error.isOfTLS = true
            return error
        }
        return PostgresError(kind, sqlstate: state, said)
    }

    /// `… FATAL:  28P01: password authentication failed …` → 28P01.
    private static func sqlstate(in line: Substring) -> String? {
        for part in line.split(separator: ":") {
            let word = part.drop { $0 == " " }.utf8
            let digits = word.count { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
            let letters = word.count { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") }
            if word.count == 5, digits > 0, digits + letters == 5 { return String(Substring(word)) }
        }
        return nil
    }

    /// Waits for the socket; false: not in time.
    func wait(forWriting write: Bool, reading read: Bool, _ deadline: Deadline) -> Bool {
        var descriptor = pollfd(fd: PQsocket(handle), events: 0, revents: 0)
        if descriptor.fd < 0 { return true }  // libpq says what is wrong at its next call
        if write { descriptor.events |= Int16(POLLOUT) }
        if read { descriptor.events |= Int16(POLLIN) }
        while true {
            let left = deadline.leftMs
            if left <= 0 { return false }
            let ready = poll(&descriptor, 1, Int32(clamping: left))
            if ready > 0 || (ready < 0 && errno != EINTR) { return true }
        }
    }

    /// The connection is gone (or can't be trusted any more): says so, and makes it true.
    func lost() -> PostgresError {
        dead = true
        let words = options.redacted(PQerrorMessage(handle).map { String(cString: $0) } ?? "")
        return PostgresError(
            .service,
            "Lost the connection to Postgres at \(address): "
                + words.split(separator: "\n").joined(separator: "; "))
    }

    func timedOut() -> PostgresError {
        dead = true
        // The server may still be at work on the statement: a shut socket ends its session.
        shutdown(PQsocket(handle), Int32(SHUT_RDWR))
        return PostgresError(.service, "No answer from Postgres at \(address) within \(answerTimeoutMs) ms")
    }
}

/// A point of the monotonic clock.
struct Deadline {
    private let end: Int64

    init(afterMs: Int) { end = Self.now + Int64(afterMs) }

    var leftMs: Int64 { end - Self.now }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
