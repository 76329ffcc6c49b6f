import Log

/// A log in memory with brokers' rights and limits: topics that this user may not look at, and such that take only small records.
final class StrictLog: RecordLog {
    private let log: MemoryLog
    private let denied: Set<String>
    /// By topic, the longest value.
    private let longest: [String: Int]

    init(_ log: MemoryLog, denied: Set<String> = [], longest: [String: Int] = [:]) {
        self.log = log
        self.denied = denied
        self.longest = longest
    }

    func describe(topics: [String]) throws(LogError) -> [TopicDescription?] {
        if let topic = topics.first(where: denied.contains) {
            throw LogError(.configuration, code: "log.denied", "user etl may not DESCRIBE topic \(topic)")
        }
        return try log.describe(topics: topics)
    }

    func makeProducer(_ options: ProducerOptions) throws(LogError) -> any LogProducer {
        StrictProducer(try log.makeProducer(options), options.topics.map { longest[$0] ?? .max })
    }

    func makeConsumer(_ options: ConsumerOptions) throws(LogError) -> any LogConsumer { try log.makeConsumer(options) }
    func makeReader(topic: String) throws(LogError) -> any LogReader { try log.makeReader(topic: topic) }
    func create(topics: [NewTopic]) throws(LogError) -> [TopicCreation] { try log.create(topics: topics) }
    func offsets(topic: String) throws(LogError) -> [PartitionRange] { try log.offsets(topic: topic) }
    func writtenOffsets(topic: String) throws(LogError) -> [PartitionRange] { try log.writtenOffsets(topic: topic) }
    func committedOffsets(group: String, topic: String) throws(LogError) -> [Int64?] {
        try log.committedOffsets(group: group, topic: topic)
    }
}

private final class StrictProducer: LogProducer {
    private let inner: any LogProducer
    private let longest: [Int]

    init(_ inner: any LogProducer, _ longest: [Int]) {
        self.inner = inner
        self.longest = longest
    }

    func send(_ batch: borrowing OutputBatch) throws(LogError) {
        for record in batch.records where record.value.count > longest[Int(record.topic)] {
            throw LogError(.configuration, code: "log.record_too_large", "the record is too large")
        }
        try inner.send(batch)
    }

    var partitionCounts: [Int32] { inner.partitionCounts }
    var shouldCommit: Bool { inner.shouldCommit }
    func begin() throws(LogError) { try inner.begin() }
    func sendOffsets(_ offsets: [PartitionOffset], of consumer: any LogConsumer) throws(LogError) {
        try inner.sendOffsets(offsets, of: consumer)
    }
    func sendOffsets(_ offsets: [PartitionOffset], group: String, topic: String) throws(LogError) {
        try inner.sendOffsets(offsets, group: group, topic: topic)
    }
    func commit() throws(LogError) { try inner.commit() }
    func abort() throws(LogError) { try inner.abort() }
    func acknowledged() throws(LogError) -> Int64 { try inner.acknowledged() }
    func flush(timeoutMs: Int32) throws(LogError) { try inner.flush(timeoutMs: timeoutMs) }
    func close() { inner.close() }
}
