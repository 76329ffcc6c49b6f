internal import CRdkafka
internal import Glibc
internal import Log

/// How long a client that starts asks again for a topic that isn't there.
let newTopicPatienceMs: Int64 = 2000

/// Requests that several kinds of client make.
extension Client {
    /// What the brokers know of a topic; nil: there is none. Never makes one (on a consumer's handle).
    /// `operation`: what the topic is wanted for, which includes describing it.
    ///
    /// - Parameter patienceMs: how long to ask again for a topic that isn't there. One that was just made is known to one broker
    ///   before the others.
    func describe(
        _ topic: String, _ operation: String = "Describe", timeoutMs: Int64, patienceMs: Int64 = 0
    ) throws(LogError) -> TopicDescription? {
        let what = "asking for topic \(topic)"
        guard let object = rd_kafka_topic_new(handle, topic, nil) else { throw KafkaErrors.error(rd_kafka_last_error(), what) }
        defer { rd_kafka_topic_destroy(object) }
        let deadline = Deadline(timeoutMs)
        let patience = Deadline(patienceMs)
        while true {
            var metadata: UnsafePointer<rd_kafka_metadata>?
            var error = rd_kafka_metadata(handle, 0, object, &metadata, deadline.slice(2000))
            if error.rawValue == 0, let found = metadata {
                defer { rd_kafka_metadata_destroy(found) }
                guard found.pointee.topic_cnt > 0, let only = found.pointee.topics else { return nil }
                error = only.pointee.err
                if error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC {
                    if patience.isOver { return nil }
                    pause(ms: 50)
                    continue
                }
                if error.rawValue == 0, only.pointee.partition_cnt > 0 {
                    let replicas = only.pointee.partitions.map { $0.pointee.replica_cnt } ?? -1
                    return TopicDescription(name: topic, partitions: only.pointee.partition_cnt, replication: replicas)
                }
                if error.rawValue == 0 { error = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE }  // just being made
            }
            let failure = KafkaErrors.error(error, what, rights(operation, topic: topic))
            if failure.kind != .retriable || deadline.isOver { throw failure }
            pause(ms: 50)
        }
    }

    /// A group's stable offsets: where a transaction is pending on one, waits for its end. `isMember`: this client reads for the
    /// group, so that messages may be waiting which aren't to be lost.
    func committed(group: String, topic: String, _ partitions: [Int32], isMember: Bool) throws(LogError) -> [Int64?] {
        if partitions.isEmpty { return [] }
        // Longer than any transaction may take: a broker ends a dead producer's after transaction.timeout.ms.
        let pending = Deadline(90_000)
        let away = Deadline(15_000)
        let what = "asking for the offsets of group \(group) on topic \(topic)"
        while true {
            let list = PartitionList(topic: topic, partitions)
            var error = rd_kafka_committed(handle, list.pointer, isMember ? 10_000 : 1000)
            if error.rawValue == 0 { error = list.firstError?.error ?? RD_KAFKA_RESP_ERR_NO_ERROR }
            if error.rawValue == 0 { return list.elements.map { $0.offset >= 0 ? $0.offset : nil } }
            let failure = KafkaErrors.error(error, what, rights("Read", topic: topic, group: group))
            let isPending = error == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT
            if failure.kind != .retriable || (isPending ? pending : away).isOver { throw failure }
            if !isMember { try throwGroupError(what, group: group, topic: topic) }
            pause(ms: 100)
        }
    }

    /// Throws why there is no coordinator for a group, if not because it is away. Requests to it just wait; that it may not be
    /// used comes as a message, which only a client that isn't a member may take.
    func throwGroupError(_ what: String, group: String, topic: String) throws(LogError) {
        while let message = rd_kafka_consumer_poll(handle, 0) {
            defer { rd_kafka_message_destroy(message) }
            let failure = KafkaErrors.error(message.pointee.err, what, rights("Read", topic: topic, group: group))
            if message.pointee.err.rawValue != 0, failure.kind == .configuration { throw failure }
        }
    }

    /// Whether partitions may be another member's already. librdkafka's own flag isn't raised where the member was away too
    /// long during a rebalance; but then it has left the group, and has no member id.
    var hasLostAssignment: Bool {
        if rd_kafka_assignment_lost(handle) != 0 { return true }
        guard let member = rd_kafka_memberid(handle) else { return true }
        defer { rd_kafka_mem_free(handle, member) }
        return member.pointee == 0
    }

    /// Leaves the group; what is assigned is given up without asking anybody.
    func leaveGroup(timeoutMs: Int64) {
        etl_close_rebalances(handle, state)
        guard let queue = rd_kafka_queue_new(handle) else { return }
        defer { rd_kafka_queue_destroy(queue) }
        if let error = rd_kafka_consumer_close_queue(handle, queue) {
            rd_kafka_error_destroy(error)
            return
        }
        let deadline = Deadline(timeoutMs)
        var message: UnsafeMutablePointer<rd_kafka_message_t>?
        while rd_kafka_consumer_closed(handle) == 0, !deadline.isOver {
            if rd_kafka_consume_batch_queue(queue, deadline.slice(50), &message, 1) > 0 { rd_kafka_message_destroy(message) }
        }
    }

    /// librdkafka says when connections break, not when they are back: after a report that they broke, asks, now and then.
    func noticeRecovery() {
        let wasConnected = voice.isConnected
        guard voice.lastError != nil || !wasConnected || isDoubtful, nextProbe.isOver else { return }
        defer { nextProbe = Deadline(1000) }
        var metadata: UnsafePointer<rd_kafka_metadata>?
        // A broker answers a connection's requests in their order: this one waits for a fetch that waits for records
        // (fetch.wait.max.ms, 500 by default).
        let error = rd_kafka_metadata(handle, 0, nil, &metadata, 1000)
        guard error.rawValue == 0 else {
            let (kind, _) = KafkaErrors.classify(error)
            if wasConnected, isDoubtful, kind == .retriable {
                voice.report(unreachable(.retriable, "log.unreachable", KafkaErrors.name(error)))
            }
            return
        }
        rd_kafka_metadata_destroy(metadata)
        isDoubtful = false
        voice.succeeded()
    }

    /// Between two tries.
    func pause(ms: Int64) { pause(ns: ms * 1_000_000) }

    func pause(ns: Int64) {
        var time = timespec(tv_sec: Int(ns / 1_000_000_000), tv_nsec: Int(ns % 1_000_000_000))
        nanosleep(&time, nil)
    }
}
