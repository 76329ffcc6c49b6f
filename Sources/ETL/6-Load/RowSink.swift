package import Log

/// What the loader's loop needs of the place its rows go to: `PostgresSink`, or a model of it in simulations. One for each loader
/// thread.
///
/// The loop: `connect`, `positions` of the assigned partitions (seek there), `append` each record, now and then `submit`, `append`
/// those of the next batch, `finish`, make dead letters of what was rejected, `release`. One batch at most is on its way.
package protocol RowSink: ~Copyable {
    /// Whether the last thing known of the connection is that it works.
    var isConnected: Bool { get }
    /// Rows that wait for `submit`.
    var rows: Int { get }
    /// Memory that waiting rows take, in bytes.
    var bytes: Int { get }
    /// Rows of the batch that was submitted.
    var submittedRows: Int { get }

    /// Connects, or connects anew. What is buffered stays; what was on its way isn't any more.
    mutating func connect() throws(SinkError)
    /// Gives the connection up. What is buffered stays; what was on its way isn't any more.
    mutating func disconnect()
    /// Where each of these partitions goes on, in their order. A batch on its way is waited for and given up.
    mutating func positions(of partitions: [Int32]) throws(SinkError) -> [SinkPosition]
    /// Starts the group anew, for a log whose offsets begin at 0 again.
    mutating func forgetPositions() throws(SinkError)
    /// Makes the record a row and keeps a copy of it, or rejects it.
    mutating func append(_ record: LogRecord) -> AppendOutcome
    /// Hands the waiting rows over, to be written in one transaction that moves the partitions' offsets. Doesn't wait for it.
    mutating func submit(offsets: [SinkOffset], rejected: [RejectedRecord]) throws(SinkError)
    /// Whether `finish` would return, or fail, at once.
    var isAnswered: Bool { get }
    /// Waits until the batch that was submitted is written, and returns the rows that were refused.
    mutating func finish() throws(SinkError) -> [RefusedRow]
    /// The record of a row that was submitted. Valid until `release`.
    func record(ofRow row: Int) -> LogRecord
    /// Forgets the batch that was submitted.
    mutating func release()
    /// Forgets all there is; what became of a batch on its way, `positions` says.
    mutating func reset()
}

/// What became of a record.
public enum AppendOutcome: Equatable, Sendable {
    /// It waits for `submit`; the sink has its own copy.
    case accepted
    /// It can be no row. It counts as part of the batch: name it in `submit`.
    case rejected(Rejection)
}

/// A row that the sink refused, by its number in the batch.
public struct RefusedRow: Equatable, Sendable {
    public var row: Int
    public var rejected: RejectedRecord

    public init(row: Int, rejected: RejectedRecord) {
        self.row = row
        self.rejected = rejected
    }
}
