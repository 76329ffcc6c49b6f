/// How far a partition has been loaded, as the sink itself knows it.
public struct SinkPosition: Equatable, Sendable {
    public var partition: Int32
    /// The first offset that is not in the sink; nil: nothing of this partition ever was.
    public var nextOffset: Int64?
    /// What the last batch refused. Where the group's offset in Kafka is behind `nextOffset`, these never became dead letters.
    public var rejected: [RejectedRecord]
    /// When the sink began with the last batch, by its own clock, in milliseconds since 1970; nil: it doesn't know.
    public var updatedMs: Int64?

    public init(partition: Int32, nextOffset: Int64?, rejected: [RejectedRecord], updatedMs: Int64? = nil) {
        self.partition = partition
        self.nextOffset = nextOffset
        self.rejected = rejected
        self.updatedMs = updatedMs
    }
}

/// A record that became no row, and why: what its dead letter says.
public struct RejectedRecord: Equatable, Sendable {
    public var partition: Int32
    public var offset: Int64
    public var rejection: Rejection

    public init(partition: Int32, offset: Int64, rejection: Rejection) {
        self.partition = partition
        self.offset = offset
        self.rejection = rejection
    }
}

/// Why a record can't be, or wasn't allowed to be, a row. Without the record's values.
public struct Rejection: Equatable, Sendable {
    /// `load.conversion`, `load.range`, `load.null`, `load.extra_field`, `load.tombstone`, `load.rejected`, `parse.syntax` …
    public var code: String
    public var message: String
    /// JSON Pointer to the field; empty: the whole record.
    public var pointer: String

    public init(code: String, message: String, pointer: String = "") {
        self.code = code
        self.message = message
        self.pointer = pointer
    }
}

/// How a batch moves one partition.
public struct SinkOffset: Equatable, Sendable {
    public var partition: Int32
    /// What the sink must have now (`SinkPosition.nextOffset`, then each flush's `next`); nil: nothing yet.
    public var expected: Int64?
    /// Where the batch ends: the offset of the first record that is not in it.
    public var next: Int64

    public init(partition: Int32, expected: Int64?, next: Int64) {
        self.partition = partition
        self.expected = expected
        self.next = next
    }
}
