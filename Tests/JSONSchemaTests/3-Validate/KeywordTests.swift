import JSONSchema
import Testing

/// Each keyword by the words of the validation and core specifications, 2020-12.
@Suite struct KeywordTests {
    static let types: [Case] = [
        Case("true", ["1", "null", "{}"], not: []),
        Case("false", [], not: ["1", "null", "{}"]),
        Case("{}", ["1", "null", "[]"], not: []),
        Case(#"{"type":"null"}"#, ["null"], not: ["0", "false", #""""#, "{}"]),
        Case(#"{"type":"boolean"}"#, ["true", "false"], not: ["0", #""true""#, "null"]),
        Case(#"{"type":"integer"}"#, ["1", "-0", "1.0", "10e-1", "1e400", "12345678901234567890"], not: ["1.5", "1e-1", #""1""#]),
        Case(#"{"type":"number"}"#, ["1", "1.5", "1e400", "-0.0"], not: [#""1""#, "null", "[1]"]),
        Case(#"{"type":"string"}"#, [#""""#, #""é""#], not: ["1", "[]", "null"]),
        Case(#"{"type":"array"}"#, ["[]", "[1]"], not: ["{}", "null"]),
        Case(#"{"type":"object"}"#, ["{}", #"{"a":1}"#], not: ["[]", "null"]),
        Case(#"{"type":["string","null"]}"#, [#""a""#, "null"], not: ["1", "{}"]),
        Case(#"{"type":["integer","string"]}"#, ["2.0", #""a""#], not: ["2.5"]),
    ]

    static let values: [Case] = [
        Case(#"{"const":1}"#, ["1", "1.0", "10e-1", "0.1e1"], not: ["1.00000000000000000001", "true", #""1""#]),
        Case(#"{"const":0}"#, ["0", "-0", "0.0", "0e5"], not: ["false", "null", "1e-999"]),
        Case(
            #"{"const":{"a":[1,{"b":null}],"c":"é"}}"#, [#"{"c":"\u00e9","a":[1.0,{"b":null}]}"#],
            not: [#"{"a":[1,{"b":null}]}"#, #"{"a":[{"b":null},1],"c":"é"}"#]),
        Case(#"{"const":{"a":1}}"#, [#"{"a":2,"a":1}"#], not: [#"{"a":1,"a":2}"#, #"{"a":1,"b":1}"#]),
        Case(#"{"enum":["a",1,null,[2]]}"#, [#""a""#, "1.0", "null", "[2]"], not: [#""b""#, "2", "[]", "[2,2]"]),
        Case(#"{"enum":[]}"#, [], not: ["1", "null"]),
        Case(#"{"enum":["\u0061\n"]}"#, [#""a\n""#, #""a\u000a""#], not: [#""a""#]),
    ]

    static let numbers: [Case] = [
        Case(#"{"minimum":1.1}"#, ["1.1", "1.10", "11e-1", "2", #""0""#], not: ["1.09999999999999999999", "1", "-5"]),
        Case(#"{"exclusiveMinimum":1}"#, ["2", "1.00000000000000000001"], not: ["1", "1.0", "0"]),
        Case(
            #"{"maximum":9007199254740993}"#, ["9007199254740993", "9007199254740992.9"],
            not: ["9007199254740994", "9007199254740993.1"]),
        Case(#"{"exclusiveMaximum":1e308}"#, ["9.9e307", "-1e400"], not: ["1e308", "1e309", "10000e304"]),
        Case(#"{"minimum":-99999999999999999999}"#, ["-99999999999999999999", "0"], not: ["-100000000000000000000", "-1e30"]),
        Case(#"{"minimum":0.5,"maximum":0.6}"#, ["0.5", "0.6", "0.55"], not: ["0", "1", "0.49", "0.61"]),
        Case(#"{"multipleOf":0.01}"#, ["0", "12.34", "1e10", "0.010"], not: ["0.001", "12.345"]),
        Case(#"{"multipleOf":1e-308}"#, ["1e308", "3e-308", "1"], not: ["1e-309"]),
        Case(#"{"multipleOf":3}"#, ["3", "-9", "3e0", "1.2e1", "111111111111111111111"], not: ["1e308", "10", "4.5"]),
        Case(#"{"multipleOf":100}"#, ["1e2", "1e300", "500"], not: ["50", "150.5"]),
        Case(
            #"{"multipleOf":0.123456789012345678901234567}"#, ["0.123456789012345678901234567", "0.246913578024691357802469134"],
            not: ["0.2", "1"]),
    ]

    static let strings: [Case] = [
        Case(#"{"minLength":2}"#, [#""ab""#, #""éé""#, #""😀😀""#, "1"], not: [#""a""#, #""😀""#, #""é""#]),
        Case(#"{"maxLength":2}"#, [#""""#, #""😀😀""#, #""\u00e9\n""#], not: [#""abc""#, #""😀😀😀""#]),
        Case(#"{"minLength":2.0,"maxLength":1e1}"#, [#""ab""#], not: [#""a""#, #""12345678901""#]),
        Case(#"{"pattern":"b+"}"#, [#""abba""#, "3"], not: [#""aca""#]),
        Case(#"{"pattern":"^a$"}"#, [#""a""#], not: [#""a\n""#, #""ba""#]),
    ]

    static let arrays: [Case] = [
        Case(#"{"items":{"type":"integer"}}"#, ["[]", "[1,2]", "{}"], not: ["[1,null]"]),
        Case(
            #"{"prefixItems":[{"type":"string"},{"type":"integer"}]}"#, ["[]", #"["a"]"#, #"["a",1,null]"#],
            not: ["[1]", #"["a","b"]"#]),
        Case(#"{"prefixItems":[true],"items":false}"#, ["[]", "[1]"], not: ["[1,2]"]),
        Case(#"{"contains":{"const":1}}"#, ["[1]", "[0,1,1]", "{}"], not: ["[]", "[0]"]),
        Case(#"{"contains":{"const":1},"minContains":2,"maxContains":3}"#, ["[1,1]", "[1,0,1,1]"], not: ["[1]", "[1,1,1,1]"]),
        Case(#"{"contains":{"const":1},"minContains":0}"#, ["[]", "[0]"], not: []),
        Case(#"{"minContains":2}"#, ["[]"], not: []),
        Case(#"{"minItems":1,"maxItems":2}"#, ["[1]", "[1,2]", #""""#], not: ["[]", "[1,2,3]"]),
        Case(
            #"{"uniqueItems":true}"#,
            ["[]", "[1,2]", "[1,true]", "[0,false,null,\"\",[],{}]", #"[{"a":1},{"a":2}]"#, "[[1],[1,1]]"],
            not: [
                "[1,1.0]", #"["a","\u0061"]"#, #"[{"a":1,"b":2},{"b":2.0,"a":1}]"#, "[[1,[2]],0,[1,[2]]]",
                "[1,2,3,4,5,6,7,8,9,10,1]", "[0,-0]",
            ]),
        Case(#"{"uniqueItems":false}"#, ["[1,1]"], not: []),
    ]

    static let objects: [Case] = [
        Case(
            #"{"properties":{"a":{"type":"integer"},"":false}}"#, ["{}", #"{"a":1,"b":0}"#, "[]"],
            not: [#"{"a":null}"#, #"{"":1}"#]),
        Case(#"{"properties":{"é":{"const":1}}}"#, [#"{"\u00e9":1}"#, "{\"e\u{301}\":2}"], not: [#"{"\u00e9":2}"#]),
        Case(#"{"required":["a","b"]}"#, [#"{"a":1,"b":null}"#, "[]"], not: ["{}", #"{"a":1}"#]),
        Case(#"{"patternProperties":{"^x":{"type":"string"}}}"#, [#"{"x1":"a","y":1}"#], not: [#"{"x1":1}"#]),
        Case(
            #"{"properties":{"a":true},"patternProperties":{"^x":true},"additionalProperties":{"type":"null"}}"#,
            [#"{"a":1,"x":2,"z":null}"#], not: [#"{"z":0}"#]),
        Case(#"{"properties":{"a":true},"additionalProperties":false}"#, ["{}", #"{"a":1}"#], not: [#"{"b":1}"#]),
        Case(#"{"additionalProperties":false}"#, ["{}", "[]"], not: [#"{"a":1}"#]),
        Case(#"{"propertyNames":{"maxLength":2}}"#, [#"{"ab":1}"#], not: [#"{"abc":1}"#]),
        Case(
            #"{"minProperties":1,"maxProperties":2}"#, [#"{"a":1}"#, #"{"a":1,"b":2,"a":3}"#], not: ["{}", #"{"a":1,"b":2,"c":3}"#]),
        Case(#"{"dependentRequired":{"a":["b"]}}"#, ["{}", #"{"b":1}"#, #"{"a":1,"b":2}"#], not: [#"{"a":1}"#]),
        Case(#"{"dependentSchemas":{"a":{"required":["b"]}}}"#, ["{}", #"{"a":1,"b":2}"#], not: [#"{"a":1}"#]),
        // The last of equal keys counts, the others don't.
        Case(#"{"properties":{"a":{"type":"integer"}}}"#, [#"{"a":"x","a":1}"#], not: [#"{"a":1,"a":"x"}"#]),
    ]

    static let combinations: [Case] = [
        Case(#"{"allOf":[{"minimum":1},{"maximum":2}]}"#, ["1", "2"], not: ["0", "3"]),
        Case(#"{"anyOf":[{"type":"string"},{"minimum":2}]}"#, [#""a""#, "2", "null"], not: ["1"]),
        Case(#"{"oneOf":[{"multipleOf":2},{"multipleOf":3}]}"#, ["2", "3"], not: ["6", "5", "null"]),
        Case(#"{"not":{"type":"string"}}"#, ["1"], not: [#""a""#]),
        Case(#"{"not":{"not":{"type":"string"}}}"#, [#""a""#], not: ["1"]),
        Case(#"{"if":{"const":1},"then":false,"else":{"type":"string"}}"#, [#""a""#], not: ["1", "2"]),
        Case(#"{"if":{"const":1}}"#, ["1", "2"], not: []),
        Case(#"{"then":false,"else":false}"#, ["1"], not: []),
    ]

    static let others: [Case] = [
        Case(
            #"{"format":"date","contentEncoding":"base64","contentMediaType":"application/json","title":"t","x-mine":3}"#,
            [#""%""#], not: []),
        Case(
            #"{"dependencies":{"a":["b"],"c":{"required":["d"]}}}"#, [#"{"a":1,"b":1}"#, #"{"c":1,"d":1}"#],
            not: [#"{"a":1}"#, #"{"c":1}"#]),
    ]

    @Test(arguments: types + values + numbers + strings)
    func scalars(_ test: Case) throws { try test.check() }

    @Test(arguments: arrays + objects + combinations + others)
    func containers(_ test: Case) throws { try test.check() }

    /// draft-07 differs where its words are others.
    @Test(arguments: [
        Case(
            #"{"items":[{"type":"string"}],"additionalItems":{"type":"null"}}"#, [#"["a",null]"#, "[]"], not: ["[1]", #"["a",1]"#]),
        Case(#"{"items":[true],"additionalItems":false}"#, ["[1]"], not: ["[1,2]"]),
        Case(#"{"items":{"type":"string"},"additionalItems":false}"#, [#"["a","b"]"#], not: ["[1]"]),
        Case(#"{"dependencies":{"a":["b"],"c":{"required":["d"]}}}"#, [#"{"a":1,"b":1}"#], not: [#"{"a":1}"#, #"{"c":1}"#]),
        Case(##"{"definitions":{"a":{"$id":"#n","type":"null"}},"$ref":"#n","type":"string"}"##, ["null"], not: [#""a""#]),
        Case(#"{"contains":{"const":1},"maxContains":1}"#, ["[1,1]"], not: ["[]"]),
        Case(
            #"{"dependentRequired":{"a":["b"]},"unevaluatedProperties":false,"prefixItems":[false]}"#, [#"{"a":1}"#, "[1]"], not: []
        ),
    ])
    func draft7(_ test: Case) throws {
        var options = JSONSchema.Options()
        options.defaultsToDraft7 = true
        try test.check(options)
    }

    @Test func moreNamesThanBitsAreRequired() throws {
        let names = (0..<100).map { #""n\#($0)""# }
        var validator = Validator(try compile(#"{"required":[\#(names.joined(separator: ","))]}"#))
        for missing in [-1, 0, 63, 64, 99] {
            let members = (0..<100).filter { $0 != missing }.map { #""n\#($0)":0"# }.joined(separator: ",")
            #expect(isValid("{\(members)}", &validator) == (missing < 0))
            #expect(
                explain("{\(members)}", &validator).map(\.message)
                    == (missing < 0 ? [] : ["`n\(missing)` is required, but missing"]))
        }
    }
}
