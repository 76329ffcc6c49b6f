import Foundation
import Kafka
import Log
import TestServices
import Testing

@testable import ETL

/// The extractor as a process: what it has read it never reads again, however it ended.
@Suite struct ExtractProcessTests {
    static let topology = """
        name: NAME
        commit_interval_ms: 10
        kafka: {bootstrap_servers: BOOTSTRAP}
        topics:
          raw: {name: NAME.raw, partitions: 3}
        extractors:
          rows:
            to: raw
            key: message.id
            csv: {path: "rows-*.csv", columns: {n: int}}
        """

    private func rows(_ range: Range<Int>) -> String {
        range.map { "r\($0),\($0),\"text, with a comma\"\n" }.joined()
    }

    private func extract(_ pipeline: Pipeline) throws -> CommandProcess {
        try pipeline.etl("extract", "--topology=\(pipeline.file)", "--extractor=rows", "--create-topics")
    }

    @Test func killedInMidFileAndStartedAgain() throws {
        let count = 100_000
        let pipeline = try Pipeline(Self.topology, files: ["rows-1.csv": "id,n,note\n" + rows(0..<count)])
        try pipeline.createTopics()
        let first = try extract(pipeline)
        try pipeline.wait("some transactions are committed: \(first.errors)") { try pipeline.end("checkpoints") > 4 }
        first.kill()
        #expect(try first.wait() == -9, "killed before it was done")
        #expect(try pipeline.read("raw").count < count)

        let second = try extract(pipeline)
        #expect(try second.wait() == 0, "\(second.errors.suffix(800))")
        #expect(second.errors.contains("extract.resumed"))
        let found = try pipeline.read("raw").map { $0.keyText ?? "" }
        #expect(found.count == count && Set(found).count == count, "each row once")

        // Nothing new: nothing is read. A row more, a file more: those only.
        let ends = try pipeline.kafka.offsets(topic: "\(pipeline.name).raw")
        #expect(try extract(pipeline).wait() == 0)
        #expect(try pipeline.kafka.offsets(topic: "\(pipeline.name).raw") == ends)
        try pipeline.write("rows-2.csv", "id,n,note\n" + rows(count..<count + 10))
        #expect(try extract(pipeline).wait() == 0)
        #expect(Set(try pipeline.read("raw").compactMap(\.keyText)).count == count + 10)
        #expect(try pipeline.read("raw").count == count + 10)
    }

    @Test func badRows() throws {
        let text = "id,n,note\nr0,0,good\nr1,one,bad\nr2,2\nr3,3,good\n"
        let pipeline = try Pipeline(
            Self.topology.replacingOccurrences(of: "columns: {n: int}}", with: "columns: {n: int}, on_bad_row: stop}"), files: ["rows-1.csv": text])
        let stopped = try extract(pipeline)
        #expect(try stopped.wait() == 1)
        for words in ["rows-1.csv:3: row 2", "[csv.type]", "on_bad_row"] { #expect(stopped.errors.contains(words), "\(stopped.errors)") }
        #expect(try pipeline.read("raw").isEmpty, "the rows before it wait for the mended file")

        try pipeline.write("t.yaml", Self.topology)
        #expect(try extract(pipeline).wait() == 0)
        #expect(try pipeline.read("raw").map { $0.keyText ?? "" }.sorted() == ["r0", "r3"])
        let letters = try pipeline.read("rows.dlq").sorted { ($0.letter("row").first ?? "") < ($1.letter("row").first ?? "") }
        #expect(letters.map(\.valueText) == ["r1,one,bad", "r2,2"], "the rows as they stand in the file")
        #expect(letters.map { $0.letter("code") } == [["csv.type"], ["csv.fields"]])
        #expect(letters.map { $0.letter("row") } == [["2"], ["3"]])
        #expect(letters.allSatisfy { $0.letter("file").first?.hasSuffix("rows-1.csv") == true && $0.key == nil })
    }
}
