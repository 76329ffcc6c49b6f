internal import CRdkafka
internal import Log

/// Every error of librdkafka and of brokers, sorted into what can be done about it. Nothing else in this module decides that.
///
/// Names and meanings: librdkafka's rdkafka.h; Kafka's protocol guide, "Error Codes"; KIP-98, KIP-360, KIP-447.
enum KafkaErrors {
    struct Row {
        let error: rd_kafka_resp_err_t
        let kind: LogError.Kind
        let code: String

        init(_ error: rd_kafka_resp_err_t, _ kind: LogError.Kind, _ code: String) {
            self.error = error
            self.kind = kind
            self.code = code
        }
    }

    /// What holds for a code wherever it comes up. A code that isn't here is `fatal`: the client is made anew from the last
    /// commit, which is right for every error, only slower.
    static let rows: [Row] = [
        // The broker, or the way to it, is away; librdkafka connects again by itself.
        Row(RD_KAFKA_RESP_ERR__TRANSPORT, .retriable, "log.unreachable"),
        Row(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, .retriable, "log.unreachable"),
        Row(RD_KAFKA_RESP_ERR__RESOLVE, .retriable, "log.unreachable"),
        Row(RD_KAFKA_RESP_ERR__NODE_UPDATE, .retriable, "log.unreachable"),
        Row(RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, .retriable, "log.unreachable"),
        Row(RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, .retriable, "log.unreachable"),
        // A broker that goes down in a handshake says the same; where it refuses the client, `Refusal` knows.
        Row(RD_KAFKA_RESP_ERR__SSL, .retriable, "log.unreachable"),
        // No answer in time. The request may have been done, and every one we retry may be done twice.
        Row(RD_KAFKA_RESP_ERR__TIMED_OUT, .retriable, "log.timed_out"),
        Row(RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, .retriable, "log.timed_out"),
        Row(RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, .retriable, "log.timed_out"),
        // The answer will be another one soon: leaders and coordinators move, caches fill, markers get written.
        Row(RD_KAFKA_RESP_ERR__WAIT_COORD, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR__WAIT_CACHE, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR__IN_PROGRESS, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR__RETRY, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR__INTR, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR__QUEUE_FULL, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR__OUTDATED, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR__ISR_INSUFF, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_NOT_COORDINATOR, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_NOT_CONTROLLER, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_PREFERRED_LEADER_NOT_AVAILABLE, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_ELIGIBLE_LEADERS_NOT_AVAILABLE, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_FETCH_SESSION_ID_NOT_FOUND, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_INVALID_FETCH_SESSION_EPOCH, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, .retriable, "log.rebalancing"),
        // The member was away too long; the next polls join again.
        Row(RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED, .retriable, "log.poll_interval_exceeded"),
        // A flipped bit on the way is fetched again.
        Row(RD_KAFKA_RESP_ERR__BAD_MSG, .retriable, "log.corrupt"),
        Row(RD_KAFKA_RESP_ERR_INVALID_MSG, .retriable, "log.corrupt"),

        // The membership these offsets belong to is over: partitions may be another's by now. Abort, and join again.
        Row(RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, .abortable, "log.membership_lost"),
        Row(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, .abortable, "log.membership_lost"),
        Row(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, .abortable, "log.membership_lost"),
        Row(RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST, .abortable, "log.membership_lost"),
        // Records that librdkafka gave up: they are in no queue any more, only going back to the last commit brings them again.
        Row(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, .abortable, "log.delivery_timed_out"),
        Row(RD_KAFKA_RESP_ERR__PURGE_QUEUE, .abortable, "log.purged"),
        Row(RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, .abortable, "log.purged"),
        // Sequence numbers no longer fit (KIP-360): the transaction is lost, the producer isn't.
        Row(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, .abortable, "log.transaction_failed"),
        Row(RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, .abortable, "log.transaction_failed"),
        Row(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, .abortable, "log.transaction_failed"),
        // One record: sent again, it would fail again for ever. Somebody raises the limit or makes it smaller.
        Row(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, .configuration, "log.record_too_large"),
        Row(RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, .configuration, "log.record_too_large"),
        Row(RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, .configuration, "log.record_too_large"),
        // The broker or the topic's rules refuse the record itself (a compacted topic takes none without a key).
        Row(RD_KAFKA_RESP_ERR_INVALID_RECORD, .configuration, "log.record_refused"),
        Row(RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, .configuration, "log.record_refused"),
        Row(RD_KAFKA_RESP_ERR_POLICY_VIOLATION, .configuration, "log.policy_violation"),

        // A newer producer has the transactional id.
        Row(RD_KAFKA_RESP_ERR_PRODUCER_FENCED, .fenced, "log.fenced"),
        Row(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, .fenced, "log.fenced"),
        Row(RD_KAFKA_RESP_ERR__FENCED, .fenced, "log.fenced"),
        Row(RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED, .fenced, "log.fenced"),

        Row(RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, .offsetOutOfRange, "log.offset_out_of_range"),
        Row(RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, .offsetOutOfRange, "log.offset_out_of_range"),
        Row(RD_KAFKA_RESP_ERR__NO_OFFSET, .offsetOutOfRange, "log.offset_out_of_range"),

        // Somebody has to change something.
        Row(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, .configuration, "log.topic_missing"),
        Row(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, .configuration, "log.topic_missing"),
        Row(RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, .configuration, "log.partition_missing"),
        Row(RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, .configuration, "log.topic_invalid"),
        Row(RD_KAFKA_RESP_ERR__AUTHENTICATION, .configuration, "log.authentication"),
        Row(RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, .configuration, "log.authentication"),
        Row(RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, .configuration, "log.authentication"),
        Row(RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE, .configuration, "log.authentication"),
        Row(RD_KAFKA_RESP_ERR_SECURITY_DISABLED, .configuration, "log.authentication"),
        Row(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, .configuration, "log.denied"),
        Row(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, .configuration, "log.denied"),
        Row(RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, .configuration, "log.denied"),
        Row(RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, .configuration, "log.denied"),
        Row(RD_KAFKA_RESP_ERR__INVALID_ARG, .configuration, "log.invalid"),
        Row(RD_KAFKA_RESP_ERR__NOT_CONFIGURED, .configuration, "log.invalid"),
        Row(RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, .configuration, "log.invalid"),
        Row(RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, .configuration, "log.invalid"),
        Row(RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, .configuration, "log.invalid"),
        Row(RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, .configuration, "log.invalid"),
        Row(RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, .configuration, "log.invalid"),
        Row(RD_KAFKA_RESP_ERR_INVALID_CONFIG, .configuration, "log.invalid"),
        Row(RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, .configuration, "log.group_protocol"),
        Row(RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED, .configuration, "log.group_full"),
        Row(RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, .configuration, "log.invalid"),
        Row(RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, .configuration, "log.unsupported"),
        Row(RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED, .configuration, "log.unsupported"),
        Row(RD_KAFKA_RESP_ERR__BAD_COMPRESSION, .configuration, "log.unsupported"),
        Row(RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, .configuration, "log.unsupported"),
        Row(RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, .configuration, "log.unsupported"),
        Row(RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, .configuration, "log.unsupported"),

        // Delegation tokens (KIP-48) that ran out, or aren't taken here.
        Row(RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_EXPIRED, .configuration, "log.authentication"),
        Row(RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_NOT_FOUND, .configuration, "log.authentication"),
        Row(RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_AUTH_DISABLED, .configuration, "log.authentication"),
        Row(RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, .configuration, "log.authentication"),
        Row(RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_AUTHORIZATION_FAILED, .configuration, "log.denied"),
        Row(RD_KAFKA_RESP_ERR_UNACCEPTABLE_CREDENTIAL, .configuration, "log.authentication"),
        Row(RD_KAFKA_RESP_ERR_INVALID_REPLICA_ASSIGNMENT, .configuration, "log.invalid"),
        Row(RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, .configuration, "log.invalid"),
        Row(RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE, .configuration, "log.invalid"),
        // A leader that isn't known on this listener yet, a broker that knows an older controller, a partition on the move.
        Row(RD_KAFKA_RESP_ERR_LISTENER_NOT_FOUND, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_STALE_CTRL_EPOCH, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_STALE_BROKER_EPOCH, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR_REASSIGNMENT_IN_PROGRESS, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR__UNKNOWN_BROKER, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR__PARTIAL, .retriable, "log.busy"),
        Row(RD_KAFKA_RESP_ERR__UNDERFLOW, .retriable, "log.corrupt"),
        // The coordinator wants the member to join with the id it gave; librdkafka does so.
        Row(RD_KAFKA_RESP_ERR_MEMBER_ID_REQUIRED, .retriable, "log.rebalancing"),
        // Written before, and the acknowledgement lost: librdkafka takes it for delivered. Where it comes up otherwise, the
        // transaction can't be told from a broken one.
        Row(RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER, .abortable, "log.transaction_failed"),

        // The client is at its end; these are listed so that they don't pass for forgotten ones.
        Row(RD_KAFKA_RESP_ERR__FATAL, .fatal, "log.fatal"),
        Row(RD_KAFKA_RESP_ERR__DESTROY, .fatal, "log.fatal"),
        Row(RD_KAFKA_RESP_ERR__INCONSISTENT, .fatal, "log.fatal"),
        Row(RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE, .fatal, "log.fatal"),
        Row(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, .fatal, "log.fatal"),
        Row(RD_KAFKA_RESP_ERR__STATE, .fatal, "log.fatal"),
        Row(RD_KAFKA_RESP_ERR__CONFLICT, .fatal, "log.fatal"),
        Row(RD_KAFKA_RESP_ERR__FAIL, .fatal, "log.fatal"),
        Row(RD_KAFKA_RESP_ERR_UNKNOWN, .fatal, "log.fatal"),
        Row(RD_KAFKA_RESP_ERR_INVALID_REQUEST, .fatal, "log.fatal"),
        Row(RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, .fatal, "log.fatal"),
    ]

    private static let table: [Int32: Row] = Dictionary(uniqueKeysWithValues: rows.map { ($0.error.rawValue, $0) })

    /// What a code means where nothing more is known. `fatal`, `requiresAbort`, `retriable`: what librdkafka says of this
    /// occurrence (rd_kafka_error_is_fatal, …_txn_requires_abort, …_is_retriable); it knows the state of its transaction.
    static func classify(
        _ error: rd_kafka_resp_err_t, fatal: Bool = false, requiresAbort: Bool = false,
        retriable: Bool = false
    ) -> (kind: LogError.Kind, code: String) {
        let row = table[error.rawValue]
        if let row, row.kind == .fenced { return (.fenced, row.code) }
        if fatal {
            // Fencing and refused rights are reported as fatal too; they keep their own meaning.
            if let row, row.kind == .configuration { return (.configuration, row.code) }
            return (.fatal, row?.kind == .fatal ? row?.code ?? "log.fatal" : "log.fatal")
        }
        if requiresAbort {
            if let row, row.kind == .abortable || row.kind == .configuration { return (row.kind, row.code) }
            return (.abortable, "log.transaction_failed")
        }
        if retriable { return (.retriable, row?.kind == .retriable ? row?.code ?? "log.busy" : "log.busy") }
        guard let row else { return (.fatal, "log.fatal") }
        return (row.kind, row.code)
    }

    static func name(_ error: rd_kafka_resp_err_t) -> String { String(cString: rd_kafka_err2name(error)) }
    static func text(_ error: rd_kafka_resp_err_t) -> String { String(cString: rd_kafka_err2str(error)) }

    /// An error as the engine sees it. `what`: what failed and where, as the start of a sentence. `reason`: the client's
    /// own words, where it said more than the name of the error. `rights`: what was asked for, should it be denied.
    static func error(_ error: rd_kafka_resp_err_t, _ what: String, reason: String = "", _ rights: Rights = Rights()) -> LogError {
        let (kind, code) = classify(error)
        let text = sentence(what, reason.isEmpty ? text(error) : reason, code, rights.refusal(error))
        return LogError(kind, code: code, text, cause: name(error))
    }

    /// The same for an error object, which is destroyed.
    static func consume(_ error: OpaquePointer, _ what: String, _ rights: Rights = Rights()) -> LogError {
        let code = rd_kafka_error_code(error)
        let (kind, dotted) = classify(
            code, fatal: rd_kafka_error_is_fatal(error) != 0,
            requiresAbort: rd_kafka_error_txn_requires_abort(error) != 0,
            retriable: rd_kafka_error_is_retriable(error) != 0)
        let text = sentence(what, String(cString: rd_kafka_error_string(error)), dotted, rights.refusal(code))
        rd_kafka_error_destroy(error)
        return LogError(kind, code: dotted, text, cause: name(code))
    }

    private static func sentence(_ what: String, _ reason: String, _ code: String, _ denied: String?) -> String {
        if let denied { return "\(what): \(denied)" }
        let advice = advice[code].map { "; \($0)" } ?? ""
        return "\(what): \(reason)\(advice)"
    }

    /// What to do, for errors somebody has to act on.
    private static let advice = [
        "log.topic_missing": "create it, for instance with 'etl topics create'",
        "log.record_too_large": "raise max.message.bytes of the topic, or make the record smaller",
        "log.authentication": "check security.protocol and the sasl.* properties",
        "log.denied": "ask for an ACL that allows it",
        "log.fenced": "another instance runs with the same transactional.id",
    ]
}
