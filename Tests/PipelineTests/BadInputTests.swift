import Log
import TestServices
import Testing

@testable import ETL

/// What becomes of input that nobody wants: each row of docs/outcomes.md about records, all in one run, on both logs.
/// A wrong row here is a lost record, or one that changed on its way.
@Suite struct BadInputTests {
    enum Outcome: Equatable {
        /// A row in the table: `v::text`, and the length of `note`.
        case row(v: String?, note: Int?)
        /// A dead letter of this stage.
        case dead(stage: String, step: String, code: String, pointer: String)
    }

    struct Case {
        var key: String
        var value: [UInt8]?
        var outcome: Outcome

        init(_ key: String, _ value: String?, _ outcome: Outcome) {
            self.init(key, bytes: value.map { Array($0.utf8) }, outcome)
        }
        init(_ key: String, bytes: [UInt8]?, _ outcome: Outcome) {
            self.key = key
            value = bytes
            self.outcome = outcome
        }
    }

    static func pass(_ code: String) -> Outcome { .dead(stage: "pass", step: "", code: code, pointer: "") }
    static func load(_ code: String, _ pointer: String = "") -> Outcome { .dead(stage: "load", step: "load", code: code, pointer: pointer) }

    static let cases = [
        Case("good", #"{"id":1,"v":1.50,"note":"x"}"#, .row(v: "1.50", note: 1)),
        Case("malformed", #"{"id":2,"v":}"#, pass("parse.syntax")),
        Case("cut off", #"{"id":2,"v":"#, pass("parse.syntax")),
        Case("text behind", #"{"id":2} x"#, pass("parse.syntax")),
        Case("not an object", "[1]", pass("parse.not_object")),
        Case("invalid UTF-8", bytes: Array(#"{"id":3,"note":""#.utf8) + [0xc3, 0x28] + Array(#""}"#.utf8), pass("parse.utf8")),
        Case("duplicate keys", #"{"id":4,"v":1,"v":2,"note":"a","note":"bcd"}"#, .row(v: "2", note: 3)),
        Case(
            "beyond int64", #"{"id":5,"v":123456789012345678901234567890.12345678901234567890}"#,
            .row(v: "123456789012345678901234567890.12345678901234567890", note: nil)),
        Case("beyond a double", #"{"id":6,"v":1e400}"#, .row(v: "1" + String(repeating: "0", count: 400), note: nil)),
        Case("int64's end", #"{"id":9223372036854775807,"v":0.1}"#, .row(v: "0.1", note: nil)),
        Case("beyond bigint", #"{"id":9223372036854775808}"#, load("load.range", "/id")),
        Case(
            "deep", #"{"id":7,"a":"# + String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000) + "}",
            pass("parse.depth")),
        Case("20 MB", #"{"id":8,"note":""# + String(repeating: "n", count: 20_000_000) + "\"}", .row(v: nil, note: 20_000_000)),
        Case("empty value", "", pass("parse.empty")),
        Case("tombstone", nil, load("load.tombstone")),
        Case("unknown column", #"{"id":9,"nope":1}"#, load("load.extra_field", "/nope")),
        Case("text for a number", #"{"id":"ten"}"#, load("load.conversion", "/id")),
        Case("fraction for bigint", #"{"id":1.5}"#, load("load.conversion", "/id")),
        Case("no key", #"{"v":1}"#, load("load.null", "/id")),
        Case("refused by the table", #"{"id":10,"v":-1}"#, load("load.rejected")),
        Case("failed check", #"{"id":11,"bad":1}"#, .dead(stage: "pass", step: "not_bad", code: "check.failed", pointer: "")),
    ]

    static let topology = """
        name: NAME
        kafka: {bootstrap_servers: BOOTSTRAP}
        logging: {level: error}
        topics:
          in: {name: NAME.in, partitions: 1, properties: {max.message.bytes: "30000000"}}
          out: {name: NAME.out, partitions: 1, properties: {max.message.bytes: "30000000"}}
        stages:
          pass:
            from: in
            to: out
            steps:
              - check: {name: not_bad, expr: "!has(message.bad)"}
          load:
            from: out
            load: {postgres: {url: "${secret:postgres_url}", table: t, mode: append}}
        """

    /// Byte by byte what must come back: null, empty and repeated headers are different things.
    static let headers = [
        TestRecord.Header(name: "trace", value: [0, 255, 10]), TestRecord.Header(name: "trace", value: []),
        TestRecord.Header(name: "none", value: nil),
    ]

    @Test(arguments: ["memory", "kafka"]) func outcomes(_ kind: String) throws {
        let pipeline = try Pipeline(Self.topology)
        let log: any RecordLog = kind == "memory" ? MemoryLog() : pipeline.kafka
        try pipeline.createTopics(log)
        if let memory = log as? MemoryLog { try memory.retain(topic: "\(pipeline.name).in") }
        try pipeline.sql("CREATE TABLE t (id bigint NOT NULL, v numeric CHECK (v >= 0), note text)")
        let again = [
            TestRecord.Header(name: "etl.dlq.attempt", value: Array("2".utf8)),
            TestRecord.Header(name: "etl.dlq.first_failed_at", value: Array("2026-01-02T03:04:05.678Z".utf8)),
            TestRecord.Header(name: "etl.dlq.code", value: Array("check.failed".utf8)),
        ]
        let records =
            Self.cases.map { TestRecord($0.key, $0.value, headers: Self.headers) }
            + [TestRecord("again", "{", headers: Self.headers + again), TestRecord(nil as String?, "{")]
        try pipeline.send(records, to: "in", on: log)
        try pipeline.run(on: log)

        let sent = try pipeline.read("in", on: log)
        #expect(sent.map(\.value) == records.map(\.value))
        let passed = try pipeline.read("out", on: log)
        let letters = ["pass": try pipeline.read("pass.dlq", on: log), "load": try pipeline.read("load.dlq", on: log)]
        let rows = try pipeline.sql("SELECT id, v::text, length(note)::text FROM t")

        for (index, row) in Self.cases.enumerated() {
            let ofKey = letters.mapValues { $0.filter { $0.keyText == row.key } }
            let went = passed.filter { $0.keyText == row.key }
            switch row.outcome {
            case .row(let v, let note):
                #expect(went.map(\.value) == [row.value], "\(row.key) passes as it is")
                #expect(went.map(\.headers) == [Self.headers], "\(row.key): headers")
                let id = String(decoding: (row.value ?? []).dropFirst(6).prefix { $0 != 0x2c }, as: UTF8.self)
                let found = rows.filter { $0[0] == id }.map { [$0[1], $0[2]] }
                #expect(found == [[v, note.map(String.init)]], "\(row.key)")
                #expect(ofKey.values.allSatisfy { $0.isEmpty }, "\(row.key) is no dead letter")
            case .dead(let stage, let step, let code, let pointer):
                let letter = try #require(ofKey[stage]?.first, "\(row.key) is a dead letter of \(stage)")
                #expect(ofKey.values.reduce(0) { $0 + $1.count } == 1, "\(row.key) is one dead letter")
                #expect(went.count == (stage == "pass" ? 0 : 1), "\(row.key)")
                #expect(letter.key == Array(row.key.utf8) && letter.value == row.value, "\(row.key): key and value as they were")
                #expect(letter.ownHeaders == Self.headers, "\(row.key): headers as they were")
                #expect(letter.letter("topology") == [pipeline.name])
                #expect(letter.letter("stage") == [stage])
                #expect(letter.letter("step") == [step], "\(row.key)")
                #expect(letter.letter("code") == [code], "\(row.key): \(letter.letter("message"))")
                #expect(letter.letter("pointer") == [pointer], "\(row.key)")
                #expect(letter.letter("partition") == ["0"])
                #expect(letter.letter("attempt") == ["1"])
                #expect(letter.letter("first_failed_at") == letter.letter("failed_at") && letter.letter("failed_at").first?.count == 24)
                #expect(letter.letter("timestamp").first?.count == 24)
                #expect(letter.letter("message").first?.isEmpty == false)
                // Where it says that the record is, it is.
                let source = stage == "pass" ? sent[index] : went[0]
                #expect(letter.letter("topic") == ["\(pipeline.name).\(stage == "pass" ? "in" : "out")"])
                #expect(letter.letter("offset") == [String(source.offset)], "\(row.key)")
                #expect(letter.headers.count == Self.headers.count + 13)
            }
        }
        #expect(rows.count == Self.cases.filter { if case .row = $0.outcome { true } else { false } }.count)
        #expect(letters["pass"]?.count == Self.cases.filter { if case .dead("pass", _, _, _) = $0.outcome { true } else { false } }.count + 2)

        // What fails again after a replay has one history: the attempt and the first failure it came with.
        let second = try #require(letters["pass"]?.first { $0.keyText == "again" })
        #expect(second.letter("attempt") == ["2"])
        #expect(second.letter("first_failed_at") == ["2026-01-02T03:04:05.678Z"])
        #expect(second.letter("code") == ["parse.syntax"])
        #expect(second.letter("failed_at") != second.letter("first_failed_at"))
        #expect(second.ownHeaders == Self.headers)
        #expect(second.headers.count == Self.headers.count + 13)
        #expect(letters["pass"]?.filter { $0.key == nil }.map(\.value) == [Array("{".utf8)], "a null key stays null")
    }
}
