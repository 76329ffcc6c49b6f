/// A log of topics: Kafka, or the one in memory. The engine knows nothing else of where records come from and go to.
///
/// The objects it makes are each used by one thread at a time; the log itself by any.
public protocol RecordLog: AnyObject, Sendable {
    /// A member of a consumer group. Joins at the first `poll`.
    func makeConsumer(_ options: ConsumerOptions) throws(LogError) -> any LogConsumer
    /// With a transactional id: fences every producer of that id made before, and ends its open transaction, before it returns.
    func makeProducer(_ options: ProducerOptions) throws(LogError) -> any LogProducer
    /// A reader of one topic by partition and offset, outside any group; reads what is committed.
    func makeReader(topic: String) throws(LogError) -> any LogReader

    /// What the log knows of each topic, in the order asked; nil: there is no such topic. Never creates one.
    func describe(topics: [String]) throws(LogError) -> [TopicDescription?]
    /// Creates the topics that don't exist; one outcome a topic, in the order given.
    func create(topics: [NewTopic]) throws(LogError) -> [TopicCreation]
    /// First and end offset of each partition of a topic. `end` is where a read-committed reader ends now.
    func offsets(topic: String) throws(LogError) -> [PartitionRange]
    /// Like `offsets`, but `end` counts everything that was written: records of open transactions too, and of those just
    /// committed, which a broker shows to readers a moment after it has told the writer so.
    func writtenOffsets(topic: String) throws(LogError) -> [PartitionRange]
    /// The offsets a group has committed for each partition of a topic (stable: no transaction is pending on them); nil: none.
    func committedOffsets(group: String, topic: String) throws(LogError) -> [Int64?]
}

/// One member of a consumer group on one topic, and its position. One thread at a time.
public protocol LogConsumer: AnyObject {
    /// Waits up to `timeoutMs` for records, then returns those there are, at most `maxRecords`. It doesn't wait for a full batch.
    /// The batch is valid until the next call on this consumer. Assignment changes call the listener from within.
    /// Never returns a record of a partition that isn't assigned at the time it returns, nor, after `seek` or an assignment,
    /// one that was fetched before it.
    func poll(timeoutMs: Int32, maxRecords: Int) throws(LogError) -> LogBatch
    /// Moves assigned partitions to other offsets.
    func seek(_ positions: [PartitionOffset]) throws(LogError)
    /// Commits to the group, without a transaction. Returns when the broker has it (`wait`), or at once.
    func commit(_ offsets: [PartitionOffset], wait: Bool) throws(LogError)
    /// The group's committed, stable offsets of these partitions; nil: none.
    func committed(_ partitions: [Int32]) throws(LogError) -> [Int64?]
    /// Stops and restarts delivery; membership and the calls to poll go on. Only what was paused may be resumed. A pause ends with
    /// the assignment.
    func pause(_ partitions: [Int32]) throws(LogError)
    func resume(_ partitions: [Int32]) throws(LogError)
    /// Leaves the group (calls `revoking` first, if partitions are assigned). The consumer can't be used again.
    func close()
    /// Why no broker can be reached, where `poll` finds nothing for that reason; nil: one can, as far as known.
    var unreachable: LogError? { get }
    /// Whether it has got its share of the group's partitions, which may be none.
    var isMember: Bool { get }
}

extension LogConsumer {
    public var unreachable: LogError? { nil }
    public var isMember: Bool { true }
}

/// What `poll` found. Both parts are valid until the next call on the consumer.
public struct LogBatch {
    /// In order within each partition.
    public var records: UnsafeBufferPointer<LogRecord>
    /// Partitions whose committed end was reached after these records, with the offset that comes next. It is beyond
    /// transaction markers and other things a reader doesn't see, so committing it brings the lag to 0.
    public var ends: UnsafeBufferPointer<PartitionOffset>

    public init(records: UnsafeBufferPointer<LogRecord>, ends: UnsafeBufferPointer<PartitionOffset>) {
        self.records = records
        self.ends = ends
    }
}

/// Told of assignments, on the polling thread, inside `poll` or `close`.
public protocol AssignmentListener: AnyObject {
    /// These partitions are now ours. Returns where each starts. They come in addition to those already assigned.
    func assigned(_ partitions: [Int32], consumer: any LogConsumer) throws(LogError) -> [StartPosition]
    /// These partitions will be another's when this returns: finish with them (end the transaction, with their offsets in it).
    func revoking(_ partitions: [Int32], consumer: any LogConsumer)
    /// These partitions may already be another's: give up what is in flight for them.
    func lost(_ partitions: [Int32], consumer: any LogConsumer)
}

/// Where a partition's reading starts.
public enum StartPosition: Equatable, Sendable {
    /// The first record there still is.
    case earliest
    /// Exactly here; if it is gone, `poll` throws `offsetOutOfRange`.
    case offset(Int64)
}

/// Writes records, in transactions or idempotently. One thread at a time.
public protocol LogProducer: AnyObject {
    /// Number of partitions of each of the producer's topics, in their order.
    var partitionCounts: [Int32] { get }
    /// Begins a transaction. Only for producers with a transactional id.
    func begin() throws(LogError)
    /// Takes the batch's records, in their order within each partition, and copies them. Blocks while the send queue is full.
    func send(_ batch: borrowing OutputBatch) throws(LogError)
    /// Adds input offsets to the open transaction, as `consumer`'s group membership stands now; fails if that is no longer valid.
    func sendOffsets(_ offsets: [PartitionOffset], of consumer: any LogConsumer) throws(LogError)
    /// Adds a position in `topic` to the open transaction, in the name of a group without members: for whoever reads by
    /// `LogReader` and shares with nobody. Brokers check no membership here. What guards the position is the producer: once its
    /// transactional id is another's, it moves nothing.
    func sendOffsets(_ offsets: [PartitionOffset], group: String, topic: String) throws(LogError)
    /// Ends the transaction: everything sent in it, and its offsets, appear at once.
    func commit() throws(LogError)
    /// Ends the transaction: nothing sent in it appears.
    func abort() throws(LogError)
    /// How many calls of `send` (counted from 1 in their order, since the producer was made) are acknowledged whole, without
    /// a gap: send number `acknowledged` and all before it are durable. Throws if a record can't be delivered any more.
    func acknowledged() throws(LogError) -> Int64
    /// Waits until everything sent is acknowledged.
    func flush(timeoutMs: Int32) throws(LogError)
    /// Whether the open transaction had better be committed, however young: no reader can pass its records before, and they take
    /// the room that a log in memory has. Brokers have room.
    var shouldCommit: Bool { get }
    /// Aborts an open transaction if it still can. The producer can't be used again.
    func close()
}

extension LogProducer {
    public var shouldCommit: Bool { false }
}

/// Reads one topic by partition and offset, read committed, outside any group.
public protocol LogReader: AnyObject {
    /// Full name of the topic it reads.
    var topic: String { get }
    /// Gives `body` every record of the partition with `from` <= offset < `to`, in order; ends at the committed end there is now.
    /// `body` returns false to stop. Spans are valid during the call only.
    /// - Returns: what comes next. Less than `to` where `body` stopped, or where the log shows no more: a partition's new leader
    ///   may lag behind the end that its last one told.
    @discardableResult
    func read(partition: Int32, from: Int64, to: Int64, _ body: (LogRecord) -> Bool) throws(LogError) -> Int64
    func close()
}

extension LogReader {
    /// `read`, for who knows where the partition ends and goes on from there: throws `log.busy` (retriable) where it can't be read
    /// up to `to`. What `body` was given until then is a part.
    public func readAll(partition: Int32, from: Int64, to: Int64, _ body: (LogRecord) -> Bool) throws(LogError) {
        var isStopped = false
        let next = try read(partition: partition, from: from, to: to) { record in
            isStopped = !body(record)
            return !isStopped
        }
        guard isStopped || next >= to else {
            throw .notShown(topic: topic, partition, shown: next, known: to)
        }
    }
}

extension LogError {
    /// A partition that can be read up to `shown` for now, though it is known to have ended at `known`. It passes.
    public static func notShown(topic: String, _ partition: Int32, shown: Int64, known: Int64) -> LogError {
        LogError(
            .retriable, code: "log.busy",
            "topic \(topic), partition \(partition): its leader shows records up to offset \(shown), but it has ended at \(known) "
                + "already")
    }
}
