import Testing

@testable import JSONSchema

/// Formats by the documents the validation specification names for them.
@Suite struct FormatTests {
    static let cases: [(String, [String], [String])] = [
        (
            "date-time",
            [
                "1985-04-12T23:20:50.52Z", "1996-12-19t16:39:57-08:00", "1990-12-31T23:59:60Z", "1990-12-31T15:59:60-08:00",
                "2024-02-29T00:00:00z",
            ],
            [
                "1985-04-12", "2023-02-29T00:00:00Z", "1985-04-12T24:00:00Z", "1990-12-31T22:59:60Z", "1985-04-12T23:20:50",
                "1985-04-12T23:20:50.Z", "1985-04-12 23:20:50Z", "1985-4-12T23:20:50Z", "1985-04-12T23:20:50+24:00",
                "１985-04-12T23:20:50Z", "",
            ]
        ),
        (
            "date", ["2000-02-29", "0000-01-01"],
            ["1900-02-29", "2000-13-01", "2000-00-01", "2000-04-31", "2000-1-1", "2000-01-01Z", "20000101"]
        ),
        (
            "time", ["08:30:06Z", "23:59:60Z", "01:29:60+01:30", "08:30:06.283185+01:00"],
            ["08:30:06", "24:00:00Z", "8:30:06Z", "08:60:06Z", "12:00:60Z", "08:30:06Z0"]
        ),
        (
            "duration", ["P4DT12H30M5S", "P1Y", "PT0S", "P4Y5M", "P2W", "PT1M", "P1M"],
            ["P", "PT", "P1", "1Y", "P1Y1D", "PT1H1S", "P1WT1H", "P1S", "PD", "P2D1Y", "P1YT", "P１Y"]
        ),
        (
            "email", ["a@b", "te~st+x@e-x.com", "\"a b@\"@e.x", "a@[127.0.0.1]", "a@[IPv6:::1]"],
            ["a", "@b", "a@", ".a@b", "a.@b", "a..b@c", "a b@c", "é@b", "a@-b", "a@[1.2]", "\"a@b"]
        ),
        ("idn-email", ["실례@실례.테스트", "a@b"], ["2962", "@x"]),
        (
            "hostname", ["a", "www.example.com", "xn--4gbwdl.xn--wgbh1c", "1a", "a-b"],
            ["", "-a", "a-", "a_b", "a..b", ".a", "a.", "xn--X", "ab--cd", "é", String(repeating: "a", count: 64)]
        ),
        ("idn-hostname", ["실례.테스트", "bücher.example", "l·l"], ["〮실례", "a·b", "-é", "é-", "0\u{5d0}", ""]),
        (
            "ipv4", ["0.0.0.0", "255.255.255.255"],
            ["256.0.0.0", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.", "1.2.3.4 ", "１.2.3.4", ""]
        ),
        (
            "ipv6", ["::", "::1", "1::", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "fe80::A"],
            [
                ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "1::2::3", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4",
                "fe80::1%eth0", "1:2:3:4:5:6:7:", "::1/64", "1.2.3.4",
            ]
        ),
        (
            "uri",
            [
                "http://e.x", "http://u:p@e.x:80/a/b?q=1#f", "urn:a:b", "mailto:a@b", "http://[::1]/", "http://[v1.a]/", "a+b-.c:",
                "http://e.x/%41",
            ],
            [
                "//e.x/a", "/a", "a", "", "http://e.x/ a", "http://e.x/%4", "http://[::1", "http://e.x/é", "http://e.x/<>", ":a",
                "1a:b", "http://a@b@c/", "http://e.x:8a/", "a:b#c#d", "http://e.x/[a]",
            ]
        ),
        ("uri-reference", ["", "/a", "a/b:c", "#f", "?q", "//e.x", "./a:b"], ["a b", "\\a", "a:b^", ":a", "1:b"]),
        ("iri", ["http://e.x/é?\u{e000}#ü", "http://münchen.de/"], ["/é", "http://e.x/\u{e000}", "http://e.x/#\u{e000}"]),
        ("iri-reference", ["é", "#é"], ["\\é", "é é"]),
        (
            "uuid", ["2eb8aa08-AA98-11ea-b4aa-73b441d16380"],
            [
                "2eb8aa08-aa98-11ea-b4aa-73b441d1638", "2eb8aa08aa9811eab4aa73b441d16380", "2eb8aa08-aa98-11ea-b4aa73b441d16380-",
                "geb8aa08-aa98-11ea-b4aa-73b441d16380",
            ]
        ),
        (
            "uri-template", ["", "http://e.x/{a}/{?b,c*}{+d:3}", "{a.b}", "é{%41}"],
            ["{", "}", "{}", "{a", "{a:0}", "{a:12345}", "{^a}", "a b", "{a b}", "%4"]
        ),
        ("json-pointer", ["", "/", "/a~0b~1c", "//"], ["a", "/~", "/~2", "#/a"]),
        ("relative-json-pointer", ["0", "1/a", "0#", "12/"], ["", "-1", "01", "/a", "0##", "1a", "+1"]),
        ("regex", ["a(b)?", "(?=a)", #"(a)\1"#], ["(", #"\Z"#, "a**"]),
    ]

    @Test(arguments: cases) func formats(_ name: String, _ matching: [String], _ others: [String]) throws {
        let format = try #require(Format.named(name))
        func matches(_ text: String) -> Bool { Array(text.utf8).withUnsafeBytes { format.matches($0) } }
        for text in matching { #expect(matches(text), "\(name) \(text)") }
        for text in others { #expect(!matches(text), "\(name) \(text)") }
    }

    @Test func everyFormatHasCases() { #expect(Set(Self.cases.map(\.0)) == Set(Format.allCases.map(\.name))) }

    /// Only where asked; unknown names never; other types never.
    @Test func formatIsARemarkUnlessAsserted() throws {
        var options = JSONSchema.Options()
        try Case(#"{"format":"ipv4"}"#, [#""a""#], not: []).check(options)
        options.assertsFormat = true
        try Case(#"{"format":"ipv4"}"#, [#""1.2.3.4""#, "1"], not: [#""a""#]).check(options)
        try Case(#"{"format":"mine"}"#, [#""a""#], not: []).check(options)
    }

    @Test(arguments: ["bücher", "点看", "ليهمابتكلموشعربي؟", "a-ü-z", "😀"])
    func punycodeGoesThereAndBack(_ label: String) throws {
        let scalars = Array(label.unicodeScalars)
        let encoded = try #require(Punycode.encode(scalars))
        #expect(encoded.allSatisfy { $0 < 0x80 })
        #expect(encoded.withUnsafeBytes { Punycode.decode($0) } == scalars)
    }
}
