internal import CPostgres

/// What one statement gave.
public struct StatementResult: Equatable, Sendable {
    /// The server's command tag, e.g. `UPDATE 3`, `COMMIT`, `ROLLBACK`.
    public var tag: String
    /// Rows affected; 0 where the tag has no count.
    public var affected: Int
    /// Column values as text; nil: null.
    public var rows: [[String?]]
}

extension Connection {
    /// Runs one or several statements in one message of the simple protocol (without BEGIN they are one transaction) and returns
    /// each one's result. The first error ends it.
    @discardableResult
    public func execute(_ sql: String) throws(PostgresError) -> [StatementResult] {
        try send(sql)
        return try results()
    }

    /// Sends statements as `execute` does and doesn't wait. `answer` must be called before the connection is used again.
    public func send(_ sql: String) throws(PostgresError) {
        statementsSent += 1
        guard isAlive, PQsendQuery(handle, sql) == 1 else { throw lost() }
    }

    /// Whether `answer` would return, or fail, at once. Never waits.
    public func hasAnswer() -> Bool {
        guard isAlive, PQflush(handle) >= 0, PQconsumeInput(handle) == 1 else { return true }
        while PQisBusy(handle) == 0 {
            guard let result = PQgetResult(handle) else { return true }
            early.append(result)
        }
        return false
    }

    /// What the statements gave that `send` sent, as `execute` returns it.
    public func answer() throws(PostgresError) -> [StatementResult] { try results() }

    /// Runs one statement with `$1`, `$2` … as text; nil: null.
    public func query(_ sql: String, _ parameters: [String?]) throws(PostgresError) -> StatementResult {
        statementsSent += 1
        guard isAlive else { throw lost() }
        let copies: [UnsafeMutablePointer<CChar>?] = parameters.map { $0.map { Self.cString($0) } }
        defer { copies.forEach { $0?.deallocate() } }
        let values = copies.map { UnsafePointer($0) }
        guard PQsendQueryParams(handle, sql, Int32(values.count), nil, values, nil, nil, 0) == 1 else { throw lost() }
        return try results().last ?? StatementResult(tag: "", affected: 0, rows: [])
    }

    private static func cString(_ text: String) -> UnsafeMutablePointer<CChar> {
        let bytes = text.utf8CString
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        for (index, byte) in bytes.enumerated() { copy[index] = byte }
        return copy
    }

    /// Everything the server still has to say about what was sent. In COPY it stops at the server's invitation to send data
    /// (`stopsAtCopy`), else it ends the COPY.
    func results(stopsAtCopy: Bool = false) throws(PostgresError) -> [StatementResult] {
        let deadline = Deadline(afterMs: answerTimeoutMs + 5_000)  // the server's own timeout comes first, and keeps the session
        var all: [StatementResult] = []
        var failure: PostgresError?
        while let result = try next(deadline) {
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_COPY_IN:
                if stopsAtCopy, failure == nil { return all }
                PQputCopyEnd(handle, "not wanted")
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                all.append(Self.read(result))
            default:
                if failure == nil { failure = error(of: result) }
            }
        }
        if let failure { throw failure }
        return all
    }

    private func next(_ deadline: Deadline) throws(PostgresError) -> OpaquePointer? {
        if !early.isEmpty { return early.removeFirst() }
        while PQisBusy(handle) == 1 {
            let unsent = PQflush(handle)
            guard wait(forWriting: unsent == 1, reading: true, deadline) else { throw timedOut() }
            // After a failure the next result says what the server's last words were (e.g. terminated by an administrator).
            if PQconsumeInput(handle) == 0, PQisBusy(handle) == 1 { throw lost() }
        }
        return PQgetResult(handle)
    }

    private static func read(_ result: OpaquePointer) -> StatementResult {
        let columns = PQnfields(result)
        let rows = (0..<PQntuples(result)).map { row in
            (0..<columns).map { column -> String? in
                PQgetisnull(result, row, column) == 1 ? nil : PQgetvalue(result, row, column).map { String(cString: $0) }
            }
        }
        return StatementResult(
            tag: PQcmdStatus(result).map { String(cString: $0) } ?? "",
            affected: PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0, rows: rows)
    }

    /// The server's error report, without DETAIL and without the message of a data error: both quote values of the row.
    func error(of result: OpaquePointer) -> PostgresError {
        func text(_ field: UnsafePointer<CChar>?) -> String { field.map { String(cString: $0) } ?? "" }
        let state = text(cpostgres_sqlstate(result))
        if PQstatus(handle) != CONNECTION_OK {
            var error = lost()
            error.sqlstate = state
            return error
        }
        let kind = SQLState.kind(of: state)
        let words = kind == .data ? SQLState.refusal(of: state) : options.redacted(text(cpostgres_message(result)))
        return PostgresError(
            kind, sqlstate: state, words, constraint: text(cpostgres_constraint(result)),
            column: text(cpostgres_column(result)), table: text(cpostgres_table(result)),
            copyLine: Self.copyLine(in: text(cpostgres_context(result))))
    }

    /// `COPY orders, line 7, column price` → 7. The server may say it in another language; the word COPY stays.
    static func copyLine(in context: String) -> Int? {
        for line in context.split(separator: "\n") where line.hasPrefix("COPY ") {
            let parts = line.split(separator: ",").dropFirst()
            for part in parts {
                let words = part.split(separator: " ")
                if words.count >= 2, let number = Int(words[1].prefix { $0.isASCII && $0.isNumber }) { return number }
            }
        }
        return nil
    }

    /// A name as SQL takes it, whatever is in it.
    public static func identifier(_ name: String) -> String {
        "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }

    /// A string as SQL takes it, whatever is in it and however `standard_conforming_strings` is set.
    public static func literal(_ text: String) -> String {
        var result = "E'"
        for character in text.unicodeScalars {
            switch character {
            case "'": result += "''"
            case "\\": result += "\\\\"
            case "\0": break  // no text of Postgres can hold it
            default: result.unicodeScalars.append(character)
            }
        }
        return result + "'"
    }
}
