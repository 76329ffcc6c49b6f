import Bytes
import Testing

@testable import JSON

/// What a stage's output looks like: only what was set differs from the input, byte for byte.
@Suite struct SpliceTests {
    enum Change: Sendable, CustomStringConvertible {
        case to(String, Constant)
        /// The first path gets what the second one holds.
        case copy(String, String)
        var path: String { switch self { case .to(let path, _), .copy(let path, _): path } }
        var description: String { "\(self.path)" }
    }
    enum Constant: Sendable { case int(Int64), double(Double), text(String), absent, null, same, decimal(Int64, UInt16) }

    static let cases: [(String, [Change], String)] = [
        // Appending.
        ("{}", [.to("a", .int(1))], #"{"a":1}"#),
        ("{ }", [.to("a", .int(1))], #"{"a":1 }"#),
        (#"{"x":1}"#, [.to("a", .int(-5))], #"{"x":1,"a":-5}"#),
        (" { \"x\" : 1 \n} ", [.to("a", .text("é\"\n"))], " { \"x\" : 1,\"a\":\"é\\\"\\n\" \n} "),
        (#"{"x":1}"#, [.to("b", .int(2)), .to("a", .int(1))], #"{"x":1,"b":2,"a":1}"#),
        (#"{"x":1}"#, [.to("p.q.r", .int(2)), .to("p.s", .null)], #"{"x":1,"p":{"q":{"r":2},"s":null}}"#),
        (#"{"p":{},"x":1}"#, [.to("p.q.r", .int(2))], #"{"p":{"q":{"r":2}},"x":1}"#),
        (#"{"p":{"y":[]},"x":1}"#, [.to("p.q.r", .int(2))], #"{"p":{"y":[],"q":{"r":2}},"x":1}"#),
        (#"{"p":7,"x":1}"#, [.to("p.q.r", .int(2)), .to("z", .int(3))], #"{"p":{"q":{"r":2}},"x":1,"z":3}"#),
        (#"{"p":null}"#, [.to("p.q", .int(2))], #"{"p":{"q":2}}"#),
        ("[1]", [.to("p.q", .int(2))], #"{"p":{"q":2}}"#), (" 7 ", [.to("p", .int(2))], #" {"p":2} "#),
        ("[1]", [.to("p.q", .absent)], "[1]"),
        // Replacing, in place.
        (#"{"a": 1.50 ,"b":2}"#, [.to("a", .text("x"))], #"{"a": "x" ,"b":2}"#),
        (#"{"\u0061":1,"b":2}"#, [.to("a", .int(2))], #"{"\u0061":2,"b":2}"#),
        (#"{"a":{"b":[1,{"c":2}]},"z":0}"#, [.to("a", .double(3))], #"{"a":3.0,"z":0}"#),
        (#"{"a":1}"#, [.to("a", .decimal(-1250, 2))], #"{"a":-12.50}"#),
        (#"{"a":1}"#, [.to("a", .decimal(5, 3))], #"{"a":0.005}"#),
        // Duplicates.
        (#"{"a":1,"b":2,"a":3}"#, [.to("a", .int(4))], #"{"b":2,"a":4}"#),
        (#"{"a":1, "a":2 , "a":3}"#, [.to("a", .int(4))], #"{"a":4}"#),
        (#"{"a":1,"b":2,"\u0061":3,"c":4}"#, [.to("a", .absent)], #"{"b":2,"c":4}"#),
        (#"{"a":1,"b":2,"a":3}"#, [.to("a", .same), .to("c", .int(0))], #"{"a":1,"b":2,"a":3,"c":0}"#),
        (#"{"p":{"q":1},"x":0,"p":{"r":2}}"#, [.to("p.q", .int(9))], #"{"x":0,"p":{"r":2,"q":9}}"#),
        (#"{"p":{"q":1},"p":5}"#, [.to("p.q", .int(9))], #"{"p":{"q":9}}"#),
        (#"{"p":{"q":1},"p":5}"#, [.to("p.q", .absent)], #"{"p":{"q":1},"p":5}"#),
        (#"{"p":5,"p":{"q":1,"q":2}}"#, [.to("p.q", .absent)], #"{"p":{}}"#),
        // Removing, with the comma.
        (#"{"a":1}"#, [.to("a", .absent)], "{}"), (#"{ "a" : 1 }"#, [.to("a", .absent)], "{  }"),
        (#"{"a":1,"b":2}"#, [.to("a", .absent)], #"{"b":2}"#), (#"{"a":1 , "b":2}"#, [.to("b", .absent)], #"{"a":1}"#),
        (#"{"a":1, "b":2, "c":3}"#, [.to("b", .absent)], #"{"a":1, "c":3}"#),
        (#"{"a":1, "b":2, "c":3}"#, [.to("b", .absent), .to("c", .absent)], #"{"a":1}"#),
        (#"{"a":1, "b":2, "c":3}"#, [.to("a", .absent), .to("b", .absent)], #"{"c":3}"#),
        (#"{"a":1, "b":2, "c":3}"#, [.to("a", .absent), .to("c", .absent)], #"{"b":2}"#),
        (#"{"a":1, "b":2, "c":3}"#, [.to("c", .absent), .to("a", .absent), .to("b", .absent)], "{}"),
        (#"{"a":1, "b":2}"#, [.to("a", .absent), .to("b", .absent), .to("c", .int(3))], #"{"c":3}"#),
        (#"{"a":1, "b":2 }"#, [.to("b", .absent), .to("c", .int(3))], #"{"a":1,"c":3 }"#),
        (#"{"a":1, "b":2 }"#, [.to("b", .absent), .to("a", .int(3))], #"{"a":3 }"#),
        (#"{"p":{"q":1,"r":2},"x":1}"#, [.to("p.q", .absent)], #"{"p":{"r":2},"x":1}"#),
        (#"{"p":7}"#, [.to("p.q", .absent)], #"{"p":7}"#), (#"{"x":7}"#, [.to("a", .absent)], #"{"x":7}"#),
        // Renaming keeps exact digits and raw text.
        (#"{"a":1.500e3,"x":1}"#, [.copy("b", "a"), .to("a", .absent)], #"{"x":1,"b":1.500e3}"#),
        (#"{"a":123456789012345678901234567890}"#, [.copy("b",
        "a")], #"{"a":123456789012345678901234567890,"b":123456789012345678901234567890}"#),
        (#"{"a":[1 , 2.0],"b":0}"#, [.copy("b", "a"), .to("a", .absent)], #"{"b":[1 , 2.0]}"#),
        (#"{"a":"x\u0041\n\/é","b":0}"#, [.copy("b", "a")], #"{"a":"x\u0041\n\/é","b":"xA\n/é"}"#),
        (#"{"a":"plain","b":0}"#, [.copy("b", "a")], #"{"a":"plain","b":"plain"}"#),
        (#"{"a":1,"b":2}"#, [.copy("b", "a"), .copy("a", "b")], #"{"a":2,"b":1}"#),
        // Untouched values stay as written.
        (#"{"a":"\u0041","n":1.0e0,"p":{"q": "\/"}}"#, [.to("a", .same), .to("n", .same), .to("p.q",
        .same)], #"{"a":"\u0041","n":1.0e0,"p":{"q": "\/"}}"#),
    ]

    @Test(arguments: cases) func setsAndRemoves(_ document: String, _ changes: [Change], _ expected: String) {
        let sources = changes.compactMap { if case .copy(_, let from) = $0 { from } else { nil } }
        let scan = Scan(["other"] + sources, edits: { trie in changes.map { .set(slot: trie.slot(Scan.split($0.path))) } })
        for _ in 0..<3 {
            #expect(scan(document).code == .ok)
            let values = changes.map { change -> Value in
                switch change {
                case .to(_, .int(let value)): .int(value)
                case .to(_, .double(let value)): .double(value)
                case .to(_, .decimal(let value, let scale)): .decimal(value, scale: scale)
                case .to(_, .text(let value)): scan.string(value)
                case .to(_, .null): .null
                case .to(_, .absent): .absent
                case .to(let path, .same): scan[path]
                case .copy(_, let from): scan[from]
                }
            }
            for (change, value) in zip(changes, values) { scan[change.path] = value }
            #expect(scan.write() == expected)
            #expect(scan.writesRecordItself() == (expected == document))
        }
    }

    /// Document, paths kept, what comes out; and with p.q = 9 set besides.
    static let kept: [(String, [String], String, String)] = [
        (#"{"a":1,"b":2,"c":3}"#, ["b"], #"{"b":2}"#, #"{"b":2,"p":{"q":9}}"#),
        (#"{ "a":1, "b" : 2 ,"c":3 }"#, ["a", "c"], #"{ "a":1, "c":3 }"#, #"{ "a":1, "c":3,"p":{"q":9} }"#),
        (#"{"a":1,"b":2}"#, ["z"], "{}", #"{"p":{"q":9}}"#), ("{}", ["z"], "{}", #"{"p":{"q":9}}"#),
        (#"{"a":1,"b":2}"#, ["a", "b"], #"{"a":1,"b":2}"#, #"{"a":1,"b":2,"p":{"q":9}}"#),
        (#"{"d":{"e":1,"f":2},"x":1}"#, ["d.e"], #"{"d":{"e":1}}"#, #"{"d":{"e":1},"p":{"q":9}}"#),
        (#"{"d":{"f":2},"x":1}"#, ["d.e"], #"{"d":{}}"#, #"{"d":{},"p":{"q":9}}"#),
        (#"{"x":1,"d":5}"#, ["d.e"], "{}", #"{"p":{"q":9}}"#),
        (#"{"p":{"q":1,"r":2},"x":1}"#, ["x"], #"{"p":{"q":1},"x":1}"#, #"{"p":{"q":9},"x":1}"#),
        (#"{"p":{"q":1,"r":2},"x":1}"#, ["p"], #"{"p":{"q":1,"r":2}}"#, #"{"p":{"q":9,"r":2}}"#),
        (#"{"p":{"q":1,"r":2},"x":1}"#, ["p.r"], #"{"p":{"q":1,"r":2}}"#, #"{"p":{"q":9,"r":2}}"#),
        (#"{"p":5,"x":1}"#, ["x"], #"{"x":1}"#, #"{"p":{"q":9},"x":1}"#),
        (#"{"b":1,"a":0,"b":2}"#, ["b"], #"{"b":1,"b":2}"#, #"{"b":1,"b":2,"p":{"q":9}}"#),
        ("[1]", ["b"], "[1]", #"{"p":{"q":9}}"#),
    ]

    @Test(arguments: kept) func keepsOnly(_ document: String, _ paths: [String], _ expected: String, _ withSet: String) {
        let scan = Scan(["a", "x"], edits: { trie in [.keepOnly(slots: paths.map { trie.slot(Scan.split($0)) }),
        .set(slot: trie.slot(["p", "q"]))] })
        for _ in 0..<2 {
            #expect(scan(document).code == .ok)
            #expect(scan.write() == expected)
            #expect(scan.writesRecordItself() == (expected == document))
            #expect(scan(document).code == .ok)
            scan["p.q"] = .int(9)
            #expect(scan.write() == withSet)
        }
    }

    @Test func whatHasNoJSONFormIsReported() {
        let scan = Scan(edits: { [.set(slot: $0.slot(["a"])), .set(slot: $0.slot(["b"]))] })
        #expect(scan(#"{"a":1}"#).code == .ok)
        scan["b"] = .double(.nan)
        #expect(scan.write() == nil)
        #expect(scan.scanner.unwritableSlot == scan.trie.find(["b"]))
        scan["b"] = .double(0.1)
        #expect(scan.write() == #"{"a":1,"b":0.1}"#)
        #expect(scan.scanner.unwritableSlot == nil)
    }

    @Test func editsInsideEachOtherAreFound() {
        var trie = SlotTrie()
        let (outer, inner, other) = (trie.slot(["a"]), trie.slot(["a", "b", "c"]), trie.slot(["ab"]))
        #expect(Edit.conflict(in: [.set(slot: inner), .set(slot: outer)], trie) ?? (0, 0) == (outer, inner))
        #expect(Edit.conflict(in: [.set(slot: outer), .keepOnly(slots: [inner])], trie) ?? (0, 0) == (outer, inner))
        #expect(Edit.conflict(in: [.set(slot: inner), .keepOnly(slots: [outer])], trie) == nil)
        #expect(Edit.conflict(in: [.set(slot: outer), .set(slot: other), .set(slot: outer)], trie) == nil)
    }
}
