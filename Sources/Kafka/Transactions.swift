internal import CRdkafka
public import Log

/// Transactions: KIP-98 and KIP-447, as librdkafka's INTRODUCTION.md ("Transactional Producer") asks for.
///
/// Each of librdkafka's calls may come back early and is then called again, which goes on where it was.
extension KafkaProducer {
    /// How long one call waits for brokers that don't answer before its caller hears of it. Not longer: whoever calls calls again,
    /// unless it was asked to stop meanwhile, and counts how often.
    private static var patienceMs: Int64 { 5000 }

    /// Takes the transactional id over from every producer before, and ends what they left open.
    func initialize() throws(LogError) {
        // The coordinator may still be loading, or finishing the last owner's transaction.
        try retry(
            until: Deadline(Int64(transactionTimeoutMs) + 30_000), endsAtStop: true,
            "taking over transactional.id \(transactionalId ?? "")"
        ) {
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
        try consumer.settleCommit(Deadline(Self.patienceMs))
        let client = consumer.client
        try add(offsets, topic: consumer.topic, group: consumer.group) { () throws(LogError) in
            if let metadata = rd_kafka_consumer_group_metadata(client.handle) { return metadata }
            throw LogError(.abortable, code: "log.membership_lost", "\(what): the consumer isn't a member of its group")
        }
    }

    public func sendOffsets(_ offsets: [PartitionOffset], group: String, topic: String) throws(LogError) {
        try checkOpen()
        try requireTransactions()
        try throwFailure()
        if offsets.isEmpty { return }
        let what = "adding offsets of topic \(topic), group \(group), to the transaction"
        try add(offsets, topic: topic, group: group) { () throws(LogError) in
            // No member id and no generation, as clients before KIP-447: brokers take it from whoever owns the transactional id.
            if let metadata = rd_kafka_consumer_group_metadata_new(group) { return metadata }
            throw LogError(.configuration, code: "log.invalid", "\(what): '\(group)' can't be the name of a group")
        }
    }

    private func add(
        _ offsets: [PartitionOffset], topic: String, group: String, as metadata: () throws(LogError) -> OpaquePointer
    ) throws(LogError) {
        let deadline = Deadline(Self.patienceMs)
        do throws(LogError) {
            // One that was left unanswered goes on: where it is for the same offsets, its answer is the answer.
            if let call = offsetsCall, call.offsets != offsets || call.group != group { try settleOffsets(deadline) }
            while true {
                do throws(LogError) {
                    if offsetsCall == nil {
                        let call = OffsetsCall(
                            client, topic: topic, offsets, group: group, metadata: try metadata(), timeoutMs: transactionTimeoutMs)
                        try call.start()
                        offsetsCall = call
                    }
                    return try settleOffsets(deadline)
                } catch {
                    guard error.kind == .retriable, !deadline.isOver else { throw error }
                    if let refusal = client.lastingRefusal { throw refusal }
                    rd_kafka_poll(client.handle, 0)
                    client.pause(ms: 20)
                }
            }
        } catch {
            // As in `commit`.
            rd_kafka_poll(client.handle, 0)
            if error.kind != .retriable && error.kind != .fenced { try throwFailure() }
            throw error
        }
    }

    /// Waits for the answer to offsets that are on their way, without which nothing else can be done with the transaction, and
    /// throws the error that it is. While there is none, `offsetsCall` stays.
    private func settleOffsets(_ deadline: Deadline) throws(LogError) {
        guard let call = offsetsCall else { return }
        let what = "adding offsets of group \(call.group) to the transaction on Kafka at \(client.servers)"
        while !call.wait(ms: deadline.slice(500)) {
            rd_kafka_poll(client.handle, 0)
            if let refusal = client.lastingRefusal { throw refusal }
            guard deadline.isOver else { continue }
            throw LogError(.retriable, code: "log.timed_out", "\(what): no answer; librdkafka's last words: \(client.voice.reason)")
        }
        offsetsCall = nil
        guard let error = call.takeError() else { return }
        let rights = client.rights("Write", group: call.group, transactionalId: transactionalId ?? "")
        var failure = KafkaErrors.consume(error, what, rights)
        if failure.kind == .retriable { failure.message += "; librdkafka's last words: \(client.voice.reason)" }
        throw failure
    }

    public func commit() throws(LogError) {
        try checkOpen()
        try requireTransactions()
        let deadline = Deadline(Self.patienceMs)
        if !isCommitting {
            try throwFailure()
            do throws(LogError) { try settleOffsets(deadline) } catch {
                // Whoever commits counts on them: without them the next try must not succeed.
                guard offsetsCall == nil, error.kind == .retriable else { throw error }
                throw LogError(.abortable, code: error.code, error.message, cause: error.cause)
            }
            // What takes longer is left to the commit itself, which waits for it in any case.
            _ = awaitAcknowledgments(timeoutMs: 50)
        }
        isCommitting = true
        do throws(LogError) {
            // In short steps: where a record was refused meanwhile, librdkafka says so at the next call only.
            try retry(until: deadline, stepMs: 500, "committing a transaction of \(transactionalId ?? "")") {
                rd_kafka_commit_transaction(client.handle, $0)
            }
        } catch {
            if error.kind == .retriable { throw error }
            isCommitting = false
            // The record that made it fail says more than the transaction's state.
            if error.kind != .fenced { try throwFailure() }
            throw error
        }
        isCommitting = false
        isInTransaction = false
        if client.voice.lastError != nil { client.voice.succeeded() }
    }

    public func abort() throws(LogError) { try abort(within: Self.patienceMs) }

    func abort(within timeoutMs: Int64) throws(LogError) {
        try checkOpen()
        try requireTransactions()
        let deadline = Deadline(timeoutMs)
        do throws(LogError) { try settleOffsets(deadline) } catch { if offsetsCall != nil { throw error } }
        // In short steps: what was on its way when librdkafka emptied its queue and came back since goes at the next call only.
        try retry(until: deadline, stepMs: 500, "aborting a transaction of \(transactionalId ?? "")") {
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

    /// Calls `request` with a timeout until it succeeds, fails for good, or the time is over.
    private func retry(
        until deadline: Deadline, stepMs: Int64 = 5000, endsAtStop: Bool = false, _ what: String,
        _ request: (Int32) -> OpaquePointer?
    ) throws(LogError) {
        let rights = client.rights("Write", transactionalId: transactionalId ?? "")
        while let error = request(deadline.slice(stepMs)) {
            var failure = KafkaErrors.consume(error, "\(what) on Kafka at \(client.servers)", rights)
            if failure.kind == .retriable {
                if let refusal = client.lastingRefusal { throw refusal }
                rd_kafka_poll(client.handle, 0)
                if !deadline.isOver, !(endsAtStop && isStopping()) {
                    client.pause(ms: 20)
                    continue
                }
                failure.message += "; librdkafka's last words: \(client.voice.reason)"
            }
            throw failure
        }
    }
}
