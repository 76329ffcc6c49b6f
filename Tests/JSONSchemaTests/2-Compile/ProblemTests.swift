import JSONSchema
import Testing

/// A slip in a schema is told before the first record, where it stands.
@Suite struct SchemaProblemTests {
    @Test(arguments: [
        ("{\n  \"type\": \"strin\"}", ["schema.value 2:11"]),
        ("{", ["schema.syntax 1:2"]),
        ("", ["schema.syntax 1:1"]),
        ("3", ["schema.value 1:1"]),
        (#"{"type":[]}"#, ["schema.value 1:9"]),
        (#"{"é": 1, "minLength":-1}"#, ["schema.value 1:22"]),
        (#"{"minLength":1.5,"maxItems":"2"}"#, ["schema.value 1:29", "schema.value 1:14"]),
        (#"{"multipleOf":0}"#, ["schema.value 1:15"]),
        (#"{"multipleOf":12345678901234567890123456789012345678}"#, ["schema.value 1:15"]),
        (#"{"required":["a",1]}"#, ["schema.value 1:13"]),
        (#"{"properties":[]}"#, ["schema.value 1:15"]),
        (#"{"items":3}"#, ["schema.value 1:10"]),
        (#"{"items":[true]}"#, ["schema.value 1:10"]),
        (#"{"allOf":[]}"#, ["schema.value 1:10"]),
        (#"{"$defs":{"unused":{"pattern":"("}}}"#, ["schema.pattern 1:31"]),
        (#"{"patternProperties":{"(?=a)":true}}"#, ["schema.pattern 1:23"]),
        (##"{"$ref":"#/$defs/nope"}"##, ["schema.reference 1:9"]),
        (##"{"$ref":"#nope"}"##, ["schema.reference 1:9"]),
        (#"{"$ref":"http://e.x/y"}"#, ["schema.reference 1:9"]),
        (##"{"const":3,"$ref":"#/const"}"##, ["schema.value 1:10", "schema.value 1:19"]),
        (##"{"$ref":"#"}"##, ["schema.cycle 1:1"]),
        (
            ##"{"$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"not":{"$ref":"#/$defs/a"}}},"$ref":"#/$defs/a"}"##,
            ["schema.cycle 1:59"]
        ),
        (#"{"$schema":"http://json-schema.org/draft-04/schema#"}"#, ["schema.dialect 1:12"]),
        (#"{"$schema":"http://e.x/mine"}"#, ["schema.dialect 1:12"]),
        (#"{"$id":"http://e.x/a#b"}"#, ["schema.value 1:8"]),
        (#"{"$anchor":"1"}"#, ["schema.value 1:12"]),
        (#"{"$defs":{"a":{"$anchor":"x"},"b":{"$anchor":"x"}}}"#, ["schema.name 1:46"]),
        (#"{"$defs":{"a":{"$id":"http://e.x/i"},"b":{"$id":"http://e.x/i"}}}"#, ["schema.name 1:49"]),
        // Remarks.
        (#"{"requird":["a"]}"#, ["schema.keyword 1:2"]),
        (#"{"x-note":1,"example":2}"#, []),
        (#"{"properties":{"requird":{}}}"#, []),
    ])
    func problemsStandWhereTheyAre(_ schema: String, _ expected: [String]) {
        #expect(problems(schema).sorted() == expected.sorted())
    }

    @Test func messagesSayWhatToDo() {
        func text(_ schema: String) -> String {
            do throws(SchemaProblems) { return try JSONSchema(Array(schema.utf8)).warnings.map(\.text).joined() } catch {
                return error.problems.map(\.text).joined(separator: "\n")
            }
        }
        #expect(text(#"{"type":"strin"}"#).hasSuffix("did you mean `string`?"))
        #expect(text(#"{"requird":[]}"#).hasSuffix("did you mean `required`?"))
        #expect(text(#"{"pattern":"^(?!a)"}"#).contains("look-ahead, which RE2 hasn't got; use `not`"))
        #expect(text(#"{"pattern":"(a)\\1"}"#).contains("back-reference"))
        #expect(text(#"{"$ref":"http://e.x/y"}"#).contains("nothing is fetched"))
    }

    /// A nested schema is refused, not followed until the stack ends.
    @Test func depthIsBounded() {
        let deep = String(repeating: #"{"not":"#, count: 10_000) + "true" + String(repeating: "}", count: 10_000)
        #expect(problems(deep) == ["schema.syntax 1:1793"])
    }
}
