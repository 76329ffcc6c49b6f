import Foundation
import TestServices
import Testing

@testable import ETL

/// Expressions on what is in a topic, with everything a stage's expressions see of a record.
@Suite struct EvalTopicTests {
    @Test func recordsOfATopic() throws {
        let pipeline = try Pipeline(StageProcessTests.topology("exactly_once"))
        try pipeline.createTopics()
        try pipeline.send((0..<30).map { TestRecord("k\($0)", "{\"n\":\($0)}", partition: Int32($0 % 2)) }, to: "in")
        let topic = "\(pipeline.name).in"
        func eval(_ words: String...) throws -> CommandProcess {
            let process = try CommandProcess(.etl, ["eval"] + words)
            try process.wait()
            return process
        }
        let bootstrap = "--bootstrap=\(try KafkaBroker.shared().bootstrap)"
        let some = try eval("[message.n, key, topic, partition, offset]", "--from=\(topic)", "--max=17", bootstrap)
        #expect(try some.wait() == 0, "\(some.errors)")
        let lines = some.output.split(separator: "\n")
        #expect(lines.count == 17)
        #expect(lines.first == "[0,\"k0\",\"\(topic)\",0,0]")
        #expect(lines.last == "[3,\"k3\",\"\(topic)\",1,1]")

        let failing = try eval("message.nope", "--from=\(topic)", "--max=1", bootstrap)
        #expect(try failing.wait() == 1)
        #expect(failing.errors.hasPrefix("\(topic)/0/0: 1:1: no such field: message.nope\n"), "\(failing.errors)")
        let missing = try eval("1", "--from=\(topic).not", bootstrap)
        #expect(try missing.wait() == 1)
        #expect(missing.errors.contains("\(topic).not"), "\(missing.errors)")
        let nobody = try eval("1", "--from=\(topic)", "--bootstrap=127.0.0.1:9")
        #expect(try nobody.wait() == 4, "\(nobody.errors)")
    }
}
