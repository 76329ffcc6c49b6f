import Log

/// The offsets of all records of a batch, loaded or rejected: every record since the last one. Made only when rows are refused.
struct BatchOffsets {
    private var offsets: [Int32: [Int64]] = [:]

    init<Sink: RowSink & ~Copyable>(_ sink: borrowing Sink, _ rejected: [RejectedRecord]) {
        for row in 0..<sink.submittedRows {
            let record = sink.record(ofRow: row)
            offsets[record.partition, default: []].append(record.offset)
        }
        for record in rejected { offsets[record.partition, default: []].append(record.offset) }
        for partition in offsets.keys { offsets[partition]?.sort() }
    }

    /// Which of its partition's records this one was, as `Positions` counts them.
    /// - Parameter processed: the number of the batch's last record.
    func number(of record: LogRecord, processed: Int64) -> Int64 {
        let all = offsets[record.partition] ?? []
        var (low, high) = (0, all.count)
        while low < high {
            let middle = (low + high) / 2
            if all[middle] <= record.offset { low = middle + 1 } else { high = middle }
        }
        return processed - Int64(all.count - low)
    }
}
