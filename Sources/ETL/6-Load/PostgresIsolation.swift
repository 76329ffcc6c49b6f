import Log
import Postgres

/// What to do with a batch that the server refused for a row: find the bad rows, put all others in, in one transaction.
extension PostgresSink {
    /// Each attempt stands behind a savepoint. Deferred constraints are checked at once, so that their failures have a place.
    mutating func isolate(
        _ flight: Flight, first: PostgresError, _ statements: LoadStatements, _ connection: Connection
    ) throws -> [RefusedRow] {
        let offsets = flight.offsets
        let begin = Self.begin + flight.moving + "SET CONSTRAINTS ALL IMMEDIATE"
        guard try Self.moved(connection.execute(begin)) == offsets.count else {
            rollBack(connection)
            return try settle(offsets, statements, connection)
        }
        var refused: [Int: PostgresError] = [:]
        submitted.mark(superseded: false)
        let rows = submitted.count
        var hint = first.copyLine
        if submitted.isInOrder, let line = hint, line > 0, line <= rows { hint = submitted.order.row(at: line - 1) + 1 }
        let copied = Search(rows: 0..<rows, hint: hint)
        try copied.run(&refused, connection, retriesForeignKeys: !statements.isUpsert) { range throws(PostgresError) in
            try connection.beginCopy(statements.copy)
            try send(range, connection)
            try connection.endCopy()
        }
        if statements.isUpsert {
            // All that have the right types are in the staging table; now which of them does the table refuse?
            try Search(rows: 0..<rows, hint: nil).run(&refused, connection, retriesForeignKeys: false) {
                range throws(PostgresError) in
                try connection.execute(statements.merge(range))
            }
        }
        let result = refused.keys.sorted().map { row in
            let record = submitted.records.record(row)
            return RefusedRow(
                row: row,
                rejected: RejectedRecord(
                    partition: record.partition, offset: record.offset,
                    rejection: Self.rejection(refused[row] ?? first)))
        }
        if !result.isEmpty {
            try connection.execute(
                statements.offsets.setRejected(offsets.map(\.partition), flight.rejected + result.map(\.rejected)))
        }
        try Self.checkCommitted(connection.execute("COMMIT"))
        return result
    }

    private static func rejection(_ error: PostgresError) -> Rejection {
        Rejection(
            code: "load.rejected", message: "Postgres refused the row: \(error)",
            pointer: error.column.isEmpty ? "" : pointer(error.column))
    }
}

/// Looks for the rows among many that can't go in.
private struct Search {
    let rows: Range<Int>
    /// The row that a failed attempt at all rows named, counted from 1.
    let hint: Int?

    /// Puts rows in by `attempt`, in their order, and notes those that fail alone in `refused`.
    ///
    /// A failed range is split where the error names a row: what stands before it, the row, what follows. What follows is tried in
    /// pieces that double in size from the distance just covered, so that rows are sent a few times at most however many are
    /// bad. Where the error names no row (foreign keys, triggers, a merge) the range is halved.
    func run(
        _ refused: inout [Int: PostgresError], _ connection: Connection, retriesForeignKeys: Bool,
        _ attempt: (Range<Int>) throws(PostgresError) -> Void
    ) throws(PostgresError) {
        var pending: [Range<Int>] = []  // the next one last
        push(rows, hint, onto: &pending)
        var references: [Int] = []
        while let range = pending.popLast() {
            guard let error = try failure(connection, range, attempt) else { continue }
            if range.count > 1 {
                push(range, error.copyLine, onto: &pending)
                continue
            }
            refused[range.lowerBound] = error
            if error.sqlstate == "23503" { references.append(range.lowerBound) }
        }
        // A row may refer to a later one of the same batch, which a deferred constraint allows: so from the last to the first. Rows
        // that refer to each other in a circle and were split up stay out.
        guard retriesForeignKeys else { return }
        for row in references.reversed() where try failure(connection, row..<(row + 1), attempt) == nil { refused[row] = nil }
    }

    private func push(_ range: Range<Int>, _ line: Int?, onto pending: inout [Range<Int>]) {
        guard let line, line >= 1, line <= range.count else {
            let middle = range.lowerBound + range.count / 2
            if middle < range.upperBound { pending.append(middle..<range.upperBound) }
            if middle > range.lowerBound { pending.append(range.lowerBound..<middle) }
            return
        }
        let bad = range.lowerBound + line - 1
        var pieces: [Range<Int>] = []
        if bad > range.lowerBound { pieces.append(range.lowerBound..<bad) }
        pieces.append(bad..<(bad + 1))
        var start = bad + 1
        var size = max(64, 2 * (bad - range.lowerBound))
        while start < range.upperBound {
            let end = min(start + size, range.upperBound)
            pieces.append(start..<end)
            start = end
            size *= 2
        }
        pending.append(contentsOf: pieces.reversed())
    }

    /// The data error that the attempt ended in, undone; any other error is thrown.
    private func failure(
        _ connection: Connection, _ range: Range<Int>,
        _ attempt: (Range<Int>) throws(PostgresError) -> Void
    ) throws(PostgresError) -> PostgresError? {
        try connection.execute("SAVEPOINT etl_rows")
        do throws(PostgresError) { try attempt(range) } catch {
            guard error.kind == .data, connection.isAlive else { throw error }
            try connection.execute("ROLLBACK TO SAVEPOINT etl_rows; RELEASE SAVEPOINT etl_rows")
            return error
        }
        try connection.execute("RELEASE SAVEPOINT etl_rows")
        return nil
    }
}
