internal import CRdkafka
public import Log

/// Asks brokers, before anything runs, whether topics are there and whether this client may do what a stage needs. Nothing it
/// does can be seen by others: no record, no offset, no member of a group. One thread at a time; connects when it is made.
public final class KafkaInspection {
    private let log: KafkaLog
    private let client: Client

    /// Throws what keeps the client from connecting or logging in.
    public init(_ log: KafkaLog) throws(LogError) {
        self.log = log
        client = try log.inquirer()
    }

    /// What the brokers know of a topic; nil: there is none. `writing`: whether it is wanted for that, for what an error says.
    public func describe(_ topic: String, writing: Bool) throws(LogError) -> TopicDescription? {
        try client.describe(topic, writing ? "Write" : "Read", timeoutMs: log.connectTimeoutMs)
    }

    /// Throws where the topic may not be read: fetches from its end, where nothing comes.
    public func read(_ topic: String) throws(LogError) {
        let what = "reading topic \(topic)"
        guard let object = rd_kafka_topic_new(client.handle, topic, nil), let queue = rd_kafka_queue_new(client.handle) else {
            throw KafkaErrors.error(rd_kafka_last_error(), what)
        }
        defer {
            rd_kafka_queue_destroy(queue)
            rd_kafka_topic_destroy(object)
        }
        guard rd_kafka_consume_start_queue(object, 0, Int64(RD_KAFKA_OFFSET_END), queue) == 0 else {
            throw KafkaErrors.error(rd_kafka_last_error(), what)
        }
        defer { rd_kafka_consume_stop(object, 0) }
        let deadline = Deadline(log.connectTimeoutMs)
        while !deadline.isOver {
            guard let message = rd_kafka_consume_queue(queue, deadline.slice(500)) else { continue }
            defer { rd_kafka_message_destroy(message) }
            let error = message.pointee.err
            // A record, or the end after none: it was let in.
            if error.rawValue == 0 || error == RD_KAFKA_RESP_ERR__PARTITION_EOF { return }
            let failure = KafkaErrors.error(error, what, client.rights("Read", topic: topic))
            if failure.kind != .retriable { throw failure }
        }
        throw LogError(.retriable, code: "log.timed_out", "\(what): no answer in \(log.connectTimeoutMs) ms")
    }

    /// Throws where a group may not be used to read a topic: commits an offset of a partition that can't exist. Brokers look at
    /// rights first (KafkaApis.handleOffsetCommitRequest), then refuse the partition, so that nothing is changed.
    public func commit(group: String, topic: String) throws(LogError) {
        let what = "using group \(group)"
        let member = try log.inquirer(group: group)
        guard let queue = rd_kafka_queue_new(member.handle) else { throw LogError(.fatal, code: "log.fatal", "\(what): no memory") }
        defer { rd_kafka_queue_destroy(queue) }
        let list = PartitionList(topic: topic, [PartitionOffset(partition: Int32.max, offset: 0)])
        let started = rd_kafka_commit_queue(member.handle, list.pointer, queue, nil, nil)
        let rights = member.rights("Read", topic: topic, group: group)
        if started.rawValue != 0 { throw KafkaErrors.error(started, what, rights) }
        let deadline = Deadline(15_000)
        var answer = rd_kafka_queue_poll(queue, 200)
        while answer == nil, !deadline.isOver {
            try member.throwGroupError(what, group: group, topic: topic)
            answer = rd_kafka_queue_poll(queue, 200)
        }
        guard let event = answer else {
            throw LogError(.retriable, code: "log.timed_out", "\(what): no answer in 15 s; \(member.voice.reason)")
        }
        defer { rd_kafka_event_destroy(event) }
        var error = rd_kafka_event_error(event)
        if let answered = rd_kafka_event_topic_partition_list(event), answered.pointee.cnt > 0, error.rawValue == 0 {
            error = answered.pointee.elems[0].err
        }
        if error.rawValue == 0 || error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART { return }
        throw KafkaErrors.error(error, what, rights)
    }

    /// Throws where a transactional id may not be used. Nobody else may be using it: the brokers would end that one's transaction.
    public func transact(_ transactionalId: String) throws(LogError) {
        try log.makeProducer(ProducerOptions(topics: [], transactionalId: transactionalId)).close()
    }

    /// Throws where the topic may not be written. False: the librdkafka that runs can't ask (2.3 and newer can).
    public func write(_ topic: String) throws(LogError) -> Bool {
        let operations = etl_topic_operations(client.handle, topic, 5000)
        guard operations >= 0 else { return false }
        if operations & (1 << Int64(RD_KAFKA_ACL_OPERATION_WRITE.rawValue)) != 0 { return true }
        throw KafkaErrors.error(
            RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "writing topic \(topic)", client.rights("Write", topic: topic))
    }

    public func close() { client.destroy(waitMs: 0) }
}
