import Foundation
import TestServices
import Testing

/// `etl status` on a real Kafka: what it says of dead letters is what waits, as `etl dlq list` has it, and not what lies in the topic.
@Suite struct StatusTests {
    static let topology = """
        name: NAME
        kafka: {bootstrap_servers: BOOTSTRAP}
        logging: {level: warning}
        topics: {in: {name: NAME.in, partitions: 2}, out: {name: NAME.out, partitions: 2}}
        stages:
          pass: {from: in, to: out, steps: [{check: {name: good, expr: message.good}}]}
        """

    private func etl(_ pipeline: Pipeline, _ words: String...) throws -> String {
        let process = try pipeline.etl(words + ["--topology=\(pipeline.file)"])
        #expect(try process.wait() == 0, "\(words): \(process.errors)")
        return process.output
    }

    /// What both say of the stage's dead letters. Beside each letter lies at most one marker.
    private func expectWaiting(_ count: Int, _ pipeline: Pipeline, _ when: String) throws {
        let list = try etl(pipeline, "dlq", "list", "--format=json")
        #expect(list.contains("\"count\":\(count),") == (count > 0), "\(when): \(list)")
        let status = try etl(pipeline, "status", "--sample=0", "--format=json")
        let most = status.firstMatch(of: /"dead_letters_at_most": (\d+)/).flatMap { Int($0.1) } ?? -1
        #expect((count...2 * count).contains(most), "\(when): \(count) wait; \(status)")
        let table = try etl(pipeline, "status", "--sample=0").split(separator: "\n").map(String.init)
        #expect(table.first?.hasSuffix("dead letters at most") == true && table.last?.hasSuffix(" \(most)") == true, "\(table)")
    }

    private func runStage(_ pipeline: Pipeline) throws {
        let process = try pipeline.stage("pass", "--until-end")
        #expect(try process.wait() == 0, "\(process.errors)")
    }

    @Test func itCountsWhatWaits() throws {
        let pipeline = try Pipeline(Self.topology)
        try pipeline.createTopics()
        try expectWaiting(0, pipeline, "before the first")
        try pipeline.send((0..<60).map { TestRecord("k\($0)", "{\"good\":\($0 >= 40)}", partition: Int32($0 % 2)) }, to: "in")
        try runStage(pipeline)
        try expectWaiting(40, pipeline, "after they failed")
        #expect(try etl(pipeline, "dlq", "replay", "--stage=pass").contains("40 replayed"))
        try expectWaiting(0, pipeline, "replayed")
        // They fail again, and are written to the same topic again.
        try runStage(pipeline)
        try expectWaiting(40, pipeline, "failed again")
        let discarded = try etl(
            pipeline, "dlq", "discard", "--stage=pass", "--yes", "--where=key in ['k30', 'k31']",
            "--archive=\(pipeline.folder)/discarded.jsonl")
        #expect(discarded.contains("2 discarded"))
        try expectWaiting(38, pipeline, "all but two, and copies of those that stay")
        #expect(try pipeline.read("pass.dlq").count > 80, "more lie there than wait")
    }
}
