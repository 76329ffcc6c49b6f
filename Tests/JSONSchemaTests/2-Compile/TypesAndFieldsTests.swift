@testable import JSONSchema
import Testing

/// What expressions may rely on: never more than every valid value keeps.
@Suite struct PossibleTypesTests {
    static let order = ##"""
        {"type":"object","required":["id","customer"],"additionalProperties":false,
        "properties":{"id":{"type":"string"},"amount":{"type":["integer","null"]},"any":true,"never":false,"kind":{"enum":["a",1]},
        "customer":{"type":"object","required":["name"],"properties":{"name":{"type":"string"}},"unevaluatedProperties":false},
        "loose":{"required":["x"],"properties":{"x":{"type":"null"}}},
        "either":{"anyOf":[{"type":"string"},{"type":"integer"}]},"both":{"allOf":[{"type":["string","null"]},{"type":["null","array"]}]},
        "if":{"if":{"type":"string"},"then":{"type":"string"},"else":{"type":"boolean"}},"ref":{"$ref":"#/$defs/r"},
        "map":{"type":"object","additionalProperties":{"type":"number"}},"tree":{"$ref":"#/$defs/tree"},
        "merged":{"allOf":[{"$ref":"#/$defs/r2"}],"unevaluatedProperties":false,"properties":{"b":{"type":"null"}}}},
        "$defs":{"r":{"type":"array"},"r2":{"properties":{"a":{"type":"string"}}},"tree":{"type":"object","properties":{"next":{"$ref":"#/$defs/tree"}}}}}
        """##

    @Test(
        arguments: [
            ("", .object, true), ("id", .string, true), ("amount", [.integer, .null], false), ("any", .all, false),
            ("never", [], false),
            ("unknown", [], false), ("kind", [.string, .number], false), ("customer.name", .string, true),
            ("customer.other", [], false),
            ("id.x", [], false), ("loose.x", .null, false), ("either", [.string, .integer], false), ("both", .null, false),
            ("if", [.string, .boolean], false), ("ref", .array, false), ("map.whatever", .number, false),
            ("tree.next.next.next", .object, false),
            ("tree.next.other", .all, false), ("merged.a", .string, false), ("merged.b", .null, false), ("merged.c", [], false),
            ("any.thing", .all, false),
        ] as [(String, JSONTypes, Bool)])
    func typesAtPaths(_ path: String, _ types: JSONTypes, _ isRequired: Bool) throws {
        let schema = try compile(Self.order)
        let known = schema.possibleTypes(at: path.split(separator: ".").map(String.init))
        #expect(known == SchemaTypes(types: types, isRequired: isRequired))
        #expect(known.isImpossible == types.isEmpty)
    }

    @Test func referencesInRoundsEnd() throws {
        let schema = try compile(
            ##"{"$defs":{"a":{"properties":{"x":{"$ref":"#/$defs/a"}},"anyOf":[{"properties":{"x":{"$ref":"#"}}},{}]}},"$ref":"#/$defs/a"}"##
        )
        #expect(schema.possibleTypes(at: Array(repeating: "x", count: 12)).types == .all)
    }
}

/// A schema for objects becomes rules for fields where that says the same.
@Suite struct FieldsTests {
    @Test func anOrderIsFieldsAlone() throws {
        let fields = try compile(PossibleTypesTests.order).fields()
        #expect(
            Set(fields.names ?? []) == [
                "id", "amount", "any", "never", "kind", "customer", "loose", "either", "both", "if", "ref", "map", "tree", "merged",
            ])
        let byPath = Dictionary(fields.fields.map { ($0.path.joined(separator: "."), $0) }) { first, _ in first }
        #expect(byPath["id"]?.isRequired == true && byPath["id"]?.types == .string && byPath["id"]?.subschema == nil)
        #expect(byPath["amount"]?.types == [.integer, .null])
        #expect(byPath["never"]?.types == [])
        #expect(byPath["kind"]?.allowed == [#""a""#, "1"])
        #expect(byPath["both"]?.types == .null && byPath["both"]?.subschema == nil)
        #expect(byPath["loose.x"]?.isConditional == true && byPath["loose.x"]?.isRequired == true)
        for path in ["customer", "either", "if", "map", "merged"] { #expect(byPath[path]?.subschema != nil, "\(path)") }
        #expect(byPath["customer.name"] == nil)
    }

    @Test(arguments: [
        #"{"minProperties":1}"#, #"{"anyOf":[{"required":["a"]},{}]}"#, #"{"patternProperties":{"a":true}}"#, "true", "false",
        #"{"type":"string"}"#,
        ##"{"$dynamicRef":"#a","$dynamicAnchor":"a2","$defs":{"x":{"$dynamicAnchor":"a"}}}"##,
    ])
    func othersAreLeftToTheValidator(_ schema: String) throws {
        let fields = try compile(schema).fields()
        let isEmpty = schema == "true"
        #expect(fields.fields.map(\.path) == (isEmpty ? [] : [[]]))
        #expect(fields.fields.allSatisfy { $0.subschema == 0 })
    }
}
