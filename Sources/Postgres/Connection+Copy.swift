internal import CPostgres

/// COPY FROM STDIN. https://www.postgresql.org/docs/current/libpq-copy.html
extension Connection {
    /// Starts what `sql` ends in: `COPY … FROM STDIN`. Statements before it run first; their results are returned.
    @discardableResult
    public func beginCopy(_ sql: String) throws(PostgresError) -> [StatementResult] {
        guard isAlive, PQsendQuery(handle, sql) == 1 else { throw lost() }
        return try results(stopsAtCopy: true)
    }

    /// Sends a piece of data. libpq holds no more than one piece of 256 KiB that the server hasn't taken.
    public func sendCopy(_ data: UnsafeRawBufferPointer) throws(PostgresError) {
        let deadline = Deadline(afterMs: answerTimeoutMs + 5_000)
        var rest = data
        while let base = rest.baseAddress, rest.count > 0 {
            let piece = min(rest.count, 256 << 10)
            let done = PQputCopyData(handle, base.assumingMemoryBound(to: CChar.self), Int32(piece))
            // Anything but 1 means that the server ended the COPY; why, `endCopy` will hear.
            if done < 0 { return }
            if done == 1 { rest = UnsafeRawBufferPointer(rebasing: rest[piece...]) }
            if try !flushed(deadline) { return }
        }
    }

    /// Sends a few bytes, as a header.
    public func sendCopy(_ data: [UInt8]) throws(PostgresError) {
        try data.withUnsafeBytes { bytes in
            Result { () throws(PostgresError) in try sendCopy(bytes) }
        }.get()
    }

    /// False: the connection doesn't take data any more; `endCopy` says why.
    private func flushed(_ deadline: Deadline) throws(PostgresError) -> Bool {
        while true {
            let unsent = PQflush(handle)
            if unsent <= 0 { return unsent == 0 }
            guard wait(forWriting: true, reading: true, deadline) else { throw timedOut() }
            // The server may want to be read (a notice, an error) before it takes more.
            if PQconsumeInput(handle) == 0 { return false }
        }
    }

    /// Ends the COPY and returns how many rows the server took.
    @discardableResult
    public func endCopy() throws(PostgresError) -> Int {
        // When it fails, the results hold the reason, or the connection does.
        let ended = PQputCopyEnd(handle, nil)
        let all = try results()
        if ended < 0 || all.isEmpty { throw lost() }
        return all[0].affected
    }

    /// Ends the COPY so that the server takes nothing of it. The transaction has failed then.
    public func cancelCopy() throws(PostgresError) {
        PQputCopyEnd(handle, "cancelled by the client")
        do { _ = try results() } catch {
            if !isAlive { throw error }
        }
    }
}
