internal import CRdkafka
internal import Glibc
internal import Log

/// Requests that several kinds of client make.
extension Client {
    /// What the brokers know of a topic; nil: there is none. Never makes one (on a consumer's handle).
    func describe(_ topic: String, timeoutMs: Int64) throws(LogError) -> TopicDescription? {
        let what = "asking for topic \(topic)"
        guard let object = rd_kafka_topic_new(handle, topic, nil) else { throw KafkaErrors.error(rd_kafka_last_error(), what) }
        defer { rd_kafka_topic_destroy(object) }
        let deadline = Deadline(timeoutMs)
        while true {
            var metadata: UnsafePointer<rd_kafka_metadata>?
            var error = rd_kafka_metadata(handle, 0, object, &metadata, deadline.slice(2000))
            if error.rawValue == 0, let found = metadata {
                defer { rd_kafka_metadata_destroy(found) }
                guard found.pointee.topic_cnt > 0, let only = found.pointee.topics else { return nil }
                error = only.pointee.err
                if error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC { return nil }
                if error.rawValue == 0, only.pointee.partition_cnt > 0 {
                    let replicas = only.pointee.partitions.map { $0.pointee.replica_cnt } ?? -1
                    return TopicDescription(name: topic, partitions: only.pointee.partition_cnt, replication: replicas)
                }
                if error.rawValue == 0 { error = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE }  // just being made
            }
            let failure = KafkaErrors.error(error, what)
            if failure.kind != .retriable || deadline.isOver { throw failure }
            pause(ms: 50)
        }
    }

    /// A group's stable offsets: where a transaction is pending on one, waits for its end.
    func committed(group: String, topic: String, _ partitions: [Int32]) throws(LogError) -> [Int64?] {
        if partitions.isEmpty { return [] }
        // Longer than any transaction may take: a broker ends a dead producer's after transaction.timeout.ms.
        let deadline = Deadline(90_000)
        let what = "asking for the offsets of group \(group) on topic \(topic)"
        while true {
            let list = PartitionList(topic: topic, partitions)
            var error = rd_kafka_committed(handle, list.pointer, deadline.slice(10_000))
            if error.rawValue == 0 { error = list.firstError?.error ?? RD_KAFKA_RESP_ERR_NO_ERROR }
            if error.rawValue == 0 { return list.elements.map { $0.offset >= 0 ? $0.offset : nil } }
            let failure = KafkaErrors.error(error, what)
            if failure.kind != .retriable || deadline.isOver { throw failure }
            pause(ms: 100)
        }
    }

    /// Leaves the group; what is assigned is given up without asking anybody.
    func leaveGroup(timeoutMs: Int64) {
        state.pointee.closing = 1
        while state.pointee.rebalance_count > 0 {  // librdkafka waits for an answer to these
            let change = etl_take_rebalance(state)
            etl_rebalance_cb(handle, change.err, change.partitions, state)
            rd_kafka_topic_partition_list_destroy(change.partitions)
        }
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

    /// Between two tries.
    func pause(ms: Int64) {
        var time = timespec(tv_sec: Int(ms / 1000), tv_nsec: Int(ms % 1000) * 1_000_000)
        nanosleep(&time, nil)
    }
}
