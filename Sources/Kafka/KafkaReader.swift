internal import CRdkafka
public import Log

/// Reads one topic by partition and offset, outside any group. One thread at a time.
public final class KafkaReader: LogReader {
    private let client: Client
    /// Full name of the topic it reads.
    public let topic: String
    private var object: OpaquePointer?
    private var batch = ConsumedBatch(capacity: 1000)

    init(_ log: KafkaLog, topic: String) throws(LogError) {
        self.topic = topic
        let properties = try log.consumerConfiguration(clientId: "etl-reader", memoryBytes: 32 << 20)
        // It reads what is there; the end is told by an empty answer, which is due at once.
        properties.tune("fetch.wait.max.ms", 10)
        client = try Client(RD_KAFKA_CONSUMER, properties, servers: log.servers, log: log.log)
        try client.connect(asking: topic, timeoutMs: log.connectTimeoutMs)
        let found = try client.describe(topic, "Read", timeoutMs: log.connectTimeoutMs, patienceMs: newTopicPatienceMs)
        guard found != nil else { throw missing(topic) }
        object = rd_kafka_topic_new(client.handle, topic, nil)
        if object == nil { throw KafkaErrors.error(rd_kafka_last_error(), "opening topic \(topic)") }
    }

    deinit { if let object { rd_kafka_topic_destroy(object) } }

    public func read(partition: Int32, from: Int64, to: Int64, _ body: (LogRecord) -> Bool) throws(LogError) -> Int64 {
        if from >= to { return from }
        let what = "reading topic \(topic), partition \(partition) from offset \(from)"
        guard let object, let queue = rd_kafka_queue_new(client.handle) else {
            throw LogError(.fatal, code: "log.closed", "\(what): the reader was closed")
        }
        defer { rd_kafka_queue_destroy(queue) }
        if rd_kafka_consume_start_queue(object, partition, from, queue) != 0 {
            throw KafkaErrors.error(rd_kafka_last_error(), what)
        }
        defer {
            batch.release()
            rd_kafka_consume_stop(object, partition)
        }
        batch.setAssigned([partition])
        var idle = Deadline(30_000)
        while true {
            batch.release()
            batch.fill(queue, limit: 1, timeoutMs: 500)
            batch.fill(queue, limit: 1000, timeoutMs: 0)
            batch.convert()
            for record in batch.records where record.offset >= from {
                if record.offset >= to || !body(record) { return record.offset }
                if record.offset == to - 1 { return to }
            }
            if let end = batch.ends.last { return end.offset }
            if batch.records.count > 0 { idle = Deadline(30_000) }
            try throwError(what)
            while rd_kafka_poll(client.handle, 0) > 0 {}
            if idle.isOver {
                throw LogError(.retriable, code: "log.timed_out", "\(what): no answer within 30 s; \(client.voice.reason)")
            }
        }
    }

    /// The first error that librdkafka doesn't mend by itself.
    private func throwError(_ what: String) throws(LogError) {
        if batch.errors == 0 { return }
        var first: LogError?
        batch.forEachError { message in
            let error = KafkaErrors.error(
                message.pointee.err, what, reason: string(rd_kafka_message_errstr(message)), client.rights("Read", topic: topic))
            if error.kind == .retriable { client.voice.report(error) } else if first == nil { first = error }
        }
        if let first { throw first }
    }

    public func close() {
        if let object { rd_kafka_topic_destroy(object) }
        object = nil
        client.destroy(waitMs: 0)
    }
}
