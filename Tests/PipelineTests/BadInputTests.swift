import Foundation
import Log
import TestServices
import Testing

@testable import ETL

/// If these fail, a record that can't be used stops the pipeline, vanishes, or comes out changed. One run meets them all.
struct BadInputTests {
    private static let yaml = """
        name: NAME
        kafka: {bootstrap_servers: KAFKA}
        logging: {level: error}
        memory_mb: 256
        topics:
          raw:  {name: NAME.raw, partitions: 2, properties: {max.message.bytes: "33554432"}}
          load: {name: NAME.load, properties: {max.message.bytes: "33554432"}}
        stages:
          check:
            from: raw
            to: load
            steps:
              - check: {name: not_forbidden, expr: "!has(message.forbidden)"}
          load_postgres:
            from: load
            load: {postgres: {url: "${PG}", table: things, mode: append}}
        """

    /// What becomes of a record of the first topic.
    enum Outcome: Equatable {
        /// It passes the stage as it is and is a row; the value is what the row has in column `number`.
        case row(String?)
        /// A dead letter of the stage (it never gets to the next topic).
        case deadInStage(String)
        /// It passes the stage as it is, and is a dead letter of the loader.
        case deadInLoader(String)
    }

    struct Case: Sendable {
        let name: String
        let value: [UInt8]?
        let outcome: Outcome
        init(_ name: String, _ value: String?, _ outcome: Outcome) {
            (self.name, self.value, self.outcome) = (name, value.map { Array($0.utf8) }, outcome)
        }
        init(_ name: String, bytes: [UInt8], _ outcome: Outcome) { (self.name, value, self.outcome) = (name, bytes, outcome) }
    }

    private static let digits = "123456789012345678901234567890.123456789012345678900"
    private static let large = String(repeating: "x", count: 20_000_000)
    private static let cases: [Case] = [
        Case("good", #"{"id":"good", "number" : 1.50}"#, .row("1.50")),
        Case("cut off", #"{"id":"cut off""#, .deadInStage("parse.syntax")),
        Case("no JSON", "id=7", .deadInStage("parse.syntax")),
        Case("two values", #"{"id":"x"} {}"#, .deadInStage("parse.syntax")),
        Case("no object", "[1]", .deadInStage("parse.not_object")),
        Case("empty", "", .deadInStage("parse.empty")),
        Case("no UTF-8", bytes: Array(#"{"id":""#.utf8) + [0xc3, 0x28] + Array(#""}"#.utf8), .deadInStage("parse.utf8")),
        Case(
            "deep", #"{"id":"# + String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000) + "}",
            .deadInStage("parse.depth")),
        Case("twice", #"{"id":"no","number":1,"id":"twice","number":2}"#, .row("2")),
        Case("large number", #"{"id":"large number","number":92233720368547758070}"#, .row("92233720368547758070")),
        Case("many digits", #"{"id":"many digits","number":-\#(digits)}"#, .row("-\(digits)")),
        Case("check", #"{"id":"check","forbidden":null}"#, .deadInStage("check.failed")),
        Case("tombstone", nil, .deadInLoader("load.tombstone")),
        Case("20 MB", #"{"id":"20 MB","text":"\#(large)"}"#, .row(nil)),
        Case("20 MB cut off", #"{"id":"20 MB cut off","text":"\#(large)"#, .deadInStage("parse.syntax")),
        Case("20 MB refused", #"{"id":"20 MB refused","text":"\#(large)","more":1}"#, .deadInLoader("load.extra_field")),
        Case("extra field", #"{"id":"extra field","color":"red"}"#, .deadInLoader("load.extra_field")),
        Case("no id", #"{"number":1}"#, .deadInLoader("load.null")),
        Case("no number", #"{"id":"no number","number":"one"}"#, .deadInLoader("load.conversion")),
        Case("broken rule", #"{"id":"broken rule","number":-1}"#, .deadInLoader("load.rejected")),
    ]

    /// What a record comes with; the last two as a replay adds them.
    private static let headers: [Record.Header] = [
        .init("trace", "a"), .init("trace", "b"), .init("empty", []), .init("null", nil), .init("bytes", [0, 0xff, 0x0a]),
    ]
    private static let replayed: [Record.Header] = [
        .init(DeadLetterHeader.attempt, "2"), .init(DeadLetterHeader.firstFailedAt, "2026-01-02T03:04:05.006Z"),
        .init(DeadLetterHeader.code, "of the first time"), .init(DeadLetterHeader.stage, "check"),
    ]

    @Test func eachRecordHasItsOutcome() throws {
        let schema = try Schema("CREATE TABLE things (id text NOT NULL, number numeric CHECK (number <> -1), text text)")
        let topology = try Topology(Self.yaml, variables: ["PG": schema.url])
        let (plan, log) = (try topology.plan(), try kafka())
        try plan.requireTopics(log, create: true)
        let raw = "\(topology.name).raw", load = "\(topology.name).load"
        for test in Self.cases { try log.write([Record(test.name, bytes: test.value, Self.headers)], to: raw) }
        try log.write(
            [Record("replayed", "nonsense", Self.headers + Self.replayed, partition: 1), Record(nil, "no key", partition: 1)],
            to: raw)
        try topology.run(log)

        let written = try log.read(raw), passed = try log.read(load)
        let dead = [
            "check": try log.read(plan.deadLetterTopic(of: "check")),
            "load_postgres": try log.read(plan.deadLetterTopic(of: "load_postgres")),
        ]
        let rows = try schema.rows("SELECT id, number, length(text) FROM things")
        for test in Self.cases {
            let record = try #require(written.first { $0.keyText == test.name })
            let wantsRow: Bool
            var letter: (stage: String, code: String)?
            switch test.outcome {
            case .row(let number):
                wantsRow = true
                #expect(rows.filter { $0[0] == test.name }.map { $0[1] } == [number], "\(test.name)")
            case .deadInStage(let code): (wantsRow, letter) = (false, ("check", code))
            case .deadInLoader(let code): (wantsRow, letter) = (false, ("load_postgres", code))
            }
            #expect(rows.contains { $0[0] == test.name } == wantsRow, "\(test.name)")
            let copies = passed.filter { $0.keyText == test.name }
            #expect(copies.count == (letter?.stage == "check" ? 0 : 1), "\(test.name)")
            let isAsItWas = copies.allSatisfy {
                $0.value == record.value && $0.headers == record.headers && $0.partition == record.partition
            }
            #expect(isAsItWas, "\(test.name)")
            for (stage, letters) in dead {
                let found = letters.filter { $0.keyText == test.name }
                #expect(found.count == (letter?.stage == stage ? 1 : 0), "\(test.name)")
                let source = try #require(stage == "check" ? record : copies.first ?? record)
                if let letter = found.first {
                    expect(letter, of: source, by: stage, plan, code: letter.header(DeadLetterHeader.code))
                }
            }
            if let letter {
                #expect(
                    dead[letter.stage]?.first { $0.keyText == test.name }?.header(DeadLetterHeader.code) == letter.code,
                    "\(test.name)")
            }
        }
        #expect(rows.contains { $0[2] == "20000000" })
        // A record that fails again: one history, the attempt and the first time kept.
        let again = try #require(dead["check"]?.first { $0.keyText == "replayed" })
        let origin = try #require(written.first { $0.keyText == "replayed" })
        expect(again, of: origin, by: "check", plan, code: "parse.syntax", attempt: "2", firstFailedAt: "2026-01-02T03:04:05.006Z")
        let keyless = try #require(dead["check"]?.first { $0.valueText == "no key" })
        #expect(keyless.key == nil && keyless.partition == 1)
    }

    /// Original bytes, then the headers of the dead letter, each once and in this order.
    private func expect(
        _ letter: Record, of record: Record, by stage: String, _ plan: Plan, code: String?, attempt: String = "1",
        firstFailedAt: String? = nil
    ) {
        typealias Name = DeadLetterHeader
        let isSame = letter.key == record.key && letter.value == record.value && letter.partition == record.partition
        #expect(isSame, "\(record.keyText)")
        let own = record.headers.filter { !$0.name.hasPrefix(Name.prefix) }
        let failedAt = letter.header(Name.failedAt) ?? ""
        let names = [
            Name.topology, Name.stage, Name.step, Name.code, Name.message, Name.pointer, Name.topic, Name.partition, Name.offset,
            Name.timestamp, Name.attempt, Name.firstFailedAt, Name.failedAt,
        ]
        #expect(letter.headers.map(\.name) == own.map(\.name) + names, "\(record.keyText)")
        #expect(Array(letter.headers.prefix(own.count)) == own, "\(record.keyText)")
        let step = stage == "load_postgres" ? "load" : code == "check.failed" ? "not_forbidden" : ""
        let wanted = [
            Name.topology: plan.name, Name.stage: stage, Name.step: step, Name.code: code ?? "",
            Name.topic: "\(plan.name).\(stage == "check" ? "raw" : "load")", Name.partition: "\(record.partition)",
            Name.offset: "\(record.offset)", Name.timestamp: formatTimestamp(milliseconds: record.timestamp), Name.attempt: attempt,
            Name.firstFailedAt: firstFailedAt ?? failedAt,
        ]
        for (name, value) in wanted { #expect(letter.header(name) == value, "\(record.keyText) \(name)") }
        #expect(letter.header(Name.message)?.isEmpty == false)
        #expect(failedAt >= formatTimestamp(milliseconds: record.timestamp) && failedAt.hasSuffix("Z") && failedAt.utf8.count == 24)
    }
}
