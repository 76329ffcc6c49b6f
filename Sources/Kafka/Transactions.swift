internal import CRdkafka
public import Log

/// Transactions: KIP-98 and KIP-447, as librdkafka's INTRODUCTION.md ("Transactional Producer") asks for.
///
/// Each of librdkafka's calls may come back early and is then called again, which goes on where it was.
extension KafkaProducer {
    /// Takes the transactional id over from every producer before, and ends what they left open.
    func initialize() throws(LogError) {
        // The coordinator may still be loading, or finishing the last owner's transaction.
        try retry(for: Int64(transactionTimeoutMs) + 30_000, "taking over transactional.id \(transactionalId ?? "")") {
            rd_kafka_init_transactions(client.handle, $0)
        }
        client.voice.succeeded()
    }

    public func begin() throws(LogError) {
        try checkOpen()
        try requireTransactions()
        if let error = rd_kafka_begin_transaction(client.handle) { throw KafkaErrors.consume(error, "beginning a transaction") }
        isInTransaction = true
    }

    public func sendOffsets(_ offsets: [PartitionOffset], of consumer: any LogConsumer) throws(LogError) {
        try checkOpen()
        try requireTransactions()
        try throwFailure()
        if offsets.isEmpty { return }
        guard let consumer = consumer as? KafkaConsumer else {
            throw LogError(
                .configuration, code: "log.invalid", "offsets of a consumer of another log can't be part of a Kafka transaction")
        }
        let what = "adding offsets of topic \(consumer.topic), group \(consumer.group), to the transaction"
        // Without a member id the brokers would take the offsets unchecked if the group is empty.
        guard !consumer.client.hasLostAssignment, offsets.allSatisfy({ consumer.assigned.contains($0.partition) }) else {
            throw LogError(
                .abortable, code: "log.membership_lost", "\(what): they are of partitions that aren't assigned here any more")
        }
        guard let metadata = rd_kafka_consumer_group_metadata(consumer.client.handle) else {
            throw LogError(.abortable, code: "log.membership_lost", "\(what): the consumer isn't a member of its group")
        }
        defer { rd_kafka_consumer_group_metadata_destroy(metadata) }
        try add(PartitionList(topic: consumer.topic, offsets), metadata, what, group: consumer.group)
    }

    public func sendOffsets(_ offsets: [PartitionOffset], group: String, topic: String) throws(LogError) {
        try checkOpen()
        try requireTransactions()
        try throwFailure()
        if offsets.isEmpty { return }
        let what = "adding offsets of topic \(topic), group \(group), to the transaction"
        // No member id and no generation, as clients before KIP-447: brokers take it from whoever owns the transactional id.
        guard let metadata = rd_kafka_consumer_group_metadata_new(group) else {
            throw LogError(.configuration, code: "log.invalid", "\(what): '\(group)' can't be the name of a group")
        }
        defer { rd_kafka_consumer_group_metadata_destroy(metadata) }
        try add(PartitionList(topic: topic, offsets), metadata, what, group: group)
    }

    private func add(
        _ list: borrowing PartitionList, _ metadata: OpaquePointer, _ what: String, group: String
    ) throws(LogError) {
        let pointer = list.pointer
        do throws(LogError) {
            try retry(for: Int64(transactionTimeoutMs), what, group: group) {
                rd_kafka_send_offsets_to_transaction(client.handle, pointer, metadata, $0)
            }
        } catch {
            // As in `commit`.
            rd_kafka_poll(client.handle, 0)
            if error.kind != .retriable && error.kind != .fenced { try throwFailure() }
            throw error
        }
    }

    public func commit() throws(LogError) {
        try checkOpen()
        try requireTransactions()
        try throwFailure()
        // What takes longer is left to the commit itself, which waits for it in any case.
        _ = awaitAcknowledgments(timeoutMs: 50)
        do throws(LogError) {
            // Not for longer: whoever calls it calls again, unless it was asked to stop meanwhile.
            try retry(for: Int64(transactionTimeoutMs), "committing a transaction of \(transactionalId ?? "")") {
                rd_kafka_commit_transaction(client.handle, $0)
            }
        } catch {
            // The record that made it fail says more than the transaction's state.
            if error.kind != .retriable && error.kind != .fenced { try throwFailure() }
            throw error
        }
        isInTransaction = false
        if client.voice.lastError != nil { client.voice.succeeded() }
    }

    public func abort() throws(LogError) { try abort(within: Int64(transactionTimeoutMs)) }

    func abort(within timeoutMs: Int64) throws(LogError) {
        try checkOpen()
        try requireTransactions()
        try retry(for: timeoutMs, "aborting a transaction of \(transactionalId ?? "")") {
            rd_kafka_abort_transaction(client.handle, $0)
        }
        isInTransaction = false
        forgetFailure()  // the purged records report themselves as failed
    }

    private func requireTransactions() throws(LogError) {
        if transactionalId == nil {
            throw LogError(
                .configuration, code: "log.invalid", "this producer has no transactional id; it can't take part in a transaction")
        }
    }

    /// Calls `request` with a timeout until it succeeds, fails for good, or `timeoutMs` is over.
    private func retry(for timeoutMs: Int64, _ what: String, group: String = "", _ request: (Int32) -> OpaquePointer?)
        throws(LogError)
    {
        let deadline = Deadline(timeoutMs)
        let rights = client.rights("Write", group: group, transactionalId: transactionalId ?? "")
        while let error = request(deadline.slice(5000)) {
            var failure = KafkaErrors.consume(error, "\(what) on Kafka at \(client.servers)", rights)
            if failure.kind == .retriable {
                if let refusal = client.lastingRefusal { throw refusal }
                rd_kafka_poll(client.handle, 0)
                if !deadline.isOver {
                    client.pause(ms: 20)
                    continue
                }
                failure.message += "; librdkafka's last words: \(client.voice.reason)"
            }
            throw failure
        }
    }
}
