import Foundation
import Log
import TestServices
import Testing

@testable import ETL

/// The example's own steps over its own files give the same bytes in the same partitions, in the same order, whatever log they
/// run on and however many threads do it. What differs here, a test on the in-memory log doesn't prove.
@Suite struct SameEverywhereTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// topologies/orders.yaml under the test's own names, with its files where they are.
    static func topology() throws -> String {
        let text = try String(contentsOf: root.appendingPathComponent("topologies/orders.yaml"), encoding: .utf8)
        return text.replacingOccurrences(of: "name: orders\n", with: "name: NAME\nlogging: {level: error}\n")
            .replacingOccurrences(of: "orders.", with: "NAME.")
            .replacingOccurrences(of: "data/", with: "\(root.path)/topologies/data/")
            .replacingOccurrences(of: "lookups/", with: "\(root.path)/topologies/lookups/")
            .replacingOccurrences(of: "${KAFKA_BOOTSTRAP_SERVERS:-localhost:9092}", with: "BOOTSTRAP")
    }

    struct Outcome {
        var topics: [String: [TestRecord]] = [:]
        var rows: [[String?]] = []
    }

    static func outcome(kafka: Bool, threads: Int) throws -> Outcome {
        let pipeline = try Pipeline(try topology())
        let log: any RecordLog = kafka ? pipeline.kafka : MemoryLog()
        try pipeline.sql(try String(contentsOf: root.appendingPathComponent("topologies/orders.sql"), encoding: .utf8))
        try pipeline.run(on: log, threads: threads)
        var outcome = Outcome()
        var sources: [String: [TestRecord]] = [:]
        for topic in try pipeline.plan(["postgres_url": "postgres://nobody"]).topics where topic.role != .checkpoint {
            let records = try readWhole(topic.name, on: log)
            for letter in records where topic.role == .deadLetter && !letter.letter("offset").isEmpty {
                // Offsets may differ, since transactions take some; the record must be where the dead letter says.
                let from = try #require(letter.letter("topic").first)
                let records = try sources[from] ?? readWhole(from, on: log)
                sources[from] = records
                let source = records.first {
                    [String($0.partition)] == letter.letter("partition") && [String($0.offset)] == letter.letter("offset")
                }
                #expect(source?.key == letter.key && source?.value == letter.value, "\(letter.letter("offset")) of \(topic.name)")
            }
            outcome.topics[topic.name.replacingOccurrences(of: pipeline.name, with: "NAME")] = records.map { comparable($0, pipeline.name) }
        }
        outcome.rows = try pipeline.sql("SELECT * FROM orders ORDER BY order_id")
        return outcome
    }

    /// Without times, and without offsets and names that are the run's own.
    static func comparable(_ record: TestRecord, _ name: String) -> TestRecord {
        var record = record
        record.offset = 0
        let own = ["etl.dlq.timestamp", "etl.dlq.first_failed_at", "etl.dlq.failed_at", "etl.dlq.offset"]
        record.headers = record.headers.map { header in
            let text = String(decoding: header.value ?? [], as: UTF8.self).replacingOccurrences(of: name, with: "NAME")
            return .init(name: header.name, value: own.contains(header.name) ? nil : Array(text.utf8))
        }
        return record
    }

    @Test func topicsAndTableAreTheSame() throws {
        let expected = try Self.outcome(kafka: false, threads: 1)
        #expect(expected.topics.count == 13)
        for topic in ["raw", "validated", "enriched", "load", "orders_csv.dlq", "validate.dlq", "enrich.dlq"] {
            #expect(expected.topics["NAME.\(topic)"]?.isEmpty == false, "\(topic) has records to compare")
        }
        #expect(expected.rows.count > 1000)
        for (kafka, threads) in [(false, 3), (true, 1), (true, 3)] {
            let found = try Self.outcome(kafka: kafka, threads: threads)
            for (topic, records) in expected.topics {
                let same = found.topics[topic] == records
                #expect(same, "\(topic) on \(kafka ? "Kafka" : "the in-memory log") with \(threads) threads: \(difference(records, found.topics[topic] ?? []))")
            }
            let same = found.rows == expected.rows
            #expect(same, "\(found.rows.count) rows for \(expected.rows.count)")
        }
    }

    /// The first record that differs.
    private func difference(_ a: [TestRecord], _ b: [TestRecord]) -> String {
        guard let index = (0..<max(a.count, b.count)).first(where: { $0 >= a.count || $0 >= b.count || a[$0] != b[$0] }) else { return "" }
        func text(_ records: [TestRecord]) -> String {
            guard index < records.count else { return "nothing" }
            let record = records[index]
            let headers = record.headers.map { "\($0.name)=\(String(decoding: $0.value ?? [], as: UTF8.self))" }
            return "partition \(record.partition), \(record.keyText ?? "null"): \(record.valueText ?? "null") \(headers)"
        }
        return "\(a.count) and \(b.count) records; number \(index): \(text(a)) and \(text(b))"
    }
}
