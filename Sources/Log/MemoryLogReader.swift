/// Reads one topic of a `MemoryLog` by partition and offset.
final class MemoryLogReader: LogReader {
    private static let batchRecords = 512
    private let log: MemoryLog
    private let source: MemoryTopic
    private let records: UnsafeMutablePointer<LogRecord>
    private var holds: [MemorySegment] = []

    init(log: MemoryLog, topic: MemoryTopic) {
        self.log = log
        source = topic
        records = .allocate(capacity: Self.batchRecords)
    }

    deinit { records.deallocate() }

    var topic: String { source.name }

    func read(partition: Int32, from: Int64, to: Int64, _ body: (LogRecord) -> Bool) throws(LogError) -> Int64 {
        guard source.partitions.indices.contains(Int(partition)) else {
            throw LogError(.configuration, code: "log.partition_missing", "Topic '\(topic)' has no partition \(partition)")
        }
        defer { holds.removeAll() }
        var position = from
        while true {
            holds.removeAll(keepingCapacity: true)
            let count = try batch(source.partitions[Int(partition)], &position, to)
            if count == 0 { return position }
            for index in 0..<count where !body(records[index]) { return records[index].offset }
        }
    }

    private func batch(_ partition: MemoryPartition, _ position: inout Int64, _ to: Int64) throws(LogError) -> Int {
        log.monitor.enter()
        defer { log.monitor.leave() }
        try log.checkRunning()
        log.expireTransactions()
        guard position >= partition.first, position <= partition.next else {
            throw .outOfRange(topic, partition, position)
        }
        var byteLimit = Int.max
        return partition.read(
            &position, below: min(to, partition.stable), limit: Self.batchRecords, byteLimit: &byteLimit,
            into: records, holds: &holds)
    }

    func close() {}
}

extension LogError {
    static func outOfRange(_ topic: String, _ partition: MemoryPartition, _ offset: Int64) -> LogError {
        LogError(
            .offsetOutOfRange, code: "log.offset_out_of_range",
            "Offset \(offset) of topic '\(topic)' partition \(partition.index) isn't there: "
                + "the partition holds \(partition.first) to \(partition.next)", cause: "OFFSET_OUT_OF_RANGE")
    }
}
