import Bytes
import Foundation
import JSON
import JSONSchema
import Log
import Testing

@testable import ETL

private func schema(_ text: String, assertsFormat: Bool = true) -> StepPlan.Kind {
    .validateSchema(
        SchemaPlan(path: "s.json", uri: "file:///s.json", text: Array(text.utf8), documents: [:], assertsFormat: assertsFormat))
}

private let order = #"""
    {"type":"object","required":["id","quantity","country"],"additionalProperties":false,
    "properties":{"id":{"type":"string","pattern":"^O-\\d+$"},"quantity":{"type":"integer","minimum":1,"maximum":100},
    "price":{"type":["number","null"],"exclusiveMinimum":0},"country":{"enum":["DE","FR",7,null]},"at":{"format":"date"},
    "customer":{"type":"object","required":["name"],"properties":{"name":{"type":"string","minLength":2,"maxLength":3}}},
    "lines":{"type":"array","items":{"type":"object","required":["sku"]},"uniqueItems":true},"note":{"anyOf":[{"type":"null"},{"const":"x"}]}}}
    """#

/// A record that its schema refuses must never go on, and one that is valid never stop.
@Suite struct SchemaStepTests {
    @Test(
        arguments: [
            (#"{"id":"O-1","quantity":3,"country":"DE"}"#, nil),
            (
                #"{"id":"O-1","quantity":3.0,"country":7.0,"price":null,"at":"2024-02-29","customer":{"name":"äöü"},"lines":[{"sku":1}],"note":"x"}"#,
                nil
            ),
            (#"{"id":"O-1","quantity":3,"country":null,"customer":{"name":"ab"},"note":null}"#, nil),
            (#"{"id":"x","quantity":3,"country":"DE"}"#, ("/id", "pattern: expected to match")),
            (#"{"quantity":3,"country":"DE"}"#, ("", "required: `id` is required, but missing, by s.json#/required")),
            (
                #"{"id":"O-1","quantity":0,"country":"DE"}"#,
                ("/quantity", "minimum: expected a number >= 1, by s.json#/properties/quantity/minimum")
            ),
            (#"{"id":"O-1","quantity":1e2,"country":"DE"}"#, nil),
            (#"{"id":"O-1","quantity":100.5,"country":"DE"}"#, ("/quantity", "type: expected integer, got number")),
            (#"{"id":"O-1","quantity":"1","country":"DE"}"#, ("/quantity", "type: expected integer, got string")),
            (#"{"id":"O-1","quantity":1,"country":"ES"}"#, ("/country", "enum: expected one of")),
            (#"{"id":"O-1","quantity":1,"country":"DE","price":0}"#, ("/price", "exclusiveMinimum")),
            (#"{"id":"O-1","quantity":1,"country":"DE","at":"2023-02-29"}"#, ("/at", "format")),
            (#"{"id":"O-1","quantity":1,"country":"DE","at":5}"#, nil),
            (#"{"id":"O-1","quantity":1,"country":"DE","customer":{}}"#, ("/customer", "required: `name`")),
            (#"{"id":"O-1","quantity":1,"country":"DE","customer":"x"}"#, ("/customer", "type: expected object, got string")),
            (#"{"id":"O-1","quantity":1,"country":"DE","customer":{"name":"abcd"}}"#, ("/customer/name", "maxLength")),
            (#"{"id":"O-1","quantity":1,"country":"DE","lines":[{"sku":1},{}]}"#, ("/lines/1", "required: `sku`")),
            (#"{"id":"O-1","quantity":1,"country":"DE","lines":[{"sku":1},{"sku":1.0}]}"#, ("/lines", "uniqueItems")),
            (#"{"id":"O-1","quantity":1,"country":"DE","note":"y"}"#, ("/note", "anyOf")),
            (#"{"id":"O-1","quantity":1,"country":"DE","other":1}"#, ("/other", "additionalProperties")),
            (#"{"id":"x","quantity":0,"country":"DE"}"#, ("/id", "(and 1 more)")),
        ] as [(String, (String, String)?)])
    func records(_ record: String, _ failure: (pointer: String, message: String)?) throws {
        let outcome = try run(stage(schema(order)), record)
        guard let failure else {
            #expect(outcome.text == record)
            return
        }
        #expect(outcome.failure?.code == .validateSchema && outcome.failure?.step == "validateSchema_1")
        #expect(outcome.failure?.pointer == failure.pointer, "\(outcome)")
        #expect(outcome.failure?.message.contains(failure.message) == true, "\(outcome)")
    }

    /// Names that other steps read or write are no excuse for a member the schema doesn't allow.
    @Test func otherStepsOpenNothing() throws {
        let closed = schema(#"{"properties":{"a":true},"additionalProperties":false}"#)
        #expect(try run(stage(closed, set(("b", "message.a"))), #"{"a":1}"#).text == #"{"a":1,"b":1}"#)
        #expect(try run(stage(closed, set(("b", "1"))), #"{"a":1,"b":2}"#).failure?.pointer == "/b")
        #expect(try run(stage(closed, filter("message.c == 1")), #"{"a":1,"c":1}"#).failure?.pointer == "/c")
    }

    /// The schema is told of the record as the steps before have made it.
    @Test func stepsBeforeCount() throws {
        let rule = schema(
            #"{"required":["a"],"properties":{"a":{"type":"integer","maximum":5},"b":false,"c":{"items":{"type":"string"}}}}"#)
        #expect(try run(stage(set(("a", "message.a * 2")), rule), #"{"a":2}"#).text == #"{"a":4}"#)
        #expect(try run(stage(set(("a", "message.a * 2")), rule), #"{"a":3}"#).failure?.message.hasPrefix("maximum") == true)
        #expect(try run(stage(remove("b"), rule), #"{"a":2,"b":1}"#).text == #"{"a":2}"#)
        #expect(try run(stage(set(("c", "['x', 'y']")), rule), #"{"a":2}"#).text == #"{"a":2,"c":["x","y"]}"#)
        #expect(try run(stage(set(("c", "['x', 1]")), rule), #"{"a":2}"#).failure?.pointer == "/c/1")
        #expect(try run(stage(rename(("x", "a")), rule), #"{"x":2}"#).text == #"{"a":2}"#)
    }

    @Test func twoSchemasAndRulesTogether() throws {
        let steps = stage(
            schema(#"{"properties":{"a":{"type":"integer"}}}"#), validate(field("b", .string)), schema(#"{"minProperties":2}"#))
        #expect(try run(steps, #"{"a":1,"b":"x"}"#).text == #"{"a":1,"b":"x"}"#)
        #expect(try run(steps, #"{"b":"x"}"#).failure?.step == "validateSchema_2")
        #expect(try run(steps, #"{"a":1}"#).failure?.step == "validate_1")
        #expect(try run(steps, #"{"a":"1"}"#).failure?.step == "validateSchema_1")
    }

    @Test func schemasOfPlansThatNobodyCheckedAreProblems() {
        #expect(throws: StageProblems.self) { _ = try compile(stage(schema(#"{"type":"x"}"#))) }
    }

    /// What the stage lets through is exactly what the validator calls valid, whatever of a schema became checks on slots.
    @Test func slotsAndValidatorAgree() throws {
        let seed = ProcessInfo.processInfo.environment["FUZZ_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0 ... .max)
        print("slotsAndValidatorAgree: FUZZ_SEED=\(seed)")
        var random = SeededNumbers(state: seed)
        let end = ContinuousClock.now + .seconds(3)
        var batch = OutputBatch()
        var counts = [0, 0]
        while ContinuousClock.now < end || counts[0] <= 100 || counts[1] <= 100 {
            let text = randomSchema(&random)
            var program = try compile(stage(schema(text)))
            var options = JSONSchema.Options()
            options.assertsFormat = true
            var validator = Validator(try JSONSchema(Array(text.utf8), options))
            for _ in 0..<30 {
                let record = randomRecord(&random)
                let isRight = bytes(record) { validator.isValid($0) }
                let outcome = run(&program, Given(record), &batch)
                #expect((outcome.failure == nil) == isRight, "\(record) against \(text): \(outcome)")
                counts[isRight ? 1 : 0] += 1
            }
        }
        #expect(counts[0] > 100 && counts[1] > 100)
    }

    private func randomSchema(_ random: inout SeededNumbers) -> String {
        let leaves = [
            #"{"type":"integer","minimum":1}"#, #"{"type":["number","null"],"maximum":2.5}"#,
            #"{"type":"string","minLength":1,"maxLength":2}"#,
            #"{"enum":["a",1,null,true]}"#, #"{"const":1.0}"#, #"{"pattern":"^a","format":"date"}"#, #"{"type":"boolean"}"#, "true",
            "false",
            #"{"type":"array","items":{"type":"integer"}}"#, #"{"oneOf":[{"type":"string"},{"minimum":2}]}"#,
            #"{"exclusiveMinimum":0.5}"#,
            #"{"allOf":[{"type":["integer","string"]},{"maxLength":1}]}"#, ##"{"$ref":"#/$defs/d"}"##, #"{"multipleOf":0.5}"#,
        ]
        func object(_ depth: Int, _ random: inout SeededNumbers) -> String {
            var members: [String] = []
            for name in ["a", "b", "c"] where Bool.random(using: &random) {
                let nested = depth < 2 && Int.random(in: 0..<3, using: &random) == 0
                members.append(
                    #""\#(name)":"#
                        + (nested ? object(depth + 1, &random) : leaves[Int.random(in: 0..<leaves.count, using: &random)]))
            }
            var text = #"{"properties":{"# + members.joined(separator: ",") + "}"
            if Bool.random(using: &random) { text += #","type":"object""# }
            if Bool.random(using: &random) { text += #","required":["a"]"# }
            if Int.random(in: 0..<3, using: &random) == 0 { text += #","additionalProperties":false"# }
            if depth == 0 { text += ##","$defs":{"d":{"type":"object","required":["b"],"properties":{"b":{"type":"integer"}}}}"## }
            if depth == 0, Int.random(in: 0..<6, using: &random) == 0 { text += #","minProperties":1"# }
            return text + "}"
        }
        return object(0, &random)
    }

    private func randomRecord(_ random: inout SeededNumbers, depth: Int = 0) -> String {
        let values = [
            "1", "2.5", "0", "3.0", "null", "true", #""a""#, #""""#, #""abc""#, #""2024-01-01""#, "[1,2]", #"[1,"a"]"#, "1.0",
            "12345678901234567890", "-1", "{}",
        ]
        var members: [String] = []
        for name in ["a", "b", "c", "d", "a"]
        where Int.random(in: 0..<3, using: &random) > 0 && (name != "d" || Int.random(in: 0..<4, using: &random) == 0) {
            let nested = depth < 2 && Int.random(in: 0..<4, using: &random) == 0
            members.append(
                #""\#(name)":"#
                    + (nested ? randomRecord(&random, depth: depth + 1) : values[Int.random(in: 0..<values.count, using: &random)]))
        }
        return "{" + members.joined(separator: ",") + "}"
    }

    private struct SeededNumbers: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
    }
}

/// A topology's schema is read beside it, and what is wrong with it told where it stands.
@Suite struct SchemaFileTests {
    private func load(_ schema: String, _ more: [String: String] = [:]) throws -> LoadedTopologies {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("schema-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder.appendingPathComponent("schemas"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = more.merging([
            "schemas/s.json": schema,
            "t.yaml": """
            name: x
            topics: {a: {name: a}, b: {name: b}}
            stages:
              s:
                from: a
                to: b
                steps:
                  - validate: {schema: schemas/s.json}
            """,
        ]) { $1 }
        for (name, text) in files { try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8) }
        var loaded = loadTopologies(file: folder.path + "/t.yaml") { $0.checkExpressions() }
        // Nothing writes the topic, which is beside the point.
        loaded.problems.removeAll { $0.code == "topic.unwritten" }
        for index in loaded.problems.indices {
            loaded.problems[index].position.file = loaded.problems[index].position.file.replacing(folder.path + "/", with: "")
        }
        return loaded
    }

    @Test func aRightSchemaIsPartOfThePlan() throws {
        let loaded = try load(#"{"$ref":"part.json"}"#, ["schemas/part.json": #"{"required":["a"]}"#])
        #expect(loaded.problems == [])
        let plan = try #require(loaded.plans.first)
        #expect(plan.text.contains("validate against schemas/s.json"))
        // The files are gone by now: the plan holds them.
        #expect(try run(plan.stages[0], #"{"a":1}"#).text == #"{"a":1}"#)
        #expect(try run(plan.stages[0], "{}").failure?.message.contains("part.json#/required") == true)
    }

    @Test(arguments: [
        ("{\n  \"type\": \"strin\"}", "schemas/s.json:2:11", "schema.value"), ("{", "schemas/s.json:1:2", "schema.syntax"),
        (#"{"pattern":"(?=a)"}"#, "schemas/s.json:1:12", "schema.pattern"),
        (#"{"$ref":"gone.json"}"#, "schemas/s.json:1:9", "schema.reference"),
        (#"{"requird":[]}"#, "schemas/s.json:1:2", "schema.keyword"),
    ])
    func problemsStandInTheSchemasFile(_ schema: String, _ position: String, _ code: String) throws {
        let problems = try load(schema).problems
        #expect(problems.map(\.position.description) == [position])
        #expect(problems.map(\.code) == [code])
    }
}
