internal import CRdkafka
public import Log

/// Writes records, in transactions or idempotently. One thread at a time.
public final class KafkaProducer: LogProducer {
    let client: Client
    let topics: [String]
    let transactionalId: String?
    let transactionTimeoutMs: Int32
    public let partitionCounts: [Int32]
    var sending: SendBuffer
    var isInTransaction = false
    /// Offsets that are on their way into the transaction; nil: none are.
    var offsetsCall: OffsetsCall?
    var isClosed = false
    /// librdkafka came back from a commit that goes on: until it is called again and says how that ended, every other call on the
    /// transaction is refused.
    var isCommitting = false
    let isStopping: @Sendable () -> Bool
    /// Calls of `send`, and those of which everything is acknowledged.
    private var sends: Int64 = 0
    private var durable: Int64 = 0

    init(_ log: KafkaLog, _ options: ProducerOptions) throws(LogError) {
        topics = options.topics
        transactionalId = options.transactionalId
        transactionTimeoutMs = options.transactionTimeoutMs
        isStopping = options.isStopping
        // Asked of a consumer's handle: a producer's question would make the topic.
        let (counts, limits) = try log.ask { [topics] client throws(LogError) in
            let counts = try topics.map { topic throws(LogError) -> Int32 in
                let found = try client.describe(
                    topic, "Write", timeoutMs: log.connectTimeoutMs, patienceMs: newTopicPatienceMs)
                guard let found else { throw missing(topic) }
                return found.partitions
            }
            return (counts, client.messageLimits(of: topics, timeoutMs: 3000))
        }
        partitionCounts = counts
        let properties = try log.producerConfiguration(
            clientId: options.clientId, memoryBytes: options.memoryBytes, patienceMs: options.patienceMs,
            limits: limits, transactionalId: options.transactionalId,
            transactionTimeoutMs: options.transactionTimeoutMs)
        client = try Client(RD_KAFKA_PRODUCER, properties, servers: log.servers, log: log.log)
        sending = SendBuffer(partitionCounts: partitionCounts)
        try client.connect(asking: topics.first, timeoutMs: log.connectTimeoutMs)
        for topic in topics {
            guard let object = rd_kafka_topic_new(client.handle, topic, nil) else {
                throw KafkaErrors.error(rd_kafka_last_error(), "opening topic \(topic)")
            }
            sending.topics.append(object)
        }
        if transactionalId != nil { try initialize() }
    }

    deinit { sending.closeTopics() }

    /// The last error that librdkafka deals with by itself; nil since the last success.
    public var lastError: LogError? { client.voice.lastError }
    /// False while no broker can be reached.
    public var isConnected: Bool { client.voice.isConnected }

    public func send(_ batch: borrowing OutputBatch) throws(LogError) {
        let records = batch.records
        try checkOpen()
        try throwFailure()
        guard records.count < Int(UInt32.max) else {
            throw LogError(.fatal, code: "log.fatal", "no memory to send \(records.count) records")
        }
        if records.count > 0 {
            if let wrong = sending.sort(records) {
                let record = records[wrong]
                throw LogError(
                    .configuration, code: "log.partition_missing",
                    "a record was to go to partition \(record.partition) of topic \(name(record.topic)), which isn't there")
            }
            if transactionalId == nil, sending.produceFirsts(client, records) {
                try awaitFirsts()
                sending.produceOthers(client, records)
            } else {
                sending.produce(client, records)
            }
        }
        sends += 1
        rd_kafka_poll(client.handle, 0)
        try throwFailure()
    }

    /// Until the first records of some partitions are acknowledged, or given up.
    @inline(never)
    private func awaitFirsts() throws(LogError) {
        while awaitAcknowledgments(timeoutMs: 1000) == RD_KAFKA_RESP_ERR__TIMED_OUT {
            try throwFailure()
            guard isStopping() else { continue }
            throw LogError(
                .retriable, code: "log.timed_out",
                "sending the first records to \(topics.joined(separator: ", ")) on Kafka at \(client.servers): no answer; "
                    + "librdkafka's last words: \(client.voice.reason)")
        }
        try throwFailure()
    }

    private func name(_ topic: Int32) -> String {
        topics.indices.contains(Int(topic)) ? topics[Int(topic)] : "number \(topic)"
    }

    func checkOpen() throws(LogError) {
        if isClosed { throw LogError(.fatal, code: "log.closed", "the producer was closed") }
    }

    public func acknowledged() throws(LogError) -> Int64 {
        if isClosed { return durable }
        rd_kafka_poll(client.handle, 0)
        // Counts records until their failure has been reported, so what has left the queue unreported is durable.
        let isEmpty = rd_kafka_outq_len(client.handle) == 0
        try throwFailure()
        client.noticeRecovery()
        if isEmpty { durable = sends }
        return durable
    }

    public func flush(timeoutMs: Int32) throws(LogError) {
        try checkOpen()
        let error = awaitAcknowledgments(timeoutMs: Int64(timeoutMs))
        try throwFailure()
        if error.rawValue != 0 {
            let left = rd_kafka_outq_len(client.handle)
            throw KafkaErrors.error(
                error, "waiting \(timeoutMs) ms for \(left) records to be acknowledged by Kafka at \(client.servers)")
        }
        durable = sends
    }

    /// Sends what waits for company and waits until the brokers have acknowledged everything, which the result says.
    ///
    /// In small steps: nothing wakes a thread in rd_kafka_flush where only failures are reported. And with pauses that grow: while
    /// a flush goes on and more than five records of a partition are on their way, librdkafka's thread for the broker looks for
    /// room without a rest (rdkafka_broker.c, rd_kafka_toppar_producer_serve: the next wake-up is at once, whatever is in flight).
    func awaitAcknowledgments(timeoutMs: Int64) -> rd_kafka_resp_err_t {
        let deadline = Deadline(timeoutMs)
        var pauses: Int32 = 0
        while true {
            let error = rd_kafka_flush(client.handle, min(1, Int32(clamping: max(timeoutMs, 0))))
            if error != RD_KAFKA_RESP_ERR__TIMED_OUT || deadline.isOver || client.state.pointee.failed > 0 { return error }
            for _ in 0..<pauses where rd_kafka_outq_len(client.handle) > 0 && !deadline.isOver && client.state.pointee.failed == 0 {
                rd_kafka_poll(client.handle, 1)
            }
            pauses = min(pauses + 1, 10)
        }
    }

    /// Throws what a record failed with that librdkafka has given up; again at each call, until the transaction is aborted.
    func throwFailure() throws(LogError) {
        if client.state.pointee.failed > 0 { throw failure() }
    }

    @inline(never)
    private func failure() -> LogError {
        let state = client.state
        let topic = withUnsafeBytes(of: &state.pointee.failed_topic) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        var code = state.pointee.failed_err
        var reason = withUnsafeBytes(of: &state.pointee.failed_reason) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        var text = [CChar](repeating: 0, count: 512)
        let fatal = rd_kafka_fatal_error(client.handle, &text, text.count)
        if fatal.rawValue != 0 {
            code = fatal
            reason = string(text)
        }
        let others = state.pointee.failed > 1 ? " (and \(state.pointee.failed - 1) more)" : ""
        let what =
            "sending a record of \(state.pointee.failed_bytes) bytes to topic \(topic), "
            + "partition \(state.pointee.failed_partition)\(others)"
        let isOfTransaction =
            code == RD_KAFKA_RESP_ERR__STATE || code == RD_KAFKA_RESP_ERR__PURGE_QUEUE
            || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT
        if isInTransaction, isOfTransaction, let cause = transactionFailure(what) { return cause }
        var error = KafkaErrors.error(
            code, what, reason: reason, client.rights("Write", topic: topic, transactionalId: transactionalId ?? ""))
        if fatal.rawValue != 0 {
            (error.kind, error.code) = KafkaErrors.classify(fatal, fatal: true)
        } else if error.kind == .retriable || code == RD_KAFKA_RESP_ERR__STATE {
            // librdkafka has dropped the record: only the last commit brings it again. _STATE: the transaction has failed.
            error.kind = .abortable
            error.code = code == RD_KAFKA_RESP_ERR__STATE ? "log.transaction_failed" : "log.delivery_failed"
        }
        if let said = client.voice.lastError, said.message != error.message { error.message += "; before that: \(said.message)" }
        return error
    }

    /// Why the open transaction can only be aborted; nil: it isn't known to. Its records were purged, which says nothing.
    /// Asked by beginning another, which librdkafka refuses with the reason, or as out of place where there is none.
    private func transactionFailure(_ what: String) -> LogError? {
        guard offsetsCall == nil, !isCommitting, let error = rd_kafka_begin_transaction(client.handle) else { return nil }
        if rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__STATE {
            rd_kafka_error_destroy(error)
            return nil
        }
        var rights = client.rights("Write", topic: topics.first ?? "", transactionalId: transactionalId ?? "")
        rights.topics = topics
        return KafkaErrors.consume(error, what, rights)
    }

    func forgetFailure() {
        client.state.pointee.failed = 0
    }

    public func close() {
        if isClosed { return }
        // What can't be aborted in time the broker aborts after transaction.timeout.ms, or the next owner of the id.
        if isInTransaction, !isCommitting { try? abort(within: 3000) }
        isClosed = true
        sending.closeTopics()
        if offsetsCall?.abandon() != true { client.destroy(waitMs: 2000) }
    }
}
