import Foundation
import TestServices
import Testing

/// What scripts rely on: exit statuses, where messages go, and output that parses.
@Suite struct ExitStatusTests {
    static let good = """
        name: small
        topics:
          raw: {name: small.raw, partitions: 2}
          out: {name: small.out}
        extractors:
          rows: {to: raw, csv: {path: rows.csv, columns: {n: int}}}
        stages:
          keep: {from: raw, to: out, steps: [{filter: message.n > 1}]}
        """

    /// Runs in a folder of its own with these files; gives status, output and errors.
    private func run(
        _ program: CommandProcess.Program, _ words: [String], files: [String: String] = [:], input: String = "/dev/null"
    ) throws -> (status: Int32, output: String, errors: String) {
        let folder = "\(NSTemporaryDirectory())/etl-exit.\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let all = files.merging(["good.yaml": Self.good, "rows.csv": "n,s\n1,a\n2,b\nx,c\n3,d\n"]) { given, _ in given }
        for (name, text) in all {
            let path = "\(folder)/\(name)"
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        }
        let process = try CommandProcess(program, words, directory: folder, inputFile: input)
        let status = try process.wait(seconds: 120)
        return (status, process.output, process.errors)
    }

    struct Usage: CustomTestStringConvertible {
        var program: CommandProcess.Program
        var words: [String]
        var said: String
        var testDescription: String { "\(program.rawValue) \(words.joined(separator: " "))" }
    }

    @Test(arguments: [
        Usage(program: .etl, words: [], said: "Usage: etl VERB"),
        Usage(program: .etl, words: ["rum"], said: "unknown verb 'rum'; did you mean 'run'?"),
        Usage(program: .etl, words: ["run"], said: "--topology=FILE is required"),
        Usage(program: .etl, words: ["run", "--topology=good.yaml", "--folow"], said: "did you mean --follow?"),
        Usage(
            program: .etl, words: ["run", "--topology=good.yaml", "--format=xml"], said: "--format=xml: must be one of text, json"),
        Usage(program: .etl, words: ["validate"], said: "etl validate FILE"),
        Usage(program: .etl, words: ["topics", "delete", "--topology=good.yaml"], said: "etl topics create"),
        Usage(program: .etl, words: ["run", "--topology=good.yaml", "--pipeline=small"], said: "can't be given together"),
        Usage(program: .etl, words: ["dlq"], said: "etl dlq list|show|replay|discard"),
        Usage(program: .etl, words: ["dlq", "replai", "--topology=good.yaml"], said: "unknown verb 'replai'; did you mean 'replay'?"),
        Usage(program: .etl, words: ["dlq", "show", "--topic=x"], said: "--topology=FILE or --bootstrap=HOST:PORT"),
        Usage(program: .etl, words: ["dlq", "discard", "--topic=x", "--bootstrap=127.0.0.1:9"], said: "--yes"),
        Usage(program: .stage, words: ["--topology=good.yaml"], said: "--stage=NAME is required"),
        Usage(
            program: .stage, words: ["--topology=good.yaml", "--stage=keep", "--threads=0"],
            said: "--threads=0 is not a whole number"),
    ]) func usage(_ row: Usage) throws {
        let (status, output, errors) = try run(row.program, row.words)
        #expect(status == 2)
        #expect(errors.contains(row.said), "\(errors)")
        #expect(output.isEmpty, "what went wrong isn't output")
    }

    /// Any value is JSON, and nothing else is: harnesses and scripts sort files by this status.
    @Test(
        arguments: [
            ("1", 0), (" [] ", 0), (#"{"a":1e400,"a":"\ud83d\ude00"}"#, 0), ("", 1), ("[1,]", 1), ("\u{feff}1", 1), ("01", 1),
            ("{'a':1}", 1),
            (String(repeating: "[", count: 100_000), 1),
        ] as [(String, Int32)]) func parse(_ text: String, _ expected: Int32) throws
    {
        let (status, _, errors) = try run(.etl, ["eval", "--parse=value.json"], files: ["value.json": text])
        #expect(status == expected)
        #expect(errors.contains("value.json") == (expected != 0))
    }

    @Test func schemaBatch() throws {
        let cases = #"""
            {"id":1,"schema":{"minimum":12345678901234567890},"data":12345678901234567890}
            {"id":"b","schema":{"properties":{"a":{"type":"integer"}}},"data":{"a":1.5}}

            {"id":[3],"schema":{"format":"ipv4"},"data":"x","assert_format":true}
            {"id":4,"schema":{"$ref":"http://e.x/s"},"data":1,"remotes":{"http://e.x/s":{"const":1.0}}}
            {"id":5,"schema":{"$ref":"http://e.x/s"},"data":1}
            {"id":6,"schema":{"items":[false]},"data":[1],"dialect":"http://json-schema.org/draft-07/schema#"}
            {"id":7}
            {"id":
            {"id":9,"schema":true,"data":null}
            """#
        let (status, output, _) = try run(
            .etl, ["eval", "--batch", "--schema"], files: ["cases.jsonl": cases], input: "cases.jsonl")
        let lines = output.split(separator: "\n").map(String.init)
        #expect(status == 0 && lines.count == 9)
        let expected: [String] = [
            #"{"id":1,"valid":true,"errors":[]}"#,
            ##"{"id":"b","valid":false,"errors":[{"pointer":"/a","keyword":"type","rule":"#/properties/a/type","message":"expected"##,
            #"{"id":[3],"valid":false,"errors":[{"pointer":"","keyword":"format""#,
            #"{"id":4,"valid":true"#,
            #"{"id":5,"error":"1:9: `http://e.x/s` leads to another"#,
            #"{"id":6,"valid":false"#,
            #"{"id":7,"error":""#,
            #"{"id":null,"error":""#,
            #"{"id":9,"valid":true"#,
        ]
        for (line, start) in zip(lines, expected) { #expect(line.hasPrefix(start), "\(line)") }
    }

    static let wrong = good.replacingOccurrences(of: "steps:", with: "stpes:")
    static let typo = good.replacingOccurrences(of: "message.n > 1", with: "message.n >")

    @Test(arguments: [
        (["run", "--topology=wrong.yaml"], "wrong.yaml:8:30", "did you mean"),
        (["validate", "wrong.yaml"], "wrong.yaml:8:30", "stpes"),
        (["validate", "typo.yaml"], "typo.yaml:8:", "expression.syntax"),
        (["validate", "missing.yaml"], "missing.yaml", "missing.yaml"),
        (["run", "--pipeline=smal", "--dir=."], "smal", "small"),
        (["extract", "--topology=good.yaml"], "kafka", "etl run"),
        (["topics", "check", "--topology=good.yaml"], "kafka", "[topology.no_kafka]"),
        (["dlq", "list", "--topology=good.yaml"], "kafka", "[topology.no_kafka]"),
    ]) func wrongTopology(_ row: (words: [String], place: String, said: String)) throws {
        let (status, output, errors) = try run(.etl, row.words, files: ["wrong.yaml": Self.wrong, "typo.yaml": Self.typo])
        #expect(status == 3)
        #expect((errors + output).contains(row.place), "\(errors + output)")
        #expect((errors + output).contains(row.said), "\(errors + output)")
    }

    @Test func unreachable() throws {
        let text = Self.good.replacingOccurrences(
            of: "name: small\n", with: "name: small\nkafka: {bootstrap_servers: \"127.0.0.1:9\"}\n")
        for (program, words) in [
            (CommandProcess.Program.etl, ["topics", "create", "--topology=away.yaml"]), (.etl, ["extract", "--topology=away.yaml"]),
            (.etl, ["dlq", "list", "--topology=away.yaml"]), (.etl, ["dlq", "replay", "--topology=away.yaml", "--stage=keep"]),
            (.stage, ["--topology=away.yaml", "--stage=keep"]),
        ] {
            let (status, _, errors) = try run(program, words, files: ["away.yaml": text])
            #expect(status == 4, "\(words)")
            #expect(errors.contains("127.0.0.1:9"), "\(errors)")
        }
        #expect(
            try run(.etl, ["run", "--topology=away.yaml", "--embedded"], files: ["away.yaml": text]).status == 0, "needs no broker")
    }

    @Test func aRunInMemory() throws {
        let (status, output, errors) = try run(.etl, ["run", "--topology=good.yaml", "--format=json"])
        #expect(status == 0, "\(errors)")
        let summary = try #require(try objects(output).last { $0["event"] as? String == "summary" })
        let parts = try #require(summary["parts"] as? [[String: Any]])
        #expect(parts.map { $0["name"] as? String } == ["rows", "keep"])
        #expect(parts.map { $0["in"] as? Int } == [4, 3])
        #expect(parts.map { $0["out"] as? Int } == [3, 2])
        #expect(parts.map { $0["dead"] as? Int } == [1, 0])
        #expect(parts.map { $0["dropped"] as? Int } == [0, 1])
        let events = try objects(errors)
        #expect(events.contains { $0["event"] as? String == "extract.rows_rejected" && $0["row"] as? Int == 3 })
        #expect(
            events.allSatisfy {
                $0["ts"] is String && $0["level"] is String && $0["message"] is String && $0["topology"] as? String == "small"
            })
    }

    @Test(arguments: [
        ["validate", "good.yaml", "--format=json"], ["validate", "wrong.yaml", "typo.yaml", "--format=json"],
        ["list", "--dir=.", "--format=json"],
    ]) func jsonParses(_ words: [String]) throws {
        let (status, output, _) = try run(
            .etl, words, files: words.contains("wrong.yaml") ? ["wrong.yaml": Self.wrong, "typo.yaml": Self.typo] : [:])
        #expect(status == (words.contains("wrong.yaml") ? 3 : 0))
        let found = words[0] == "list" ? try objects(output) : [try object(output)]
        #expect(!found.isEmpty)
        if words[0] == "validate" {
            let problems = try #require(found[0]["problems"] as? [[String: Any]])
            #expect(problems.count == (status == 3 ? 2 : 0))
            #expect(
                problems.allSatisfy {
                    $0["line"] as? Int == 8 && $0["column"] is Int && $0["code"] is String && $0["file"] is String
                })
            #expect((found[0]["topologies"] as? [Any])?.count == (status == 3 ? 0 : 1))
        }
        #expect(output.contains("small") || output.contains("wrong.yaml"))
    }

    @Test func topicsOnARealBroker() throws {
        let name = KafkaBroker.uniqueName("small").replacingOccurrences(of: ".", with: "_")
        let bootstrap = try KafkaBroker.shared().bootstrap
        let text = Self.good.replacingOccurrences(of: "small", with: name)
            .replacingOccurrences(of: "name: \(name)\n", with: "name: \(name)\nkafka: {bootstrap_servers: \"\(bootstrap)\"}\n")
        func topics(_ what: String) throws -> (status: Int32, states: [String]) {
            let (status, output, _) = try run(
                .etl, ["topics", what, "--topology=t.yaml", "--format=json"], files: ["t.yaml": text])
            return (status, try objects(output).compactMap { $0["state"] as? String })
        }
        let before = try topics("check")
        #expect(before.status == 1 && Set(before.states) == ["missing"])
        let created = try topics("create")
        #expect(created.status == 0 && Set(created.states) == ["created"])
        let after = try topics("check")
        #expect(after.status == 0 && Set(after.states) == ["exists"] && after.states.count == created.states.count)
        #expect(try topics("create").status == 0, "again is no error")
    }

    @Test func help() throws {
        for (program, words) in [
            (CommandProcess.Program.etl, ["--help"]), (.etl, ["run", "--help"]), (.stage, ["--help"]), (.etl, ["--version"]),
        ] {
            let (status, output, errors) = try run(program, words)
            #expect(status == 0 && !output.isEmpty && errors.isEmpty)
        }
    }

    /// Each line as a JSON object.
    private func objects(_ text: String) throws -> [[String: Any]] {
        try text.split(separator: "\n").map { try object(String($0)) }
    }

    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
    }
}
