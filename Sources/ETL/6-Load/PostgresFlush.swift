import Log
import Postgres

/// A batch that was submitted, and how far it came.
struct Flight {
    enum State {
        /// The server was asked to merge and commit.
        case asked
        /// Some partition's offset isn't what was expected; nothing is written.
        case behind
        /// The server has said no to some row.
        case refused(PostgresError)
    }

    var offsets: [SinkOffset]
    var rejected: [RejectedRecord]
    /// The statements that move the offsets.
    var moving: String
    var state: State
}

/// One batch, one transaction.
extension PostgresSink {
    /// Writes the waiting rows and moves the partitions' offsets, in one transaction: `submit` and `finish` in one.
    public mutating func flush(offsets: [SinkOffset], rejected: [RejectedRecord]) throws(SinkError) -> [RefusedRow] {
        try submit(offsets: offsets, rejected: rejected)
        return try finish()
    }

    /// Sends the waiting rows and asks the server to move the partitions' offsets and to commit, in one transaction. What came of
    /// it, `finish` says; meanwhile `append` fills the next batch.
    ///
    /// If the connection is lost, here or in `finish`, the error is `service`; after `connect` the same call can be made again,
    /// whether or not the COMMIT had reached the server: a batch that is already in is not written twice, and its refused rows are
    /// returned as they were.
    /// - Parameters:
    ///   - offsets: one for each partition of which the batch has records, also rejected ones.
    ///   - rejected: what `append` rejected of it; kept in `etl_offsets` with the batch.
    public mutating func submit(offsets: [SinkOffset], rejected: [RejectedRecord]) throws(SinkError) {
        try checkStream()
        let (connection, statements) = try connected()
        abandonFlight()
        if submitted.name == nil {
            swap(&filling, &submitted)
        } else if filling.count > 0 {
            // It is the one that failed, once more; what came after it can't stand for it.
            throw SinkError(
                .fenced, code: "postgres.unfinished", "A batch for table \(statements.table) failed, and another was begun")
        }
        let name = submitted.name ?? Self.newBatchName()
        submitted.name = name
        let moving = statements.offsets.move(offsets, rejected: rejected, batch: name)
        defer { stream.reset() }
        do throws(PostgresError) {
            let isMoved = try write(moving, offsets.count, statements, connection)
            flight = Flight(offsets: offsets, rejected: rejected, moving: moving, state: isMoved ? .asked : .behind)
        } catch {
            rollBack(connection)
            guard error.kind == .data, submitted.count > 0 else {
                throw SinkError(error, doing: "Failed to load into table \(statements.table)")
            }
            flight = Flight(offsets: offsets, rejected: rejected, moving: moving, state: .refused(error))
        }
    }

    /// Whether `finish` would return, or fail, without waiting for the server's answer.
    public var isAnswered: Bool {
        guard let flight, let connection, case .asked = flight.state else { return true }
        return connection.hasAnswer()
    }

    /// What came of the batch that was submitted: the rows that the server refused; all others are in. Call `release` when the dead
    /// letters are made.
    public mutating func finish() throws(SinkError) -> [RefusedRow] {
        guard let flight, let connection, let statements else {
            throw SinkError(.service, code: "postgres.service", "Not connected to the database of table \(plan.table)")
        }
        // Something to do while the server works.
        if !isAnswered { filling.arrange(by: keysInOrder) }
        self.flight = nil
        do {
            do {
                switch flight.state {
                case .asked: try Self.checkCommitted(connection.answer())
                case .behind: return try settle(flight.offsets, statements, connection)
                case .refused(let error): throw error
                }
                return []
            } catch let error as PostgresError where error.kind == .data && submitted.count > 0 {
                rollBack(connection)
                if error.sqlstate == "21000" {  // ON CONFLICT … can't touch a row twice: keys whose bytes differ are equal
                    serverSorts = true
                    keysInOrder = []
                }
                return try isolate(flight, first: error, statements, connection)
            }
        } catch {
            rollBack(connection)
            throw SinkError(any: error, doing: "Failed to load into table \(statements.table)")
        }
    }

    /// Waits for the answer to what was submitted, whatever it is, so that the connection can be used for something else.
    mutating func abandonFlight() {
        guard let flight else { return }
        self.flight = nil
        guard let connection, connection.isAlive, case .asked = flight.state else { return }
        _ = try? connection.answer()
        rollBack(connection)
    }

    static let begin = "BEGIN ISOLATION LEVEL READ COMMITTED;"

    /// The whole batch, or what was not sent of it while it was filled, and the request to commit it. False: some partition's
    /// offset isn't what was expected; nothing is written.
    private mutating func write(
        _ moving: String, _ partitions: Int, _ statements: LoadStatements, _ connection: Connection
    ) throws(PostgresError) -> Bool {
        if let failure = stream.failure { throw failure }
        let rows = submitted.count
        if stream.isOpen {
            try connection.sendCopy(submitted.copy.bytes(stream.sent..<submitted.copy.count))
            try connection.sendCopy(Self.trailer)
            try connection.endCopy()
            guard try Self.moved(connection.execute(moving)) == partitions else {
                rollBack(connection)
                return false
            }
        } else if rows == 0 {
            guard try Self.moved(connection.execute(Self.begin + moving)) == partitions else {
                rollBack(connection)
                return false
            }
        } else {
            // The offsets first: a loader that comes too late learns it before it sends a row.
            guard try Self.moved(connection.beginCopy(Self.begin + moving + statements.copy)) == partitions else {
                try connection.cancelCopy()
                rollBack(connection)
                return false
            }
            if keysInOrder.isEmpty { try send(0..<rows, connection) } else { try sendInOrder(connection) }
            try connection.endCopy()
        }
        guard statements.isUpsert, rows > 0 else {
            try connection.send("COMMIT")
            return true
        }
        try connection.send((keysInOrder.isEmpty ? statements.merge() : statements.mergeInOrder) + "; COMMIT")
        return true
    }

    /// All rows in the order of their keys, those that are superseded marked.
    private mutating func sendInOrder(_ connection: Connection) throws(PostgresError) {
        submitted.arrange(by: keysInOrder)
        submitted.mark(superseded: true)
        submitted.isInOrder = true
        try connection.sendCopy(Self.header)
        piece.truncate(to: 0)
        for place in 0..<submitted.count {
            let row = submitted.order.row(at: place)
            piece.put(submitted.copy.bytes(submitted.range(row..<row + 1)))
            if piece.count >= CopyStream.pieceBytes {
                try connection.sendCopy(piece.bytes(0..<piece.count))
                piece.truncate(to: 0)
            }
        }
        try connection.sendCopy(piece.bytes(0..<piece.count))
        try connection.sendCopy(Self.trailer)
    }

    /// How many partitions the statements between BEGIN and COPY moved.
    static func moved(_ results: [StatementResult]) -> Int { results.reduce(0) { $0 + $1.affected } }

    /// COMMIT of a failed transaction answers ROLLBACK, without an error.
    static func checkCommitted(_ results: [StatementResult]) throws(PostgresError) {
        guard results.last?.tag == "COMMIT" else {
            throw PostgresError(.service, "COMMIT was answered by \(results.last?.tag ?? "nothing")")
        }
    }

    /// The rows in binary COPY format: header, tuples, trailer.
    func send(_ range: Range<Int>, _ connection: Connection) throws(PostgresError) {
        try connection.sendCopy(Self.header)
        try connection.sendCopy(submitted.copy.bytes(submitted.range(range)))
        try connection.sendCopy(Self.trailer)
    }

    /// Signature, flags, length of the extension.
    static var header: [UInt8] { Array("PGCOPY\n".utf8) + [0xff, 0x0d, 0x0a, 0] + [UInt8](repeating: 0, count: 8) }
    private static var trailer: [UInt8] { [0xff, 0xff] }

    /// No offset moved as expected: either this very batch is in already (its COMMIT's answer was lost), or another loader has
    /// moved the partitions.
    func settle(_ offsets: [SinkOffset], _ statements: LoadStatements, _ connection: Connection) throws -> [RefusedRow] {
        let stored = try statements.offsets.read(offsets.map(\.partition), connection)
        let isIn = offsets.allSatisfy { offset in
            stored.contains {
                $0.position.partition == offset.partition && $0.batch == submitted.name && $0.position.nextOffset == offset.next
            }
        }
        guard isIn else {
            let found = offsets.map { offset in
                let next = stored.first { $0.position.partition == offset.partition }?.position.nextOffset
                return "partition \(offset.partition) is at \(next.map { "\($0)" } ?? "nothing"), expected at "
                    + (offset.expected.map { "\($0)" } ?? "nothing")
            }
            throw SinkError(
                .fenced, code: "postgres.fenced",
                "Another loader has moved the offsets of topic \(topic) in "
                    + "\(statements.offsets.table): \(found.joined(separator: ", ")). Nothing of this batch was written")
        }
        return refusedRows(among: stored.flatMap(\.position.rejected))
    }

    /// The submitted rows among rejected records (the others are those `append` rejected).
    private func refusedRows(among rejected: [RejectedRecord]) -> [RefusedRow] {
        if rejected.isEmpty { return [] }
        struct Place: Hashable { var partition: Int32, offset: Int64 }
        var byPlace: [Place: RejectedRecord] = [:]
        for record in rejected { byPlace[Place(partition: record.partition, offset: record.offset)] = record }
        return (0..<submitted.count).compactMap { row in
            let record = submitted.records.record(row)
            return byPlace[Place(partition: record.partition, offset: record.offset)].map { RefusedRow(row: row, rejected: $0) }
        }
    }

    /// Ends the transaction without a word; if that fails, the connection is lost and the server does it.
    func rollBack(_ connection: Connection) {
        if connection.isAlive, connection.isInTransaction { _ = try? connection.execute("ROLLBACK") }
    }

    private static func newBatchName() -> String {
        String(UInt64.random(in: 0...UInt64.max), radix: 36) + String(UInt64.random(in: 0...UInt64.max), radix: 36)
    }
}
