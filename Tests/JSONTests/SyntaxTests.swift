import Bytes
import Testing

@testable import JSON

/// What isn't JSON anywhere in a record must not come through a stage, wanted or not; what is must.
@Suite struct SyntaxTests {
    static let valid = [
        "{}", "[]", "1", "-0", "0", "\"\"", "true", "false", "null", " \t\r\n{} \t\r\n", "[1,2,3]", "[[],[[]],{}]",
        #"{"":0}"#, #"{"a":{"b":[1,{"c":null}]}}"#, #"["\u0000\b\f\n\r\t\"\\\/"]"#, #"["\ud83d\ude00 \uD83D\uDE00"]"#,
        "[\"\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}\"]", "[1.5,-1.5,1e5,1E+5,1e-5,0.0,0e0,-0.0e-0,1.0E05]",
        "[123456789012345678901234567890,1e400,-1e400,1e-400]", #"{"a":1,"a":2}"#, "[\"0123456789012345678901234567890123456789\"]",
        "[\"\u{feff}\"]", #"["\uFFFF\ufdd0"]"#, "[ 1 , 2 ]", "{ \"a\" : 1 , \"b\" : 2 }", #"["\ud7ff\ue000"]"#,
    ]

    static let invalid: [(String, ScanCode, Int)] = [
        ("", .emptyInput, 0), ("  \n", .emptyInput, 3),
        ("{} x", .trailing, 3), ("1 2", .trailing, 2), ("{}{}", .trailing, 2), ("null,", .trailing, 4), ("\"a\"\"", .trailing, 3),
        ("1]", .trailing, 1), ("{}\u{0}", .trailing, 2), ("{}\u{b}", .trailing, 2), ("truex", .trailing, 4),
        ("\u{feff}{}", .syntax, 0), ("\u{a0}{}", .syntax, 0), ("NaN", .syntax, 0), ("Infinity", .syntax, 0), ("-Infinity",
        .number, 1),
        ("nul", .truncated, 3), ("nulL", .syntax, 3), ("True", .syntax, 0), ("tru", .truncated, 3), ("[fals]", .syntax, 5), ("t",
        .truncated, 1),
        ("'a'", .syntax, 0), ("{a:1}", .syntax, 1), ("{'a':1}", .syntax, 1), ("{1:1}", .syntax, 1), ("{null:1}", .syntax, 1),
        ("[1,]", .syntax, 3), ("[,1]", .syntax, 1), ("[1,,2]", .syntax, 3), ("[1 2]", .syntax, 3), ("[1;2]", .syntax, 2),
        (#"{"a":1,}"#, .syntax, 7), (#"{,"a":1}"#, .syntax, 1), (#"{"a" 1}"#, .syntax, 5), (#"{"a":}"#, .syntax, 5),
        (#"{"a",1}"#, .syntax, 4), (#"{"a":1 "b":2}"#, .syntax, 7), (#"{"a":1]"#, .syntax, 6), ("[1}", .syntax, 2), ("]",
        .syntax, 0),
        ("}", .syntax, 0), (",", .syntax, 0), (":", .syntax, 0), (#"{"a"::1}"#, .syntax, 5), ("[1\u{c}]", .syntax, 2), ("/* */1",
        .syntax, 0),
        ("{", .truncated, 1), ("[", .truncated, 1), ("[1", .truncated, 2), ("[1,", .truncated, 3), (#"{"a""#, .truncated, 4),
        (#"{"a":"#, .truncated, 5), (#"{"a":1"#, .truncated, 6), (#"{"a":1,"#, .truncated, 7), ("\"", .truncated, 1), ("\"abc",
        .truncated, 4),
        (#""\"#, .truncated, 2), (#""\u"#, .truncated, 3), (#""\u12"#, .truncated, 5), (#""\ud83d"#, .truncated, 7),
        (#""\ud83d\"#, .truncated, 8), (#""\ud83d\u"#, .truncated, 9), (#""\ud83d\udc"#, .truncated, 11),
        ("01", .number, 1), ("-01", .number, 2), ("00", .number, 1), ("1.", .truncated, 2), ("[1.]", .number, 3), (".5",
        .syntax, 0),
        ("-", .truncated, 1), ("[-]", .number, 2), ("[-a]", .number, 2), ("+1", .syntax, 0), ("1e", .truncated, 2), ("[1e]",
        .number, 3),
        ("[1e+]", .number, 4), ("[1.e1]", .number, 3), ("[1.5.5]", .syntax, 4), ("[0x1]", .syntax, 2), ("[1_000]", .syntax, 2),
        ("[-.5]", .number, 2), ("[1e5.5]", .syntax, 4), ("[--1]", .number, 2), ("[1-1]", .syntax, 2),
        (#"["\a"]"#, .escape, 2), (#"["\'"]"#, .escape, 2), (#"["\x41"]"#, .escape, 2), (#"["\u12g4"]"#, .escape, 2),
        (#"["\U0041"]"#, .escape, 2),
        (#"["\ud800"]"#, .escape, 2), (#"["\udc00"]"#, .escape, 2), (#"["\ud800x"]"#, .escape, 2), (#"["\ud800\n"]"#, .escape, 2),
        (#"["\ud800\ud800"]"#, .escape, 2), (#"["\ud800\u0041"]"#, .escape, 2), (#"["\ude00\ud83d"]"#, .escape, 2),
        (#"["\u"]"#, .escape, 2),
        ("[\"\u{1}\"]", .control, 2), ("[\"a\nb\"]", .control, 3), ("[\"\t\"]", .control, 2), ("[\"\u{0}\"]", .control, 2),
        ("[\"01234567890123456789\u{1f}\"]", .control, 22),
    ]

    /// Every form is tried bare, as a wanted member, as a skipped member, in a skipped list and in a wanted object.
    static let wrappers = [("", ""), (#"{"wanted":"#, "}"), (#"{"skipped":"#, "}"), (#"{"skipped":[0,"#, "]}"),
    (#"{"wanted":{"inner":"#, "}}")]

    @Test(arguments: valid) func accepts(_ document: String) {
        for (before, after) in Self.wrappers {
            let scan = Scan(["wanted.inner"])
            #expect(scan(before + document + after) == ScanResult(code: .ok, offset: 0), "\(before)\(document)\(after)")
        }
    }

    @Test(arguments: invalid) func refuses(_ document: String, _ code: ScanCode, _ offset: Int) {
        let scan = Scan(["wanted.inner"])
        #expect(scan(document) == ScanResult(code: code, offset: offset))
        // What comes behind a value changes what is wrong with it; not that it is.
        for (before, after) in Self.wrappers {
            #expect(scan(before + document + after).code != .ok, "\(before)\(document)\(after)")
        }
    }

    @Test func refusesMalformedUTF8() {
        let sequences: [[UInt8]] = [
            [0x80], [0xbf], [0xc0, 0x80], [0xc1, 0xbf], [0xc2], [0xc2, 0x41], [0xe0, 0x80, 0x80], [0xe0, 0x9f, 0xbf], [0xe1, 0x80],
            [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xef, 0xbf], [0xf0, 0x80, 0x80, 0x80], [0xf0, 0x8f, 0xbf, 0xbf], [0xf0,
            0x9f, 0x98],
            [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xfe], [0xff],
        ]
        let scan = Scan(["wanted"])
        for sequence in sequences {
            for padding in [0, 15, 16, 40] {
                for (before, after) in [(#"{"wanted":""#, "\"}"), (#"{"skipped":""#, "\"}"), ("{\"", "\":1}"), (#"[[""#, "\"]]")] {
                    let prefix = Array(before.utf8) + Array(repeating: 0x61, count: padding)
                    #expect(scan.scan(prefix + sequence + Array(after.utf8)) == ScanResult(code: .utf8, offset: prefix.count),
                    "\(sequence)")
                    #expect(scan.scan(prefix + sequence).code != .ok)
                }
            }
        }
    }

    @Test func everyPrefixIsRefused() {
        let document = #"{"wanted":{"inner":"xy\u00e9z"},"skipped":[1.5e3,true,{"k":null}],"w":-12.5}"#
        let scan = Scan(["wanted.inner", "w"])
        #expect(scan(document).code == .ok)
        for count in 0..<document.utf8.count {
            let result = scan(String(document.prefix(count)))
            #expect(result == ScanResult(code: count == 0 ? .emptyInput : .truncated, offset: count))
        }
    }

    @Test func depthIsLimited() {
        for (open, close, width) in [("[", "]", 1), (#"{"wanted":"#, "}", 10), (#"{"skipped":"#, "}", 11)] {
            let scan = Scan(["wanted.wanted.wanted"], maxDepth: 64, capacity: 12_000_000)
            func nested(_ depth: Int) -> String {
                String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
            }
            #expect(scan(nested(64)).code == .ok)
            #expect(scan(nested(65)) == ScanResult(code: .depth, offset: 64 * width))
            #expect(scan(nested(10_000)) == ScanResult(code: .depth, offset: 64 * width))
            #expect(scan(String(repeating: open, count: 1_000_000)) == ScanResult(code: .depth, offset: 64 * width))
        }
    }

    @Test func largeValuesWork() {
        let scan = Scan(["text", "list"], capacity: 24 << 20)
        let text = String(repeating: "x", count: 20_000_000)
        #expect(scan(#"{"text":""# + text + #"","list":[1]}"#).code == .ok)
        #expect(scan["text"].length == 20_000_000)
        let list = "[" + String(repeating: "1,", count: 5_000_000) + "1]"
        #expect(scan(#"{"list":"# + list + "}").code == .ok)
        #expect(scan["list"].length == UInt32(list.utf8.count))
        #expect(scan["text"].tag == .absent)
    }
}
