// Hot path: per record.
public import Bytes

/// One header of a record. Name and value are bytes of the batch (or of whoever made it); a nil value pointer is Kafka's null.
@frozen
public struct LogHeader: BitwiseCopyable {
    public var name: UnsafeRawBufferPointer
    public var value: UnsafeRawBufferPointer

    @inlinable
    public init(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        self.name = name
        self.value = value
    }
}

/// A record as it was read. All spans are valid until the next `poll` of the consumer that gave it.
/// Null and empty are distinct: null has a nil base address (a null value is a tombstone), empty has a base and count 0.
@frozen
public struct LogRecord: BitwiseCopyable {
    public var key: UnsafeRawBufferPointer
    public var value: UnsafeRawBufferPointer
    public var headers: UnsafeBufferPointer<LogHeader>
    public var offset: Int64
    /// Milliseconds since 1970; -1: none.
    public var timestamp: Int64
    public var partition: Int32

    @inlinable
    public init(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, headers: UnsafeBufferPointer<LogHeader>,
                partition: Int32, offset: Int64, timestamp: Int64) {
        self.key = key
        self.value = value
        self.headers = headers
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
    }
}

/// A record to be written: spans must stay valid until `send` returns, which copies them.
@frozen
public struct OutputRecord: BitwiseCopyable {
    public var key: UnsafeRawBufferPointer
    public var value: UnsafeRawBufferPointer
    public var headers: UnsafeBufferPointer<LogHeader>
    /// Index into the topics the producer was made with.
    public var topic: Int32
    /// Always named by us (see `Partitioner`), never left to a client.
    public var partition: Int32

    @inlinable
    public init(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, headers: UnsafeBufferPointer<LogHeader>,
                topic: Int32, partition: Int32) {
        self.key = key
        self.value = value
        self.headers = headers
        self.topic = topic
        self.partition = partition
    }
}

/// The records one batch of input gave, and the memory their computed parts live in. Reused: `reset` keeps the memory.
/// Not thread-safe.
public struct OutputBatch: ~Copyable {
    /// For values, keys and headers that aren't bytes of the input batch; taken back by `reset`.
    public var arena: Arena
    @usableFromInline var storage: UnsafeMutablePointer<OutputRecord>
    @usableFromInline var capacity: Int
    /// How many records were appended since `reset`.
    public private(set) var count = 0

    public init(capacity: Int = 4096) {
        arena = Arena(chunkBytes: 1 << 20, retainedBytes: 16 << 20)
        storage = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit { storage.deallocate() }

    public mutating func append(_ record: OutputRecord) {
        if count == capacity { grow() }
        storage[count] = record
        count += 1
    }

    /// The records appended since `reset`, in order; valid until the next append or reset.
    public var records: UnsafeBufferPointer<OutputRecord> { UnsafeBufferPointer(start: storage, count: count) }

    public mutating func reset() {
        count = 0
        arena.reset()
    }

    @inline(never)
    private mutating func grow() {
        let larger = UnsafeMutablePointer<OutputRecord>.allocate(capacity: capacity * 2)
        larger.update(from: storage, count: count)
        storage.deallocate()
        storage = larger
        capacity *= 2
    }
}
