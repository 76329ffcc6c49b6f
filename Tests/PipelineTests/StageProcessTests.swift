import Foundation
import Log
import TestServices
import Testing

@testable import ETL

/// Stages as pods run them: processes that come, drain and go while records flow.
@Suite struct StageProcessTests {
    static func topology(_ delivery: String) -> String {
        """
        name: NAME
        delivery: \(delivery)
        commit_interval_ms: 20
        kafka:
          bootstrap_servers: BOOTSTRAP
          consumer_properties: {heartbeat.interval.ms: "200"}
        topics:
          in: {name: NAME.in, partitions: 4}
          out: {name: NAME.out, partitions: 4}
        stages:
          pass:
            from: in
            to: out
            steps: [{set: {twice: message.n * 2}}]
        """
    }

    /// Keys 0..<100, each always in the same partition; n counts.
    private func numbers(_ range: Range<Int>) -> [TestRecord] {
        range.map { TestRecord("k\($0 % 100)", "{\"n\":\($0)}", partition: Int32($0 % 4)) }
    }

    @Test(arguments: ["exactly_once", "at_least_once"]) func processesComeAndGo(_ delivery: String) throws {
        let pipeline = try Pipeline(Self.topology(delivery))
        try pipeline.createTopics()
        var sent = 0
        func send(_ count: Int) throws {
            try pipeline.send(numbers(sent..<sent + count), to: "in")
            sent += count
        }
        func isAssigned(_ process: CommandProcess) -> Bool { process.errors.contains("\"change\":\"assigned\"") }

        // Stopped in the middle of its work, it drains what it has in hand and says that all is well.
        try send(40_000)
        let first = try pipeline.stage("pass", "--instance=a")
        try pipeline.wait("the first process writes: \(first.errors)") { try pipeline.end("out") > 500 }
        let asked = Date()
        first.terminate()
        #expect(try first.wait(seconds: 60) == 0, "\(first.errors.suffix(800))")
        #expect(Date().timeIntervalSince(asked) < 30, "within the grace period, Kubernetes' default")
        #expect(first.errors.contains("process.stopping") && first.errors.contains("SIGTERM"))

        // Two share the work; one leaves; another joins with three threads.
        let second = try pipeline.stage("pass", "--instance=b")
        try pipeline.wait("the second process is assigned: \(second.errors)") { isAssigned(second) }
        try send(5000)
        let third = try pipeline.stage("pass", "--instance=c")
        try pipeline.wait("the third process is assigned: \(third.errors)") { isAssigned(third) }
        try send(5000)
        second.terminate()
        #expect(try second.wait(seconds: 60) == 0, "\(second.errors.suffix(800))")
        try send(5000)
        let fourth = try pipeline.stage("pass", "--instance=d", "--threads=3", "--until-end")
        #expect(try fourth.wait() == 0, "it ends by itself: \(fourth.errors.suffix(800))")
        third.terminate()
        #expect(try third.wait(seconds: 60) == 0, "\(third.errors.suffix(800))")

        let values = try pipeline.read("out").map { record -> Int in
            let object = try JSONSerialization.jsonObject(with: Data(record.value ?? [])) as? [String: Int]
            let n = try #require(object?["n"])
            #expect(object?["twice"] == n * 2 && record.keyText == "k\(n % 100)" && record.partition == Int32(n % 4))
            return n
        }
        #expect(Set(values).count == sent, "nothing is lost")
        if delivery == "exactly_once" {
            #expect(values.count == sent, "nothing is doubled")
            var last: [Int: Int] = [:]
            let inOrder = values.allSatisfy { value in
                defer { last[value % 100] = value }
                return last[value % 100] ?? -1 < value
            }
            #expect(inOrder, "the records of each key are in order")
        }
    }

    /// With nothing to read a stage ends at once, and three threads of which one has no partition end as well.
    @Test func untilEndOfNothing() throws {
        let pipeline = try Pipeline(Self.topology("exactly_once").replacingOccurrences(of: "partitions: 4", with: "partitions: 2"))
        let process = try pipeline.stage("pass", "--threads=3", "--until-end", "--create-topics")
        #expect(try process.wait() == 0, "\(process.errors.suffix(800))")
        #expect(try pipeline.end("out") == 0)
    }
}
