import Log
import Postgres

/// One batch, one transaction.
extension PostgresSink {
    /// Writes the waiting rows and moves the partitions' offsets, in one transaction, and returns the rows that the server refused:
    /// all others are in. Call `reset` when the dead letters are made.
    ///
    /// If the connection is lost, the error is `service`; after `connect` the same call can be made again, whether or not the
    /// COMMIT had reached the server: a batch that is already in is not written twice, and its refused rows are returned
    /// as they were.
    /// - Parameters:
    ///   - offsets: one for each partition of which the batch has records, also rejected ones.
    ///   - rejected: what `append` rejected since the last `reset`; kept in `etl_offsets` with the batch.
    public mutating func flush(offsets: [SinkOffset], rejected: [RejectedRecord]) throws(SinkError) -> [RefusedRow] {
        try checkStream()
        let (connection, statements) = try connected()
        let name = batch ?? Self.newBatchName()
        batch = name
        let moving = statements.offsets.move(offsets, rejected: rejected, batch: name)
        do {
            do {
                defer { stream.reset() }
                if try write(moving, offsets.count, statements, connection) { return [] }
                return try settle(offsets, name, statements, connection)
            } catch let error as PostgresError where error.kind == .data && rows > 0 {
                rollBack(connection)
                return try isolate(moving, offsets, rejected, name, first: error, statements, connection)
            }
        } catch {
            rollBack(connection)
            throw SinkError(any: error, doing: "Failed to load into table \(statements.table)")
        }
    }

    static let begin = "BEGIN ISOLATION LEVEL READ COMMITTED;"

    /// The whole batch, or what was not sent of it while it was filled. False: some partition's offset isn't what was expected;
    /// nothing is written.
    private func write(
        _ moving: String, _ partitions: Int, _ statements: LoadStatements, _ connection: Connection
    ) throws(PostgresError) -> Bool {
        if let failure = stream.failure { throw failure }
        if stream.isOpen {
            try connection.sendCopy(buffer.bytes(stream.sent..<buffer.count))
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
            try send(0..<rows, connection)
            try connection.endCopy()
        }
        let last = statements.isUpsert && rows > 0 ? statements.merge() + "; COMMIT" : "COMMIT"
        try Self.checkCommitted(connection.execute(last))
        return true
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
        let end = range.upperBound == rows ? buffer.count : buffered.start(range.upperBound)
        try connection.sendCopy(buffer.bytes(buffered.start(range.lowerBound)..<end))
        try connection.sendCopy(Self.trailer)
    }

    /// Signature, flags, length of the extension.
    static var header: [UInt8] { Array("PGCOPY\n".utf8) + [0xff, 0x0d, 0x0a, 0] + [UInt8](repeating: 0, count: 8) }
    private static var trailer: [UInt8] { [0xff, 0xff] }

    /// No offset moved as expected: either this very batch is in already (its COMMIT's answer was lost), or another loader has
    /// moved the partitions.
    func settle(
        _ offsets: [SinkOffset], _ name: String, _ statements: LoadStatements,
        _ connection: Connection
    ) throws -> [RefusedRow] {
        let stored = try statements.offsets.read(offsets.map(\.partition), connection)
        let isIn = offsets.allSatisfy { offset in
            stored.contains {
                $0.position.partition == offset.partition && $0.batch == name && $0.position.nextOffset == offset.next
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

    /// The waiting rows among rejected records (the others are those `append` rejected).
    private func refusedRows(among rejected: [RejectedRecord]) -> [RefusedRow] {
        if rejected.isEmpty { return [] }
        struct Place: Hashable { var partition: Int32, offset: Int64 }
        var byPlace: [Place: RejectedRecord] = [:]
        for record in rejected { byPlace[Place(partition: record.partition, offset: record.offset)] = record }
        return (0..<rows).compactMap { row in
            let record = buffered.record(row)
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
