package import Log

/// What the loader's loop needs of the place its rows go to: `PostgresSink`, or a model of it in simulations. One for each loader
/// thread.
///
/// The loop: `connect`, `positions` of the assigned partitions (seek there), `append` each record, now and then `flush`, make dead
/// letters of what was rejected, `reset`.
package protocol RowSink: ~Copyable {
    /// Whether the last thing known of the connection is that it works.
    var isConnected: Bool { get }
    /// Rows that wait for `flush`.
    var rows: Int { get }
    /// Memory that waiting rows take, in bytes.
    var bytes: Int { get }

    /// Connects, or connects anew. What is buffered stays.
    mutating func connect() throws(SinkError)
    /// Gives the connection up. What is buffered stays.
    mutating func disconnect()
    /// Where each of these partitions goes on, in their order.
    mutating func positions(of partitions: [Int32]) throws(SinkError) -> [SinkPosition]
    /// Starts the group anew, for a log whose offsets begin at 0 again.
    mutating func forgetPositions() throws(SinkError)
    /// Makes the record a row and keeps a copy of it, or rejects it.
    mutating func append(_ record: LogRecord) -> AppendOutcome
    /// Writes the waiting rows and moves the partitions' offsets, in one transaction, and returns the rows that were refused.
    mutating func flush(offsets: [SinkOffset], rejected: [RejectedRecord]) throws(SinkError) -> [RefusedRow]
    /// The record of a row that waits, or that `flush` refused. Valid until `reset`.
    func record(ofRow row: Int) -> LogRecord
    /// Forgets the batch, flushed or not.
    mutating func reset()
}

/// What became of a record.
public enum AppendOutcome: Equatable, Sendable {
    /// It waits for `flush`; the sink has its own copy.
    case accepted
    /// It can be no row. It counts as part of the batch: name it in `flush`.
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
