import Testing

/// What other keywords have looked at, across every way a schema applies others to the same value.
@Test(arguments: [
    Case(#"{"properties":{"a":true},"unevaluatedProperties":false}"#, [#"{"a":1}"#, "{}", "[]"], not: [#"{"b":1}"#]),
    Case(#"{"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false}"#, [#"{"a":1}"#], not: [#"{"a":1,"b":1}"#]),
    Case(
        #"{"anyOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"properties":{"b":{"const":2}},"required":["b"]}],"unevaluatedProperties":false}"#,
        [#"{"a":1}"#, #"{"b":2}"#, #"{"a":1,"b":2}"#], not: [#"{"a":1,"b":3}"#, #"{"a":1,"c":1}"#]),
    Case(
        #"{"oneOf":[{"properties":{"a":true},"required":["a"]},{"properties":{"b":true},"required":["b"]}],"unevaluatedProperties":false}"#,
        [#"{"a":1}"#, #"{"b":1}"#], not: [#"{"a":1,"b":1}"#, #"{"a":1,"c":1}"#]),
    Case(
        #"{"if":{"properties":{"a":{"const":1}},"required":["a"]},"then":{"properties":{"b":true}},"else":{"properties":{"c":true}},"unevaluatedProperties":false}"#,
        [#"{"a":1,"b":1}"#, #"{"c":1}"#], not: [#"{"a":2}"#, #"{"a":1,"c":1}"#, #"{"b":1}"#]),
    // What is refused has evaluated nothing, nor has what stands inside `not`.
    Case(#"{"not":{"not":{"properties":{"a":true}}},"unevaluatedProperties":false}"#, ["{}"], not: [#"{"a":1}"#]),
    // Cousins don't see each other.
    Case(#"{"allOf":[{"properties":{"a":true}},{"unevaluatedProperties":false}]}"#, ["{}"], not: [#"{"a":1}"#]),
    Case(
        ##"{"$ref":"#/$defs/d","unevaluatedProperties":{"type":"string"},"$defs":{"d":{"patternProperties":{"^n":{"type":"integer"}}}}}"##,
        [#"{"n1":1,"x":"a"}"#], not: [#"{"n1":1,"x":1}"#]),
    Case(
        #"{"dependentSchemas":{"a":{"properties":{"a":true,"b":true}}},"unevaluatedProperties":false}"#,
        [#"{"a":1,"b":1}"#], not: [#"{"b":1}"#]),
    Case(
        #"{"allOf":[{"unevaluatedProperties":true}],"unevaluatedProperties":false}"#, [#"{"a":1}"#], not: []),
    Case(#"{"properties":{"a":true},"unevaluatedProperties":false}"#, [#"{"a":0,"a":1}"#], not: [#"{"b":0,"a":1,"b":1}"#]),
    Case(#"{"prefixItems":[true],"unevaluatedItems":false}"#, ["[]", "[1]", "{}"], not: ["[1,2]"]),
    Case(#"{"items":true,"unevaluatedItems":false}"#, ["[1,2]"], not: []),
    Case(#"{"contains":{"const":1},"unevaluatedItems":{"const":2}}"#, ["[1,2,1]", "[1]"], not: ["[1,3]", "[2]"]),
    Case(
        #"{"anyOf":[{"prefixItems":[true,{"const":1}]},{"prefixItems":[true,true,{"const":1}]}],"unevaluatedItems":false}"#,
        ["[0]", "[0,1]", "[0,0,1]"], not: ["[0,0,0]", "[0,1,1,1]", "[0,1,0]"]),
    Case(#"{"allOf":[{"unevaluatedItems":{"type":"integer"}}],"unevaluatedItems":false}"#, ["[1,2]"], not: ["[null]"]),
])
func unevaluated(_ test: Case) throws { try test.check() }
