import Testing

@testable import JSONSchema

/// Patterns mean what they mean in ECMA-262 with its `u` flag.
@Suite struct PatternTests {
    @Test(arguments: [
        ("^a.c$", ["abc", "a😀c"], ["a\nc", "a\u{2028}c", "ac"]),
        (#"^\d+$"#, ["019"], ["٣", "a", ""]),
        (#"^\w+$"#, ["aZ_9"], ["é", "-"]),
        (#"^\s$"#, [" ", "\t", "\u{a0}", "\u{feff}", "\u{2029}"], ["a", "\u{200b}"]),
        (#"^\S$"#, ["a", "é"], ["\u{a0}", " "]),
        (#"^[\S]$"#, ["a"], ["\u{3000}"]),
        (#"^[^\s\d]$"#, ["a"], ["1", "\u{a0}"]),
        (#"^\u00e9\u{1F600}\uD83D\uDE00\x41\cA\0\t$"#, ["é😀😀A\u{1}\0\t"], ["é"]),
        (#"^[a\-z\]\b]+$"#, ["a-z]\u{8}"], ["b"]),
        ("^[^]$", ["a", "\n"], ["", "ab"]),
        ("[]", [], ["a", ""]),
        (#"^\p{L}+$"#, ["aéЖ"], ["1"]),
        (#"^\p{Letter}\P{Lu}$"#, ["aa", "Aé"], ["aA"]),
        (#"^\p{Script=Greek}+$"#, ["αβγ"], ["abc"]),
        (#"^\p{gc=Nd}$"#, ["5", "٣"], ["a"]),
        (#"^[\p{Alphabetic}\p{ASCII}]+$"#, ["é5 "], ["😀"]),
        (#"^\P{ASCII}$"#, ["é"], ["a"]),
        (#"^(?<year>\d{4})-(?:\d{2}|x)*?$"#, ["2024-", "2024-12x"], ["24-"]),
        ("a$", ["a", "ba"], ["a\n", "ab"]),
        (#"\bfoo\b"#, ["a foo b"], ["food"]),
        ("^{a}]$", ["{a}]"], ["a"]),
        (#"^a\/b\.$"#, ["a/b."], ["a/bc"]),
        ("(a|)", ["", "a"], []),
    ])
    func matches(_ source: String, _ matching: [String], _ others: [String]) throws {
        let pattern = try Pattern(source)
        func matches(_ text: String) -> Bool { Array(text.utf8).withUnsafeBytes { pattern.matcher.matches($0) } }
        for text in matching { #expect(matches(text), "\(source) \(text)") }
        for text in others { #expect(!matches(text), "\(source) \(text)") }
    }

    @Test(arguments: [
        "(", ")", "a**", "*a", "[", "[b-a]", "\\", #"\Z"#, #"\a"#, #"\p{Nope}"#, #"\p{}"#, #"\pL"#, #"\x4"#, #"\u12"#,
        #"\u{110000}"#, "a{2,1}",
        "(?x)", "(?<1a>b)", #"\c1"#, #"\00"#,
    ])
    func mistakes(_ source: String) {
        do throws(PatternError) {
            _ = try Pattern(source)
            Issue.record("\(source) was taken")
        } catch {
            #expect(!error.isUnsupported, "\(source): \(error.message)")
        }
    }

    @Test(arguments: [
        "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", #"(a)\1"#, #"\k<a>"#, "a{1001}", #"\ud800"#, #"\p{Script_Extensions=Greek}"#,
    ])
    func whatRE2HasNotGot(_ source: String) {
        do throws(PatternError) {
            _ = try Pattern(source)
            Issue.record("\(source) was taken")
        } catch {
            #expect(error.isUnsupported)
        }
    }
}
