import Foundation
import TestServices
import Testing

/// What a user would lose: trying an expression before it stands in a topology, and a program that checks expressions for them.
@Suite struct EvalTests {
    private func run(_ words: [String], input: String = "") throws -> (status: Int32, output: String, errors: String) {
        let process = try CommandProcess(.etl, ["eval"] + words, input: input)
        let status = try process.wait(seconds: 120)
        return (status, process.output, process.errors)
    }

    struct Row: CustomTestStringConvertible, Sendable {
        var words: [String]
        var input = ""
        var status: Int32 = 0
        var output = ""
        /// What stderr holds; empty: nothing.
        var errors = ""
        var testDescription: String { words.joined(separator: " ") }
    }

    @Test(arguments: [
        Row(words: ["message.total > 10"], input: "{\"total\":12}\n\n{\"total\":1}", output: "true\nfalse\n"),
        Row(
            words: ["[decimal(message.p) * 3, message.?q, timestamp(0), duration('90s'), b'ab', type(1), 0.0 / 0.0]"],
            input: "{\"p\":0.10}", output: "[0.30,null,\"1970-01-01T00:00:00Z\",\"90s\",\"YWI=\",\"int\",\"NaN\"]\n"),
        Row(words: ["{1: message, true: key}"], input: "{\"a\":1.50}", output: "{\"1\":{\"a\":1.50},\"true\":null}\n"),
        Row(words: ["topic == null && headers == {}"], input: "1\n", output: "true\n"),
        Row(
            words: ["message.a\n  + 1"], input: "{\"a\":\"x\"}\n{\"a\":1}\nnope\n", status: 1, output: "2\n",
            errors: "stdin:1: 1:1: no matching overload for (string, int) in message.a   + 1\n  | message.a\n  | ^\n"
                + "stdin:3: the record isn't JSON: unexpected character at offset 1\n"),
        Row(
            words: ["mesage.total"], status: 2,
            errors: "etl eval: the expression doesn't compile\n1:1: unknown name 'mesage'; did you mean 'message'?\n"
                + "  | mesage.total\n  | ^\n"),
        Row(
            words: ["message.n == 1 || 'a' == 'b'"], input: "{\"n\":1}", output: "true\n",
            errors: "1:19: warning: this condition is always false\n  | message.n == 1 || 'a' == 'b'\n  |                   ^\n"),
        Row(words: ["1 + 1.5"], input: "0", output: "2.5\n"),
        Row(
            words: ["message + 1.5", "--strict-numbers"], input: "1", status: 1,
            errors: "stdin:1: 1:1: no matching overload for (int, double) in message + 1.5\n  | message + 1.5\n  | ^\n"),
    ])
    func lines(_ row: Row) throws {
        let (status, output, errors) = try run(row.words, input: row.input)
        #expect(status == row.status)
        #expect(output == row.output)
        #expect(errors == row.errors)
    }

    @Test(arguments: [
        (["1", "--record=a", "--from=b"], "can't be given together"), ([], "write the expression in quotes"),
        (["1", "--max=5"], "--max goes with --from=TOPIC"), (["1", "--from=t"], "say where the topic is"),
        (["1", "--from=t", "--max=0", "--bootstrap=x"], "--max=0 is not a whole number"),
        (["--batch"], "write 'etl eval --batch --typed'"), (["1", "2"], "write the expression in quotes"),
    ])
    func usage(_ words: [String], _ said: String) throws {
        let (status, output, errors) = try run(words)
        #expect(status == 2 && output.isEmpty)
        #expect(errors.contains(said), "\(errors)")
    }

    @Test func record() throws {
        let path = "\(NSTemporaryDirectory())/etl-eval.\(UUID().uuidString).json"
        try "{\n  \"items\": [{\"n\": 2}, {\"n\": 3}]\n}\n".write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let (status, output, errors) = try run(["message.items.map(i, i.n)", "--record=\(path)"])
        #expect((status, output, errors) == (0, "[2,3]\n", ""))
        let missing = try run(["1", "--record=\(path).not"])
        #expect(missing.status == 1 && missing.errors.contains("can't read '\(path).not'"))
    }

    /// A line's answer is exact, and no line can end the batch.
    @Test(arguments: [
        (#"{"id":7,"expr":"a.b + 1","bindings":{"a.b":{"int":"41"}}}"#, #"{"id":7,"value":{"int":"42"}}"#),
        (
            #"{"id":[1,{"x":null}],"expr":"x","container":"c.d","bindings":{"c.x":{"uint":"18446744073709551615"},"x":{"null":null}}}"#,
            #"{"id":[1,{"x":null}],"value":{"uint":"18446744073709551615"}}"#
        ),
        (
            #"{"expr":"[-0.0, 1.0/0.0, 0.0/0.0, 1e300, 0.1]"}"#,
            #"{"id":null,"value":{"list":[{"double":"-0.0"},{"double":"Infinity"},{"double":"NaN"},{"double":"1e300"},{"double":"0.1"}]}}"#
        ),
        (#"{"id":"é\n","expr":"{b'\\x00\\xff': 1}.size() == 0 || true"}"#, #"{"id":"é\n","value":{"bool":true}}"#),
        (
            #"{"id":1.50,"expr":"{'k': [null, b'\\x00', type([])], 2u: timestamp(0) + duration('1.5s')}"}"#,
            #"{"id":1.50,"value":{"map":[[{"string":"k"},{"list":[{"null":null},{"bytes":"AA=="},{"type":"list"}]}],[{"uint":"2"},{"timestamp":"1970-01-01T00:00:01.5Z"}]]}}"#
        ),
        (
            #"{"id":2,"expr":"[x, optional.none(), decimal('1.50'), duration('-0.5s')]","bindings":{"x":{"optional":{"string":"s"}}}}"#,
            #"{"id":2,"value":{"list":[{"optional":{"string":"s"}},{"optional":null},{"decimal":"1.50"},{"duration":"-0.5s"}]}}"#
        ),
        (
            #"{"id":3,"expr":"x == [{'a': 1.5}, b'\\xff', int, timestamp(1), duration('1s')]","bindings":{"x":{"list":["#
                + #"{"map":[[{"string":"a"},{"double":"1.5"}]]},{"bytes":"/w=="},{"type":"int"},{"timestamp":"1970-01-01T00:00:01Z"},{"duration":"1s"}]}}}"#,
            #"{"id":3,"value":{"bool":true}}"#
        ),
        (#"{"id":4,"expr":"1 / 0"}"#, #"{"id":4,"error":"division by zero in 1 / 0"}"#),
        (#"{"id":4,"expr":"1 +"}"#, #"{"id":4,"error":"expected an expression, found the end of the expression at offset 3"}"#),
        (#"{"id":4,"expr":"1 + 1.0"}"#, #"{"id":4,"error":"no matching overload for (int, double) in 1 + 1.0"}"#),
        (#"{"id":4,"expr":"x","bindings":{"x":{"int":5}}}"#, #"{"id":4,"error":"binding 'x': \"int\" can't be int"}"#),
        (
            #"{"id":4,"expr":"x","bindings":{"x":{"int":"1","uint":"1"}}}"#,
            #"{"id":4,"error":"binding 'x': a typed value is an object with one member, like {\"int\":\"5\"}"}"#
        ),
        (
            #"{"id":4,"expr":"x","bindings":{"x":{"double":"0x1p3"}}}"#,
            #"{"id":4,"error":"binding 'x': \"double\" can't be \"0x1p3\""}"#
        ),
        (
            #"{"id":4,"expr":"x","bindings":{"x":{"map":[[{"null":null},{"null":null}]]}}}"#,
            #"{"id":4,"error":"binding 'x': a map's key is a bool, int, uint or string, not null_type"}"#
        ),
        (#"{"id":4,"expr":5}"#, #"{"id":4,"error":"\"expr\" must be a string"}"#),
        (#"{"id":4"#, #"{"id":null,"error":"the line isn't JSON: it ends too early at offset 7"}"#),
        (#"[]"#, #"{"id":null,"error":"\"expr\" must be a string"}"#),
    ])
    func batch(_ line: String, _ answer: String) throws {
        let good = #"{"id":0,"expr":"1"}"#
        let (status, output, errors) = try run(
            ["--batch", "--typed", "--strict-numbers"], input: good + "\n" + line + "\n\n" + good)
        #expect((status, errors) == (0, ""))
        let first = #"{"id":0,"value":{"int":"1"}}"#
        #expect(output == first + "\n" + answer + "\n" + first + "\n")
    }

    /// Made to exhaust the stack, the memory or the clock.
    @Test func hostileLines() throws {
        func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }
        let lines = [
            #"{"id":1,"expr":""# + repeated("(", 200_000) + #""}"#,
            #"{"id":2,"expr":"x","bindings":{"x":"# + repeated(#"{"list":["#, 2_000) + repeated("]}", 2_000) + "}}",
            #"{"id":3,"expr":"x","bindings":{"x":"# + repeated(#"{"list":["#, 50_000) + repeated("]}", 50_000) + "}}",
            #"{"id":4,"expr":""# + repeated("'x' + ", 170_000) + #"''"}"#,
            #"{"id":5,"expr":"l.all(a, l.all(b, l.all(c, l.all(d, true))))","bindings":{"l":{"list":["#
                + repeated(#"{"null":null},"#, 999) + #"{"null":null}]}}}"#,
            #"{"id":6,"expr":""# + repeated("[", 240) + repeated("]", 240) + #""}"#,
            #"{"id":7,"expr":"lists.range(1000000).map(x, lists.range(1000000 - x)).size()"}"#,
            #"{"id":8,"expr":""# + (0..<60).map { "cel.bind(x\($0 + 1), x\($0) + x\($0), " }.joined() + "size(x60)"
                + repeated(")", 60) + #"","bindings":{"x0":{"string":"abcdefgh"}}}"#,
            #"{"id":9,"expr":"cel.bind(l, lists.range(1000000), l + l + l + l + l + l + l + l + l + l + l + l).size()"}"#,
        ]
        let (status, output, _) = try run(["--batch", "--typed"], input: lines.joined(separator: "\n"))
        #expect(status == 0)
        let answers = output.split(separator: "\n")
        try #require(answers.count == lines.count)
        #expect(answers[0].hasPrefix(#"{"id":1,"error":"expression nested deeper"#))
        #expect(answers[1].hasPrefix(#"{"id":2,"value":{"list":[{"list":["#))
        #expect(answers[2].hasPrefix(#"{"id":null,"error":"the line isn't JSON: nested too deeply"#))
        #expect(answers[3].hasPrefix(#"{"id":4,"value":{"string":"xxx"#))
        #expect(answers[4].hasPrefix(#"{"id":5,"error":"too many steps"#))
        #expect(answers[5].hasPrefix(#"{"id":6,"value":{"list":["#))
        for (index, answer) in answers.enumerated().dropFirst(6) {
            #expect(answer.hasPrefix(#"{"id":\#(index + 1),"error":"too"#), "\(answer.prefix(200))")
        }
    }
}
