import ETL

/// A record as a row of binary COPY, from its bytes.
func copySubjects() throws -> [Subject] {
    let rows = Rows()
    let order = Record(Record.order)
    guard rows.run(order.bytes, 1) else { throw SubjectError(description: "the order is refused as a row") }
    return [Subject("an order as a row of binary COPY", calls: 100_000) { _ = rows.run(order.bytes, $0) }]
}

private final class Rows {
    private var encoder: RowEncoder
    private var buffer = CopyBuffer()

    init() {
        // numeric(12,2), as the catalogue says it.
        let price = TargetColumn(type: .numeric, notNull: true, modifier: 12 << 16 | 2 + 4)
        let text = TargetColumn(type: .text, notNull: false)
        encoder = RowEncoder(
            columns: [
                ("order_id", text), ("customer_id", text), ("ts", TargetColumn(type: .timestamptz, notNull: true)),
                ("country", text),
                ("currency", text), ("sku", text), ("quantity", TargetColumn(type: .int4, notNull: true)), ("unit_price", price),
                ("status", text), ("email", text),
            ], extraFields: .ignore, hasSequence: false)
    }

    /// Whether all were accepted.
    func run(_ record: UnsafeRawBufferPointer, _ calls: Int) -> Bool {
        var accepted = true
        for row in 0..<calls {
            if buffer.count > 1 << 19 { buffer.truncate(to: 0) }  // what was sent
            accepted = encoder.append(record, row: row, to: &buffer).reason == .none && accepted
        }
        return accepted
    }
}
