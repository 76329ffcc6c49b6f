import JSONSchema
import Testing

/// Whoever mends a record needs to know what of it breaks which rule, and may not see its values in a log.
@Suite struct FailureTests {
    @Test(arguments: [
        (#"{"properties":{"a":{"type":"integer"}}}"#, #"{"a":"x"}"#, ["/a type #/properties/a/type"]),
        (
            #"{"properties":{"a/b~":{"items":{"maximum":1}}}}"#, #"{"a/b~":[0,2,3]}"#,
            ["/a~1b~0/1 maximum #/properties/a~1b~0/items/maximum", "/a~1b~0/2 maximum #/properties/a~1b~0/items/maximum"]
        ),
        (
            ##"{"$ref":"#/$defs/a","$defs":{"a":{"required":["x","y"]}}}"##, "{}",
            [" required #/$defs/a/required", " required #/$defs/a/required"]
        ),
        (#"{"additionalProperties":false}"#, #"{"b":1}"#, ["/b additionalProperties #/additionalProperties"]),
        (#"{"properties":{"b":false}}"#, #"{"b":1}"#, ["/b false #/properties/b"]),
        (#"{"unevaluatedProperties":false}"#, #"{"b":1}"#, ["/b false #/unevaluatedProperties"]),
        (#"{"prefixItems":[true],"items":false}"#, "[1,2]", ["/1 false #/items"]),
        (#"{"minLength":3,"pattern":"b"}"#, #""a""#, [" minLength #/minLength", " pattern #/pattern"]),
        (#"{"anyOf":[{"type":"null"},{"type":"string"}]}"#, "1", [" anyOf #/anyOf"]),
        (#"{"oneOf":[true,true]}"#, "1", [" oneOf #/oneOf"]),
        (#"{"not":{}}"#, "1", [" not #/not"]),
        (#"{"if":true,"then":{"const":1}}"#, "2", [" const #/then/const"]),
        (#"{"contains":{"const":1},"maxContains":1}"#, "[1,1]", [" maxContains #/maxContains"]),
        (#"{"contains":{"const":1},"maxContains":1}"#, "[]", [" contains #/contains"]),
        (#"{"contains":{"const":1},"minContains":2}"#, "[1]", [" minContains #/minContains"]),
        (#"{"propertyNames":{"maxLength":1}}"#, #"{"ab":1}"#, ["/ab maxLength #/propertyNames/maxLength"]),
        (#"{"dependentRequired":{"a":["b"]}}"#, #"{"a":1}"#, [" dependentRequired #/dependentRequired"]),
        ("true", "[1,]", ["  "]),
        ("true", "", ["  "]),
        ("true", "1 2", ["  "]),
    ])
    func placesAndRules(_ schema: String, _ value: String, _ expected: [String]) throws {
        #expect(try failures(schema, value).sorted() == expected.sorted())
    }

    @Test func rulesOfOtherDocumentsNameThem() throws {
        var options = JSONSchema.Options()
        options.documents["http://e.x/m"] = Array(#"{"type":"null"}"#.utf8)
        var validator = Validator(try compile(#"{"$ref":"http://e.x/m"}"#, options))
        #expect(explain("1", &validator).map(\.rule) == ["http://e.x/m#/type"])
    }

    @Test func messagesHoldNoValues() throws {
        let schema =
            #"{"properties":{"a":{"type":"integer","minimum":5,"enum":[7]},"b":{"type":["string","null"],"pattern":"^x","minLength":40,"format":"date"},"#
            + #""c":{"const":1,"multipleOf":0.7},"d":{"type":"object"}}}"#
        var options = JSONSchema.Options()
        options.assertsFormat = true
        var validator = Validator(try compile(schema, options))
        let found = explain(#"{"a":-31337,"b":"secret","c":31337.5,"d":["secret"]}"#, &validator)
        #expect(found.count == 8)
        for failure in found { #expect(!failure.message.contains("31337") && !failure.message.contains("secret")) }
        #expect(found.map(\.message).contains("expected object, got array"))
        #expect(found.map(\.message).contains("expected a number >= 5"))
    }

    @Test func failuresAreBounded() throws {
        var validator = Validator(try compile(#"{"items":{"type":"string"}}"#))
        let value = "[" + (0..<1000).map(String.init).joined(separator: ",") + "]"
        #expect(explain(value, &validator).count == Validator.mostFailures)
        #expect(explain("[]", &validator).isEmpty)
    }
}

/// Hostile values and schemas cost bounded time and stack.
@Suite struct LimitTests {
    private func nested(_ depth: Int, _ open: String, _ close: String) -> String {
        String(repeating: open, count: depth) + String(repeating: close, count: depth)
    }

    @Test func deepValuesAreRefused() throws {
        var validator = Validator(try compile(##"{"items":{"$ref":"#"}}"##))
        #expect(isValid(nested(512, "[", "]"), &validator))
        #expect(explain(nested(10_000, "[", "]"), &validator).map(\.message) == ["not JSON: nested too deeply at byte 512"])
        #expect(isValid("[]", &validator))
    }

    /// A schema that goes through several others at each level reaches its limit first; even `not` doesn't make that valid.
    @Test func deepApplicationEndsClearly() throws {
        let schema =
            ##"{"$defs":{"a":{"allOf":[{"allOf":[{"allOf":[{"items":{"$ref":"#/$defs/a"}}]}]}]}},"not":{"not":{"$ref":"#/$defs/a"}}}"##
        var validator = Validator(try compile(schema))
        #expect(isValid(nested(50, "[", "]"), &validator))
        let found = explain(nested(500, "[", "]"), &validator)
        #expect(found.count == 1 && found[0].message.contains("too deep"))
        var negated = Validator(
            try compile(##"{"$defs":{"a":{"allOf":[{"allOf":[{"items":{"$ref":"#/$defs/a"}}]}]}},"not":{"$ref":"#/$defs/a"}}"##))
        #expect(!isValid(nested(500, "[", "]"), &negated))
    }

    /// Each level asks for the next one twice: 2 to the power of the depth.
    @Test func workIsBounded() throws {
        let schema =
            ##"{"$defs":{"a":{"allOf":[{"items":{"$ref":"#/$defs/a"}},{"items":{"$ref":"#/$defs/a"}}]}},"$ref":"#/$defs/a"}"##
        var validator = Validator(try compile(schema))
        let found = explain(nested(200, "[", "]"), &validator)
        #expect(found.count == 1 && found[0].message.contains("too far"))
        #expect(isValid("[[]]", &validator))
    }

    @Test func manyMembersAndElementsAreLinear() throws {
        var validator = Validator(try compile(#"{"uniqueItems":true,"items":{"uniqueItems":true}}"#))
        let many = (0..<50_000).map { #"{"k":\#($0)}"# }.joined(separator: ",")
        #expect(isValid("[\(many)]", &validator))
        #expect(!isValid(#"[\#(many),{"k":49999.0}]"#, &validator))
        let members = (0..<20_000).map { #""k\#($0)":\#($0)"# }
        let forwards = "{" + members.joined(separator: ",") + "}"
        let backwards = "{" + members.reversed().joined(separator: ",") + "}"
        #expect(!isValid("[\(forwards),\(backwards)]", &validator))
        #expect(isValid("[\(forwards),{}]", &validator))
    }
}
