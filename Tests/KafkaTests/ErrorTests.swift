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

    @Test func noErrorIsListedTwice() {
        #expect(Set(KafkaErrors.rows.map(\.error.rawValue)).count == KafkaErrors.rows.count)
    }
}
