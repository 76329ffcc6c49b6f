import CRdkafka
import Log
import Testing

@testable import Kafka

/// The classifier, case by case: the wrong kind loses records, doubles them, or stops a stage that could go on.
@Suite struct ErrorTests {
    struct Case: CustomTestStringConvertible {
        var error: rd_kafka_resp_err_t
        var kind: LogError.Kind
        var code: String
        var fatal = false
        var requiresAbort = false
        var retriable = false
        var testDescription: String { KafkaErrors.name(error) + (fatal ? " fatal" : "") + (requiresAbort ? " abort" : "") }

        init(
            _ error: rd_kafka_resp_err_t, _ kind: LogError.Kind, _ code: String, fatal: Bool = false, requiresAbort: Bool = false,
            retriable: Bool = false
        ) {
            (self.error, self.kind, self.code) = (error, kind, code)
            (self.fatal, self.requiresAbort, self.retriable) = (fatal, requiresAbort, retriable)
        }
    }

    @Test(arguments: [
        Case(RD_KAFKA_RESP_ERR__TRANSPORT, .retriable, "log.unreachable"),
        Case(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, .retriable, "log.unreachable"),
        Case(RD_KAFKA_RESP_ERR__RESOLVE, .retriable, "log.unreachable"),
        Case(RD_KAFKA_RESP_ERR__TIMED_OUT, .retriable, "log.timed_out"),
        Case(RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, .retriable, "log.busy"),
        Case(RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, .retriable, "log.busy"),
        Case(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, .retriable, "log.busy"),
        Case(RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, .retriable, "log.rebalancing"),
        Case(RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED, .retriable, "log.poll_interval_exceeded"),
        Case(RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, .abortable, "log.membership_lost"),
        Case(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, .abortable, "log.membership_lost", requiresAbort: true),
        Case(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, .abortable, "log.membership_lost", requiresAbort: true),
        Case(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, .abortable, "log.delivery_timed_out"),
        Case(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, .configuration, "log.record_too_large", requiresAbort: true),
        Case(RD_KAFKA_RESP_ERR__TIMED_OUT, .abortable, "log.transaction_failed", requiresAbort: true),
        Case(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, .fatal, "log.fatal", fatal: true),
        Case(RD_KAFKA_RESP_ERR_PRODUCER_FENCED, .fenced, "log.fenced"),
        Case(RD_KAFKA_RESP_ERR_PRODUCER_FENCED, .fenced, "log.fenced", requiresAbort: true),
        Case(RD_KAFKA_RESP_ERR__FENCED, .fenced, "log.fenced", fatal: true),
        Case(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, .fenced, "log.fenced", fatal: true),
        Case(RD_KAFKA_RESP_ERR__INCONSISTENT, .fatal, "log.fatal", fatal: true),
        Case(RD_KAFKA_RESP_ERR__STATE, .fatal, "log.fatal"),
        Case(RD_KAFKA_RESP_ERR__STATE, .retriable, "log.busy", retriable: true),
        Case(RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, .offsetOutOfRange, "log.offset_out_of_range"),
        Case(RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, .offsetOutOfRange, "log.offset_out_of_range"),
        Case(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, .configuration, "log.topic_missing"),
        Case(RD_KAFKA_RESP_ERR__AUTHENTICATION, .configuration, "log.authentication"),
        Case(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, .configuration, "log.denied", requiresAbort: true),
        Case(RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, .configuration, "log.denied", fatal: true),
        // Not in the table: whatever a newer broker may come up with.
        Case(rd_kafka_resp_err_t(rawValue: 5000), .fatal, "log.fatal"),
    ])
    func errorsAreSorted(_ row: Case) {
        let found = KafkaErrors.classify(row.error, fatal: row.fatal, requiresAbort: row.requiresAbort, retriable: row.retriable)
        #expect(found.kind == row.kind)
        #expect(found.code == row.code)
    }

    /// What each error means, written down from the protocol's and the client's documentation and not from the code: by what can
    /// be done about it and its dotted code, errors by their names in librdkafka.
    static let meanings: [(kind: LogError.Kind, code: String, names: String)] = [
        // The brokers or the way to them are away: the client connects again.
        (
            .retriable, "log.unreachable",
            "_TRANSPORT _ALL_BROKERS_DOWN _RESOLVE _NODE_UPDATE _SSL NETWORK_EXCEPTION BROKER_NOT_AVAILABLE"
        ),
        (.retriable, "log.timed_out", "_TIMED_OUT _TIMED_OUT_QUEUE REQUEST_TIMED_OUT"),
        // Passes by itself: something is in progress, has moved, is too busy, or isn't known everywhere yet.
        (
            .retriable, "log.busy",
            """
            _WAIT_COORD _WAIT_CACHE _IN_PROGRESS _PREV_IN_PROGRESS _RETRY _INTR _QUEUE_FULL _OUTDATED _ISR_INSUFF _UNKNOWN_BROKER \
            _PARTIAL LEADER_NOT_AVAILABLE NOT_LEADER_FOR_PARTITION REPLICA_NOT_AVAILABLE COORDINATOR_LOAD_IN_PROGRESS \
            COORDINATOR_NOT_AVAILABLE NOT_COORDINATOR NOT_CONTROLLER NOT_ENOUGH_REPLICAS NOT_ENOUGH_REPLICAS_AFTER_APPEND \
            CONCURRENT_TRANSACTIONS UNSTABLE_OFFSET_COMMIT FENCED_LEADER_EPOCH UNKNOWN_LEADER_EPOCH OFFSET_NOT_AVAILABLE \
            PREFERRED_LEADER_NOT_AVAILABLE ELIGIBLE_LEADERS_NOT_AVAILABLE KAFKA_STORAGE_ERROR FETCH_SESSION_ID_NOT_FOUND \
            INVALID_FETCH_SESSION_EPOCH THROTTLING_QUOTA_EXCEEDED LISTENER_NOT_FOUND STALE_CTRL_EPOCH STALE_BROKER_EPOCH \
            REASSIGNMENT_IN_PROGRESS
            """
        ),
        // The group settles: the next polls join it.
        (.retriable, "log.rebalancing", "REBALANCE_IN_PROGRESS MEMBER_ID_REQUIRED"),
        (.retriable, "log.poll_interval_exceeded", "_MAX_POLL_EXCEEDED"),
        // Bytes broken on the way: fetched again.
        (.retriable, "log.corrupt", "_BAD_MSG _UNDERFLOW INVALID_MSG"),

        // Not the member it was: its offsets can't be committed, the producer is sound.
        (.abortable, "log.membership_lost", "ILLEGAL_GENERATION UNKNOWN_MEMBER_ID FENCED_INSTANCE_ID _ASSIGNMENT_LOST"),
        // Records that never arrived are in no queue any more.
        (.abortable, "log.delivery_timed_out", "_MSG_TIMED_OUT"), (.abortable, "log.purged", "_PURGE_QUEUE _PURGE_INFLIGHT"),
        // The broker's and the producer's sequence numbers differ (KIP-360).
        (
            .abortable, "log.transaction_failed",
            "OUT_OF_ORDER_SEQUENCE_NUMBER UNKNOWN_PRODUCER_ID INVALID_PRODUCER_ID_MAPPING DUPLICATE_SEQUENCE_NUMBER"
        ),

        // Another has the transactional id.
        (.fenced, "log.fenced", "PRODUCER_FENCED INVALID_PRODUCER_EPOCH _FENCED TRANSACTION_COORDINATOR_FENCED"),

        // Retention took it, or the topic was made anew.
        (.offsetOutOfRange, "log.offset_out_of_range", "OFFSET_OUT_OF_RANGE _AUTO_OFFSET_RESET _NO_OFFSET"),

        // The record is at fault.
        (.configuration, "log.record_too_large", "MSG_SIZE_TOO_LARGE RECORD_LIST_TOO_LARGE INVALID_MSG_SIZE"),
        (.configuration, "log.record_refused", "INVALID_RECORD INVALID_TIMESTAMP"),
        // Somebody has to change a topic, a setting, a login or a right.
        (.configuration, "log.policy_violation", "POLICY_VIOLATION"),
        (.configuration, "log.topic_missing", "UNKNOWN_TOPIC_OR_PART _UNKNOWN_TOPIC"),
        (.configuration, "log.partition_missing", "_UNKNOWN_PARTITION"), (.configuration, "log.topic_invalid", "TOPIC_EXCEPTION"),
        (
            .configuration, "log.authentication",
            """
            _AUTHENTICATION SASL_AUTHENTICATION_FAILED UNSUPPORTED_SASL_MECHANISM ILLEGAL_SASL_STATE SECURITY_DISABLED \
            DELEGATION_TOKEN_EXPIRED DELEGATION_TOKEN_NOT_FOUND DELEGATION_TOKEN_AUTH_DISABLED \
            DELEGATION_TOKEN_REQUEST_NOT_ALLOWED UNACCEPTABLE_CREDENTIAL
            """
        ),
        (
            .configuration, "log.denied",
            """
            TOPIC_AUTHORIZATION_FAILED GROUP_AUTHORIZATION_FAILED CLUSTER_AUTHORIZATION_FAILED \
            TRANSACTIONAL_ID_AUTHORIZATION_FAILED DELEGATION_TOKEN_AUTHORIZATION_FAILED
            """
        ),
        (
            .configuration, "log.invalid",
            """
            _INVALID_ARG _NOT_CONFIGURED INVALID_TRANSACTION_TIMEOUT INVALID_SESSION_TIMEOUT INVALID_GROUP_ID INVALID_PARTITIONS \
            INVALID_REPLICATION_FACTOR INVALID_REPLICA_ASSIGNMENT INVALID_CONFIG INVALID_REQUIRED_ACKS INVALID_COMMIT_OFFSET_SIZE \
            OFFSET_METADATA_TOO_LARGE
            """
        ),
        (.configuration, "log.group_protocol", "INCONSISTENT_GROUP_PROTOCOL"),
        (.configuration, "log.group_full", "GROUP_MAX_SIZE_REACHED"),
        (
            .configuration, "log.unsupported",
            """
            _UNSUPPORTED_FEATURE _NOT_IMPLEMENTED _BAD_COMPRESSION UNSUPPORTED_VERSION UNSUPPORTED_COMPRESSION_TYPE \
            UNSUPPORTED_FOR_MESSAGE_FORMAT
            """
        ),

        // This client is at its end, or did what it may not: a new one from the last commit.
        (
            .fatal, "log.fatal",
            """
            _FATAL _DESTROY _INCONSISTENT _GAPLESS_GUARANTEE _CRIT_SYS_RESOURCE _STATE _CONFLICT _FAIL UNKNOWN INVALID_REQUEST \
            INVALID_TXN_STATE
            """
        ),
    ]

    static let ofRecord: Set = ["log.record_too_large", "log.record_refused"]

    /// Each row of the classifier, against what was written down above; and each of those is a row.
    @Test func everyRowMeansWhatItsErrorMeans() {
        var left = Dictionary(uniqueKeysWithValues: KafkaErrors.rows.map { (KafkaErrors.name($0.error), $0.error) })
        for (kind, code, names) in Self.meanings {
            for name in names.split(separator: " ").map(String.init) {
                guard let error = left.removeValue(forKey: name) else {
                    Issue.record("\(name) is no row of the classifier, or stands here twice")
                    continue
                }
                func expect(_ found: (kind: LogError.Kind, code: String), _ kind: LogError.Kind, _ code: String, _ when: String) {
                    #expect(found.kind == kind && found.code == code, "\(name)\(when): \(found), not \(kind) \(code)")
                }
                expect(KafkaErrors.classify(error), kind, code, "")
                // The client knows more of this occurrence; but fenced stays fenced, and what somebody must mend stays that.
                let isKept = kind == .fenced || kind == .configuration
                expect(KafkaErrors.classify(error, fatal: true), isKept ? kind : .fatal, isKept ? code : "log.fatal", ", fatal")
                let isUndone = isKept || kind == .abortable
                expect(
                    KafkaErrors.classify(error, requiresAbort: true), isUndone ? kind : .abortable,
                    isUndone ? code : "log.transaction_failed", ", to be aborted")
                if kind != .fenced {
                    expect(
                        KafkaErrors.classify(error, retriable: true), .retriable, kind == .retriable ? code : "log.busy",
                        ", retriable")
                }
                #expect(KafkaErrors.error(error, "x").isOfRecord == Self.ofRecord.contains(code), "\(name)")
            }
        }
        #expect(left.isEmpty, "rows without a meaning here: \(left.keys.sorted())")
    }

    /// Every error that Debian's librdkafka knows is sorted, or is one that can't come up here.
    @Test func noErrorIsForgotten() {
        let elsewhere: Set<rd_kafka_resp_err_t> = [
            // No errors, or what librdkafka tells its callbacks.
            RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR__PARTITION_EOF, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
            RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, RD_KAFKA_RESP_ERR__NOOP, RD_KAFKA_RESP_ERR__APPLICATION,
            // Of calls that nothing here makes: serializers, files, properties, subscriptions by pattern.
            RD_KAFKA_RESP_ERR__KEY_SERIALIZATION, RD_KAFKA_RESP_ERR__VALUE_SERIALIZATION, RD_KAFKA_RESP_ERR__KEY_DESERIALIZATION,
            RD_KAFKA_RESP_ERR__VALUE_DESERIALIZATION, RD_KAFKA_RESP_ERR__FS, RD_KAFKA_RESP_ERR__READ_ONLY, RD_KAFKA_RESP_ERR__NOENT,
            RD_KAFKA_RESP_ERR__INVALID_TYPE, RD_KAFKA_RESP_ERR__EXISTING_SUBSCRIPTION, RD_KAFKA_RESP_ERR__UNKNOWN_GROUP,
            RD_KAFKA_RESP_ERR__UNKNOWN_PROTOCOL,
            // Of administration that nothing here does.
            RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, RD_KAFKA_RESP_ERR_TOPIC_DELETION_DISABLED, RD_KAFKA_RESP_ERR_LOG_DIR_NOT_FOUND,
            RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_OWNER_MISMATCH, RD_KAFKA_RESP_ERR_INVALID_PRINCIPAL_TYPE,
            RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP, RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND, RD_KAFKA_RESP_ERR_ELECTION_NOT_NEEDED,
            RD_KAFKA_RESP_ERR_NO_REASSIGNMENT_IN_PROGRESS, RD_KAFKA_RESP_ERR_GROUP_SUBSCRIBED_TO_TOPIC,
            RD_KAFKA_RESP_ERR_RESOURCE_NOT_FOUND, RD_KAFKA_RESP_ERR_DUPLICATE_RESOURCE, RD_KAFKA_RESP_ERR_INCONSISTENT_VOTER_SET,
            RD_KAFKA_RESP_ERR_INVALID_UPDATE_VERSION, RD_KAFKA_RESP_ERR_FEATURE_UPDATE_FAILED,
            RD_KAFKA_RESP_ERR_PRINCIPAL_DESERIALIZATION_FAILURE, RD_KAFKA_RESP_ERR_OPERATION_NOT_ATTEMPTED,
        ]
        var known: UnsafePointer<rd_kafka_err_desc>?
        var count = 0
        rd_kafka_get_err_descs(&known, &count)
        let sorted = Set(KafkaErrors.rows.map(\.error.rawValue))
        for row in UnsafeBufferPointer(start: known, count: count) where row.name != nil {
            // What a newer library adds is sorted as fatal: a new client from the last commit.
            let newest = row.code.rawValue < 0 ? RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET : RD_KAFKA_RESP_ERR_END_ALL
            if row.code.rawValue > newest.rawValue || row.code == RD_KAFKA_RESP_ERR__BEGIN || row.code == RD_KAFKA_RESP_ERR_END_ALL
            {
                continue
            }
            #expect(
                sorted.contains(row.code.rawValue) || elsewhere.contains(row.code),
                "\(KafkaErrors.name(row.code)) \(row.code.rawValue)")
        }
        #expect(count > 100)
    }

    @Test func noErrorIsListedTwice() {
        #expect(Set(KafkaErrors.rows.map(\.error.rawValue)).count == KafkaErrors.rows.count)
    }
}
