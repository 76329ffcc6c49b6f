/// A partition of the topic at hand and an offset in it.
@frozen
public struct PartitionOffset: BitwiseCopyable, Equatable, Sendable {
    public var partition: Int32
    public var offset: Int64

    @inlinable
    public init(partition: Int32, offset: Int64) {
        self.partition = partition
        self.offset = offset
    }
}

/// First offset and end of a partition.
public struct PartitionRange: Equatable, Sendable {
    public var partition: Int32
    public var first: Int64
    public var end: Int64

    public init(partition: Int32, first: Int64, end: Int64) {
        self.partition = partition
        self.first = first
        self.end = end
    }
}

/// How a member of a group reads.
public struct ConsumerOptions {
    public var topic: String
    public var group: String
    /// Told of every assignment. Held weakly by nobody: the owner keeps it alive until `close`.
    public var listener: any AssignmentListener
    /// What this consumer may hold in fetched records, in bytes.
    public var memoryBytes: Int
    /// How long records may wait for company before they are delivered, in milliseconds: fewer and larger fetches cost less.
    /// 0: deliver at once.
    public var patienceMs: Int32
    /// Names the client in logs and on the broker.
    public var clientId: String

    public init(
        topic: String, group: String, listener: any AssignmentListener, memoryBytes: Int = 256 << 20, patienceMs: Int32 = 0,
        clientId: String = "etl"
    ) {
        self.topic = topic
        self.group = group
        self.listener = listener
        self.memoryBytes = memoryBytes
        self.patienceMs = patienceMs
        self.clientId = clientId
    }
}

/// How a producer writes.
public struct ProducerOptions: Sendable {
    /// Every topic it will write to; `OutputRecord.topic` is an index into this.
    public var topics: [String]
    /// Nil: idempotent, without transactions.
    public var transactionalId: String?
    /// After this a broker aborts a transaction whose producer went away. Short, since it holds up every reader behind it.
    public var transactionTimeoutMs: Int32
    /// What it may hold in unsent records, in bytes.
    public var memoryBytes: Int
    /// How long a record may wait for others that can share its request, in milliseconds.
    public var patienceMs: Int32
    public var clientId: String
    /// Whether whoever makes the producer has been asked to stop: then making it doesn't go on trying, but fails with a retriable
    /// error. May be asked by any thread.
    public var isStopping: @Sendable () -> Bool

    public init(
        topics: [String], transactionalId: String?, transactionTimeoutMs: Int32 = 10_000,
        memoryBytes: Int = 128 << 20, patienceMs: Int32 = 20, clientId: String = "etl",
        isStopping: @escaping @Sendable () -> Bool = { false }
    ) {
        self.topics = topics
        self.transactionalId = transactionalId
        self.transactionTimeoutMs = transactionTimeoutMs
        self.memoryBytes = memoryBytes
        self.patienceMs = patienceMs
        self.clientId = clientId
        self.isStopping = isStopping
    }
}

/// A topic as it is.
public struct TopicDescription: Equatable, Sendable {
    public var name: String
    public var partitions: Int32
    /// Replicas of partition 0.
    public var replication: Int32

    public init(name: String, partitions: Int32, replication: Int32) {
        self.name = name
        self.partitions = partitions
        self.replication = replication
    }
}

/// A topic to be made.
public struct NewTopic: Equatable, Sendable {
    public var name: String
    public var partitions: Int32
    /// -1: the broker's default.
    public var replication: Int32
    /// Topic configuration, e.g. `cleanup.policy`.
    public var properties: [String: String]

    public init(name: String, partitions: Int32, replication: Int32 = -1, properties: [String: String] = [:]) {
        self.name = name
        self.partitions = partitions
        self.replication = replication
        self.properties = properties
    }
}

/// What became of one `NewTopic`.
public enum TopicCreation: Equatable, Sendable {
    case created
    case existed
    case failed(LogError)
}
