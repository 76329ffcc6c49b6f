import Log

/// The rows of one batch: in COPY's format, as the records they were made of, and, for upsert, in the order of their keys.
struct RowBatch: ~Copyable {
    var copy = CopyBuffer()
    var records = BufferedRows()
    var order = KeyOrder()
    /// Whether the server was sent the rows in that order.
    var isInOrder = false
    /// Names it in `etl_offsets`, from its first `submit` to `reset`.
    var name: String?

    var count: Int { records.count }
    /// Memory it takes, encoded and as it was, in bytes.
    var bytes: Int { copy.count + records.bytes }

    /// The bytes of these rows in COPY's format.
    func range(_ rows: Range<Int>) -> Range<Int> {
        start(rows.lowerBound)..<start(rows.upperBound)
    }

    /// Where a row starts; of the row after the last one: where the last one ends.
    private func start(_ row: Int) -> Int { row == count ? copy.count : records.start(row) }

    /// Brings `order` up to date.
    /// - Parameter keys: numbers of the key columns among those of a row; none: there is no order.
    mutating func arrange(by keys: [Int]) {
        if order.count != count { order.sort(copy, records, keys) }
    }

    /// Renumbers the rows that a later one of the same key supersedes, so that the merge can leave them out, or takes that back.
    mutating func mark(superseded isMarked: Bool) {
        for place in 0..<order.superseded.count {
            let row = Int(order.superseded[place])
            // The row's number is its last field.
            copy.patch(Int32(truncatingIfNeeded: isMarked ? -1 - row : row), at: start(row + 1) - 4)
        }
    }

    mutating func reset() {
        copy.truncate(to: 0)
        records.reset()
        order.reset()
        isInOrder = false
        name = nil
    }
}
