import JSONSchema
import Testing

/// References lead where RFC 3986 and the core specification say, and nothing is fetched.
@Suite struct ReferenceTests {
    static let cases: [Case] = [
        Case(##"{"$defs":{"a":{"type":"null"}},"$ref":"#/$defs/a"}"##, ["null"], not: ["1"]),
        Case(
            ##"{"properties":{"next":{"$ref":"#"}},"additionalProperties":false}"##, [#"{"next":{"next":{}}}"#],
            not: [#"{"next":{"x":1}}"#]),
        Case(##"{"$defs":{"a/b~c d":{"type":"null"}},"$ref":"#/$defs/a~1b~0c%20d"}"##, ["null"], not: ["1"]),
        Case(
            ##"{"prefixItems":[{"type":"null"}],"$ref":"#/$defs/x","$defs":{"x":{"items":{"$ref":"#/prefixItems/0"}}}}"##,
            ["[null,null]"], not: ["[null,1]"]),
        Case(##"{"$ref":"#here","$defs":{"x":{"$anchor":"here","type":"null"}}}"##, ["null"], not: ["1"]),
        Case(##"{"$ref":"#/$defs/a","maximum":3,"$defs":{"a":{"minimum":1}}}"##, ["2"], not: ["0", "4"]),
        // Identifiers are resolved against those around them.
        Case(
            #"{"$id":"http://e.x/a/b.json","$ref":"c.json","$defs":{"x":{"$id":"/a/c.json","type":"null"}}}"#, ["null"], not: ["1"]),
        Case(
            #"{"$id":"http://e.x/a/","$ref":"d/f.json","$defs":{"x":{"$id":"d/","$defs":{"y":{"$id":"f.json","type":"null"}}}}}"#,
            ["null"], not: ["1"]),
        Case(#"{"$id":"http://e.x/r","$ref":"urn:x:y","$defs":{"x":{"$id":"urn:x:y","type":"null"}}}"#, ["null"], not: ["1"]),
        Case(
            ##"{"$id":"http://e.x/r","$ref":"i#n","$defs":{"x":{"$id":"i","$defs":{"z":{"$anchor":"n","type":"null"}}},"n":{"$anchor":"n"}}}"##,
            ["null"], not: ["1"]),
        // `#` means the resource, not the file.
        Case(
            ##"{"$id":"http://e.x/r","type":"object","properties":{"a":{"$id":"in","type":"array","items":{"$ref":"#"}}}}"##,
            [#"{"a":[[[]]]}"#], not: [#"{"a":[{}]}"#]),
        // What looks like a schema inside a value isn't one.
        Case(
            ##"{"const":{"$ref":"#/nowhere","$id":"http://e.x/c"},"enum":[{"$ref":"#/nowhere","$id":"http://e.x/c"}]}"##,
            [##"{"$id":"http://e.x/c","$ref":"#/nowhere"}"##], not: ["1"]),
        Case(##"{"properties":{"$ref":{"type":"null"}}}"##, [#"{"$ref":null}"#], not: [#"{"$ref":"a"}"#]),
        Case(
            #"{"$ref":"https://json-schema.org/draft/2020-12/schema"}"#, [#"{"minLength":1}"#, "true"],
            not: [#"{"minLength":-1}"#, #"{"properties":{"a":{"type":"strin"}}}"#]),
        Case(
            #"{"$ref":"http://json-schema.org/draft-07/schema#"}"#, [#"{"minLength":1}"#, "true"],
            not: [#"{"minLength":-1}"#, #"{"items":[{"type":7}]}"#]),
    ]

    @Test(arguments: cases) func leadThere(_ test: Case) throws { try test.check() }

    static let dynamic: [Case] = [
        // A tree that is closed by whoever uses it.
        Case(
            ##"{"$id":"http://e.x/strict","$dynamicAnchor":"node","$ref":"tree","unevaluatedProperties":false,"##
                + ##""$defs":{"t":{"$id":"tree","$dynamicAnchor":"node","type":"object","properties":{"data":true,"kids":{"items":{"$dynamicRef":"#node"}}}}}}"##,
            [#"{"kids":[{"data":1}]}"#], not: [#"{"kids":[{"daat":1}]}"#, #"{"daat":1}"#]),
        // Without another of that name it is an ordinary reference.
        Case(##"{"items":{"$dynamicRef":"#n"},"$defs":{"x":{"$dynamicAnchor":"n","type":"null"}}}"##, ["[null]"], not: ["[1]"]),
        Case(
            ##"{"$id":"http://e.x/r","$ref":"l","$defs":{"s":{"$dynamicAnchor":"i","type":"string"},"l":{"$id":"l","items":{"$dynamicRef":"#i"},"$defs":{"d":{"$dynamicAnchor":"i"}}}}}"##,
            [#"["a"]"#], not: ["[1]"]),
        // One that first leads to a plain anchor isn't dynamic.
        Case(
            ##"{"$id":"http://e.x/r","$ref":"l","$defs":{"s":{"$dynamicAnchor":"i","type":"string"},"l":{"$id":"l","items":{"$dynamicRef":"#i"},"$defs":{"d":{"$anchor":"i"}}}}}"##,
            [#"["a",1]"#], not: []),
    ]

    @Test(arguments: dynamic) func dynamicReferences(_ test: Case) throws { try test.check() }

    @Test func documentsAtHand() throws {
        var options = JSONSchema.Options()
        options.uri = "file:///s/order.json"
        options.documents["http://e.x/money"] = Array(##"{"$defs":{"a":{"type":"number"}},"$ref":"#/$defs/a"}"##.utf8)
        options.documents["http://e.x/other"] = Array(#"{"$id":"http://e.x/by-its-own-name","type":"null"}"#.utf8)
        options.load = {
            $0 == "file:///s/parts/line.json"
                ? Array(#"{"type":"string","$ref":"../more.json"}"#.utf8)
                : $0 == "file:///s/more.json" ? Array(#"{"minLength":2}"#.utf8) : nil
        }
        try Case(#"{"$ref":"http://e.x/money"}"#, ["1"], not: ["null"]).check(options)
        try Case(#"{"$ref":"http://e.x/by-its-own-name"}"#, ["null"], not: ["1"]).check(options)
        try Case(#"{"$ref":"parts/line.json"}"#, [#""ab""#], not: ["1", #""a""#]).check(options)
        #expect(problems(#"{"$ref":"parts/gone.json"}"#, options) == ["schema.reference 1:9"])
    }

    /// A meta-schema says which keywords count.
    @Test func vocabularies() throws {
        var options = JSONSchema.Options()
        func meta(_ names: String...) -> [UInt8] {
            let list = names.map { #""https://json-schema.org/draft/2020-12/vocab/\#($0)":true"# }.joined(separator: ",")
            return Array(
                #"{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"http://e.x/m","$vocabulary":{\#(list)}}"#.utf8)
        }
        options.documents["http://e.x/m"] = meta("core", "applicator")
        try Case(#"{"$schema":"http://e.x/m","type":"string","properties":{"a":false}}"#, ["1"], not: [#"{"a":1}"#]).check(options)
        options.documents["http://e.x/m"] = meta("core", "validation", "format-assertion")
        try Case(#"{"$schema":"http://e.x/m","format":"ipv4","properties":{"a":false}}"#, [#"{"a":1}"#], not: [#""a""#]).check(
            options)
        options.documents["http://e.x/m"] = meta("core", "unheard-of")
        #expect(problems(#"{"$schema":"http://e.x/m"}"#, options).contains { $0.hasPrefix("schema.vocabulary") })
    }

    @Test(arguments: [
        ("http://a/b/c/d?q", "g", "http://a/b/c/g"), ("http://a/b/c/d?q", "./g/.", "http://a/b/c/g/"),
        ("http://a/b/c/d?q", "../../../g", "http://a/g"),
        ("http://a/b/c/d?q", "?y", "http://a/b/c/d?y"), ("http://a/b/c/d?q", "", "http://a/b/c/d?q"),
        ("http://a/b/c/d?q", "//h/x", "http://h/x"),
        ("http://a/b/c/d?q", "/x/../y", "http://a/y"), ("http://a", "g", "http://a/g"), ("urn:a:b", "#x", "urn:a:b#x"),
        ("", "a.json", "a.json"),
        ("http://a/b", "MAILTO:x", "mailto:x"), ("http://a/b/", "..", "http://a/"), ("http://a/b/c", "g;x=1/../y", "http://a/b/y"),
    ])
    func resolution(_ base: String, _ reference: String, _ expected: String) throws {
        // Seen through what a schema of that identifier is found by.
        let schema = ##"{"$id":"\##(base)","$ref":"\##(reference)","$defs":{"x":{"$id":"\##(expected)","type":"null"}}}"##
        guard !base.isEmpty, !reference.isEmpty, !reference.hasPrefix("#") else { return }
        try Case(schema, ["null"], not: ["1"]).check()
    }
}
