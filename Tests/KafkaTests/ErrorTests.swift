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
            if row.code.rawValue > newest.rawValue || row.code == RD_KAFKA_RESP_ERR__BEGIN || row.code == RD_KAFKA_RESP_ERR_END_ALL { continue }
            #expect(sorted.contains(row.code.rawValue) || elsewhere.contains(row.code), "\(KafkaErrors.name(row.code)) \(row.code.rawValue)")
        }
        #expect(count > 100)
    }

    @Test func noErrorIsListedTwice() {
        #expect(Set(KafkaErrors.rows.map(\.error.rawValue)).count == KafkaErrors.rows.count)
    }
}
