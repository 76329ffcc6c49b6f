import Log
import Testing

@testable import ETL

/// What is understood of headers, whoever wrote them. What is misread here goes to a wrong topic.
@Suite struct LetterFactsTests {
    struct Case: CustomTestStringConvertible {
        var testDescription: String
        var headers: [TestLetter.Header]
        var expected: LetterFacts

        init(_ name: String, _ headers: [(String, [UInt8]?)], _ change: (inout LetterFacts) -> Void) {
            testDescription = name
            self.headers = headers.map { TestLetter.Header(name: $0.0, value: $0.1) }
            expected = TestLetter("k", "{}").withRecord { LetterFacts($0) }
            change(&expected)
        }
    }

    static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    static let cases = [
        Case("no headers", []) { _ in },
        Case("ours", letter("k", "{}").headers.map { ($0.name, $0.value) }) {
            $0.writer = .etl
            ($0.topology, $0.stage, $0.step, $0.code) = ("t", "s", "positive", "check.failed")
            $0.message = "check positive is not true"
            ($0.topic, $0.partition, $0.offset) = ("in", 0, 5)
            ($0.firstFailedAt, $0.failedAt) = ("2026-01-02T03:04:05.678Z", "2026-01-03T03:04:05.678Z")
        },
        Case(
            "Kafka Connect: numbers as text",
            [
                ("__connect.errors.topic", text("shop")), ("__connect.errors.partition", text("11")),
                ("__connect.errors.offset", text("9000000000")), ("__connect.errors.connector.name", text("sink-1")),
                ("__connect.errors.task.id", text("0")), ("__connect.errors.stage", text("VALUE_CONVERTER")),
                ("__connect.errors.class.name", text("org.apache.kafka.connect.json.JsonConverter")),
                ("__connect.errors.exception.class.name", text("org.apache.kafka.connect.errors.DataException")),
                ("__connect.errors.exception.message", text("no schema")), ("__connect.errors.exception.stacktrace", nil),
            ]
        ) {
            $0.writer = .connect
            ($0.topic, $0.partition, $0.offset) = ("shop", 11, 9_000_000_000)
            ($0.stage, $0.step) = ("sink-1", "VALUE_CONVERTER")
            ($0.code, $0.message) = ("org.apache.kafka.connect.errors.DataException", "no schema")
        },
        Case(
            "Spring Kafka: big-endian int and longs",
            [
                ("kafka_dlt-original-topic", text("shop")), ("kafka_dlt-original-partition", [0, 0, 0, 11]),
                ("kafka_dlt-original-offset", [0, 0, 0, 2, 0x18, 0x71, 0x1a, 0]),
                ("kafka_dlt-original-timestamp", [0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0]),
                ("kafka_dlt-original-timestamp-type", text("CreateTime")), ("kafka_dlt-original-consumer-group", text("billing")),
                ("kafka_dlt-exception-fqcn", text("org.springframework.kafka.listener.ListenerExecutionFailedException")),
                ("kafka_dlt-exception-cause-fqcn", text("java.lang.IllegalStateException")),
                ("kafka_dlt-exception-message", text("Listener failed")), ("kafka_dlt-exception-stacktrace", text("at …")),
            ]
        ) {
            $0.writer = .spring
            ($0.topic, $0.partition, $0.offset) = ("shop", 11, 9_000_000_000)
            $0.timestamp = "2023-11-14T22:13:20.000Z"
            ($0.stage, $0.code, $0.message) = ("billing", "java.lang.IllegalStateException", "Listener failed")
        },
        Case(
            "Spring's names, written as text by another client",
            [
                ("kafka_dlt-original-topic", text("shop")), ("kafka_dlt-original-partition", text("1234")),
                ("kafka_dlt-original-offset", text("12345678")), ("kafka_dlt-exception-fqcn", text("Oops")),
            ]
        ) {
            $0.writer = .spring
            ($0.topic, $0.partition, $0.offset, $0.code) = ("shop", 1234, 12_345_678, "Oops")
        },
        Case(
            "Kafka Streams",
            [
                ("__streams.errors.exception", text("org.apache.kafka.common.errors.SerializationException: bad: bytes")),
                ("__streams.errors.message", text("bad: bytes")), ("__streams.errors.stacktrace", text("at …")),
                ("__streams.errors.topic", text("clicks")), ("__streams.errors.partition", text("0")),
                ("__streams.errors.offset", text("0")),
            ]
        ) {
            $0.writer = .streams
            ($0.topic, $0.partition, $0.offset) = ("clicks", 0, 0)
            ($0.code, $0.message) = ("org.apache.kafka.common.errors.SerializationException", "bad: bytes")
        },
        Case(
            "failed with Connect after a replay of ours: the history counts on",
            [
                ("etl.dlq.attempt", text("3")), ("etl.dlq.first_failed_at", text("2026-01-02T03:04:05.678Z")),
                ("etl.dlq.stage", text("s")), ("__connect.errors.topic", text("shop")),
                ("__connect.errors.exception.class.name", text("E")),
            ]
        ) {
            $0.writer = .connect
            ($0.topic, $0.code, $0.attempt, $0.firstFailedAt) = ("shop", "E", 3, "2026-01-02T03:04:05.678Z")
        },
        Case(
            "with several writers, the last one",
            [("__connect.errors.topic", text("shop")), ("etl.dlq.topic", text("in")), ("etl.dlq.code", text("parse.syntax"))]
        ) {
            $0.writer = .etl
            ($0.topic, $0.code) = ("in", "parse.syntax")
        },
        Case(
            "one header twice: the last one counts",
            [("kafka_dlt-original-topic", text("first")), ("kafka_dlt-original-topic", text("retry"))]
        ) { ($0.writer, $0.topic) = (.spring, "retry") },
        Case(
            "numbers that are none, and texts that are no UTF-8",
            [
                ("etl.dlq.code", [0xff, 0x41]), ("etl.dlq.partition", text("two")),
                ("etl.dlq.offset", text("99999999999999999999999")),
                ("etl.dlq.attempt", text("-4")), ("etl.dlq.row", []), ("etl.dlq.topic", nil),
                ("etl.dlq.message", [UInt8](repeating: 0x61, count: 10_000)),
            ]
        ) {
            $0.writer = .etl
            $0.code = "\u{fffd}A"
            $0.message = String(repeating: "a", count: 500) + "…"
        },
    ]

    @Test(arguments: cases) func headersAreUnderstood(_ row: Case) {
        var record = TestLetter("k", "{}")
        record.headers = row.headers
        #expect(record.withRecord { LetterFacts($0) } == row.expected)
    }

    @Test func whatIsGivenBackHasItsOwnHeadersAndItsHistory() {
        var record = letter("k", "{}")
        record.headers.append(TestLetter.Header(name: "kafka_dlt-exception-fqcn", value: [1]))
        record.headers.append(TestLetter.Header(name: "kafka_dltx", value: nil))
        record.withRecord { record in
            var batch = OutputBatch()
            let facts = LetterFacts(record)
            let headers = ReplayedHeaders.make(record, facts, nowMs: 0, in: &batch.arena)
            let names = headers.map { String(decoding: $0.name, as: UTF8.self) }
            // Spring's header came last, so it is Spring's dead letter, of a record that was one of ours; but the attempts count on.
            #expect(
                names == [
                    "trace", "etl.dlq.step", "etl.dlq.code", "etl.dlq.message", "etl.dlq.pointer", "etl.dlq.partition",
                    "etl.dlq.offset", "etl.dlq.failed_at", "trace", "etl.dlq.topic", "kafka_dltx", "etl.dlq.attempt",
                    "etl.dlq.first_failed_at",
                ])
            #expect(headers[10].value.baseAddress == nil, "null stays null")
            #expect(headers[11].value.elementsEqual("2".utf8) && headers[12].value.elementsEqual("2026-01-02T03:04:05.678Z".utf8))
        }
    }

    static let added: [(writer: LetterFacts.Writer, header: String)] = [
        (.etl, "etl.dlq.code"), (.connect, "__connect.errors.topic"), (.spring, "kafka_dlt-exception-fqcn"),
        (.streams, "__streams.errors.exception"),
    ]

    /// Headers of whoever wrote the letter go; one that looks like another's came with the record, and is given back with it.
    @Test(arguments: added.indices) func onlyTheWritersHeadersGo(_ index: Int) {
        let (writer, last) = Self.added[index]
        let others = Self.added.map(\.header).filter { $0 != last }
        let record = TestLetter("k", "{}", (others + ["etl.dlq.attempt", last]).map { ($0, "7") })
        record.withRecord { record in
            var batch = OutputBatch()
            let facts = LetterFacts(record)
            #expect(facts.writer == writer && facts.attempt == 7)
            let headers = ReplayedHeaders.make(record, facts, nowMs: 0, in: &batch.arena)
            let names = headers.map { String(decoding: $0.name, as: UTF8.self) }
            let history = (writer == .etl ? ["topology", "stage"] : []) + ["attempt", "first_failed_at"]
            #expect(names == others + history.map { "etl.dlq.\($0)" })
        }
    }
}
