// Hot path: per record.
internal import Bytes
internal import CRdkafka
internal import Glibc
internal import Log

/// The messages of one poll, and what they look like to the engine. Messages live until `release`.
struct ConsumedBatch: ~Copyable {
    private var messages: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>
    private var count = 0
    private var capacity: Int
    private var recordStorage: UnsafeMutablePointer<LogRecord>
    private var recordCount = 0
    private var endStorage: UnsafeMutablePointer<PartitionOffset>
    private var endCount = 0
    private var arena = Arena(chunkBytes: 64 << 10, retainedBytes: 4 << 20)
    /// By partition: whether it is assigned.
    private var isAssigned: UnsafeMutablePointer<Bool>
    private var partitionCapacity: Int32 = 64
    /// Messages with an error that isn't the end of a partition.
    private(set) var errors = 0
    /// Of keys and values of the records.
    private(set) var bytes = 0
    /// Records of partitions that weren't assigned.
    private(set) var dropped = 0

    init(capacity: Int = 64) {
        self.capacity = capacity
        messages = .allocate(capacity: capacity)
        recordStorage = .allocate(capacity: capacity)
        endStorage = .allocate(capacity: capacity)
        isAssigned = .allocate(capacity: Int(partitionCapacity))
        isAssigned.update(repeating: false, count: Int(partitionCapacity))
    }

    deinit {
        messages.deallocate()
        recordStorage.deallocate()
        endStorage.deallocate()
        isAssigned.deallocate()
    }

    var records: UnsafeBufferPointer<LogRecord> { UnsafeBufferPointer(start: recordStorage, count: recordCount) }
    var ends: UnsafeBufferPointer<PartitionOffset> { UnsafeBufferPointer(start: endStorage, count: endCount) }

    mutating func release() {
        for i in 0..<count { rd_kafka_message_destroy(messages[i]) }
        count = 0
        recordCount = 0
        endCount = 0
        errors = 0
        bytes = 0
        arena.reset()
    }

    /// Room for so many messages. Only when empty.
    mutating func reserve(_ wanted: Int) {
        if wanted <= capacity { return }
        messages.deallocate()
        recordStorage.deallocate()
        endStorage.deallocate()
        capacity = wanted
        messages = .allocate(capacity: capacity)
        recordStorage = .allocate(capacity: capacity)
        endStorage = .allocate(capacity: capacity)
    }

    mutating func add(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
        messages[count] = message
        count += 1
    }

    /// Waits the whole timeout, or until there are `limit` messages.
    mutating func fill(_ queue: OpaquePointer, limit: Int, timeoutMs: Int32) {
        if limit <= count { return }
        let got = rd_kafka_consume_batch_queue(queue, timeoutMs, messages + count, limit - count)
        if got > 0 { count += got }
    }

    mutating func setAssigned(_ partitions: [Int32]) {
        if let highest = partitions.max(), highest >= partitionCapacity {
            isAssigned.deallocate()
            partitionCapacity = highest + 64
            isAssigned = .allocate(capacity: Int(partitionCapacity))
        }
        isAssigned.update(repeating: false, count: Int(partitionCapacity))
        for partition in partitions { isAssigned[Int(partition)] = true }
    }

    mutating func convert() {
        for i in 0..<count {
            // Messages lie anywhere in memory, written by another thread: asked for ahead, they are here when their turn comes.
            if i &+ 8 < count { etl_prefetch_message(messages[i &+ 8]) }
            guard let message = messages[i] else { continue }
            if message.pointee.err.rawValue != 0 {
                convertOther(message)
                continue
            }
            let partition = message.pointee.partition
            guard partition >= 0, partition < partitionCapacity, isAssigned[Int(partition)] else {
                dropped += 1
                continue
            }
            recordStorage[recordCount] = LogRecord(
                key: UnsafeRawBufferPointer(start: message.pointee.key, count: message.pointee.key_len),
                value: UnsafeRawBufferPointer(start: message.pointee.payload, count: message.pointee.len),
                headers: etl_has_no_headers(message) != 0 ? UnsafeBufferPointer(start: nil, count: 0) : headers(of: message),
                partition: partition, offset: message.pointee.offset, timestamp: rd_kafka_message_timestamp(message, nil))
            recordCount += 1
            bytes &+= message.pointee.key_len &+ message.pointee.len
        }
    }

    /// The list of a record's headers; names and values stay where the message has them.
    @inline(never)
    private mutating func headers(of message: UnsafeMutablePointer<rd_kafka_message_t>) -> UnsafeBufferPointer<LogHeader> {
        var headers: OpaquePointer?
        guard rd_kafka_message_headers(message, &headers).rawValue == 0 else { return UnsafeBufferPointer(start: nil, count: 0) }
        let total = rd_kafka_header_cnt(headers)
        let list = arena.allocate(max(total, 1) * MemoryLayout<LogHeader>.stride).bindMemory(
            to: LogHeader.self, capacity: max(total, 1))
        var index = 0
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while index < total, rd_kafka_header_get_all(headers, index, &name, &value, &size).rawValue == 0 {
            list[index] = LogHeader(
                name: UnsafeRawBufferPointer(start: name, count: name.map { strlen($0) } ?? 0),
                value: UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : size))
            index += 1
        }
        return UnsafeBufferPointer(start: list, count: index)
    }

    /// The end of a partition, or an error.
    @inline(never)
    private mutating func convertOther(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
        let partition = message.pointee.partition
        guard message.pointee.err == RD_KAFKA_RESP_ERR__PARTITION_EOF else {
            errors += 1
            return
        }
        guard partition >= 0, partition < partitionCapacity, isAssigned[Int(partition)] else { return }
        endStorage[endCount] = PartitionOffset(partition: partition, offset: message.pointee.offset)
        endCount += 1
    }

    @inline(never)
    func forEachError(_ body: (UnsafeMutablePointer<rd_kafka_message_t>) -> Void) {
        for i in 0..<count {
            guard let message = messages[i], message.pointee.err.rawValue != 0,
                message.pointee.err != RD_KAFKA_RESP_ERR__PARTITION_EOF
            else { continue }
            body(message)
        }
    }
}
