import Postgres

/// How much of the batch that is still being filled has been sent to the server already.
struct CopyStream {
    /// Rows are sent in pieces of about this many bytes; a batch that stays smaller is sent by `submit`.
    static let pieceBytes = 256 << 10

    /// Whether the server's statement timeout leaves a COPY the time that filling a batch takes.
    var isAllowed = false
    /// Whether the server is in the COPY of a batch.
    var isOpen = false
    /// Bytes of the COPY buffer that were sent.
    var sent = 0
    /// What went wrong while sending; `submit` deals with it.
    var failure: PostgresError?

    /// The connection is gone, or the transaction ended.
    mutating func reset() {
        isOpen = false
        sent = 0
        failure = nil
    }
}

/// Sending rows while the batch is being filled, so that the server works at the same time as this process. Nothing of it counts
/// before `submit` has moved the offsets in the same transaction: a loader that comes too late has sent its rows for nothing, and
/// they are rolled back.
extension PostgresSink {
    @inline(never)
    mutating func streamPiece() {
        guard stream.isAllowed, stream.failure == nil, submitted.name == nil else { return }
        guard let connection, connection.isAlive, let statements else { return }
        do throws(PostgresError) {
            if !stream.isOpen {
                try connection.beginCopy(Self.begin + statements.copy)
                stream.isOpen = true
                try connection.sendCopy(Self.header)
            }
            try connection.sendCopy(filling.copy.bytes(stream.sent..<filling.copy.count))
            stream.sent = filling.copy.count
        } catch { stream.failure = error }
    }

    /// Takes back what was sent: the batch is given up, or the connection is needed for something else (`submit` then sends all).
    mutating func abandonStream() {
        if stream.isOpen, let connection, connection.isAlive {
            try? connection.cancelCopy()
            rollBack(connection)
        }
        stream.reset()
    }

    /// Throws why the connection was lost, if it was lost while rows were sent.
    mutating func checkStream() throws(SinkError) {
        guard let connection, !connection.isAlive, stream.isOpen || stream.failure != nil else { return }
        defer { stream.reset() }
        do throws(PostgresError) {
            if let failure = stream.failure { throw failure }
            try connection.endCopy()  // what the server said last
        } catch { throw SinkError(error, doing: "Failed to load into table \(plan.table)") }
    }

    /// A COPY stays open until the batch is full or due.
    func canStream(_ connection: Connection) throws(PostgresError) -> Bool {
        let setting = try connection.query("SELECT setting FROM pg_settings WHERE name = 'statement_timeout'", [])
        guard let text = setting.rows.first?.first ?? nil, let timeoutMs = Int(text) else { return false }
        return timeoutMs == 0 || timeoutMs / 4 >= plan.batchMs
    }
}
