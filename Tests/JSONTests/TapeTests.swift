import JSON
import Testing

/// What a tape says of a text, written out again with its types and, for members that don't count, a `-`.
private func described(_ text: String, maxDepth: Int = 512) -> String {
    var tape = Tape(maxDepth: maxDepth)
    var text = text
    return text.withUTF8 { bytes in
        let result = tape.read(UnsafeRawBufferPointer(bytes))
        guard result.code == .ok else { return "\(result.code)@\(result.offset)" }
        return described(tape.view, 0)
    }
}

private func described(_ view: TapeView, _ node: Int) -> String {
    let end = Int(view[node].next)
    var child = node + 1
    var parts: [String] = []
    switch view[node].kind {
    case .null: return "null"
    case .true: return "true"
    case .false: return "false"
    case .number:
        return (view[node].flags & TapeNode.Flags.integer != 0 ? "i" : "n") + String(decoding: view.written(node), as: UTF8.self)
    case .string: return "'\(String(decoding: view.string(node), as: UTF8.self))'"
    case .array:
        while child < end {
            parts.append(described(view, child))
            child = Int(view[child].next)
        }
        return "[\(view[node].count):\(parts.joined(separator: " "))]"
    case .object:
        while child < end {
            let mark = view[child].flags & TapeNode.Flags.repeated != 0 ? "-" : ""
            parts.append(mark + described(view, child) + "=" + described(view, child + 1))
            child = Int(view[child + 1].next)
        }
        return "{\(view[node].count):\(parts.joined(separator: " "))}"
    }
}

/// Validators and `eval` see a text only through its tape.
@Suite struct TapeTests {
    @Test(arguments: [
        (" null ", "null"), ("true", "true"), ("false", "false"), ("-1", "i-1"), ("1.5", "n1.5"), ("1E3", "n1E3"),
        (#""a\n\u00e9""#, "'a\né'"),
        ("[]", "[0:]"), ("{ }", "{0:}"), ("[1, [2,{}] ,\"x\"]", "[3:i1 [2:i2 {0:}] 'x']"),
        (#"{"a":1,"b":{"c":[]}}"#, "{2:'a'=i1 'b'={1:'c'=[0:]}}"),
        (#"{"a":1,"b":2,"a":3}"#, "{2:-'a'=i1 'b'=i2 'a'=i3}"), (#"{"a":1,"\u0061":2,"a":3}"#, "{1:-'a'=i1 -'a'=i2 'a'=i3}"),
        (#"{"a":{"a":1,"a":2},"a":{"b":0}}"#, "{1:-'a'={1:-'a'=i1 'a'=i2} 'a'={1:'b'=i0}}"),
        ("", "it is empty@0"), ("  ", "it is empty@2"), ("[1,]", "unexpected character@3"), ("[1 2]", "unexpected character@3"),
        ("[1}", "unexpected character@2"),
        ("{\"a\" 1}", "unexpected character@5"), ("{1:2}", "unexpected character@1"), ("{\"a\":1,}", "unexpected character@7"),
        ("[", "it ends too early@1"),
        ("{\"a\":", "it ends too early@5"), ("01", "malformed number@1"), ("1 x", "something follows it@2"),
        ("\u{feff}1", "unexpected character@0"), ("'a'", "unexpected character@0"),
        ("[[[]]]", "[1:[1:[0:]]]"), ("NaN", "unexpected character@0"),
    ])
    func texts(_ text: String, _ expected: String) { #expect(described(text) == expected) }

    @Test func depthIsBounded() {
        #expect(described("[[[]]]", maxDepth: 3) == "[1:[1:[0:]]]")
        #expect(described("[[[]]]", maxDepth: 2) == "nested too deeply@2")
        #expect(described(String(repeating: "[", count: 100_000)) == "nested too deeply@512")
    }

    /// Far more keys than one object's bits can tell apart.
    @Test func repeatedKeysAreFoundInLargeObjects() {
        let members = (0..<5000).map { #""k\#($0 % 3000)":\#($0)"# }
        #expect(described("{" + members.joined(separator: ",") + "}").hasPrefix("{3000:-'k0'=i0"))
    }

    @Test func placesLeadBackIntoTheText() {
        var tape = Tape()
        let text: StaticString = #" {"a\"": "b\\" , "c":[1]} "#
        let bytes = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        #expect(tape.read(bytes).code == .ok)
        let view = tape.view
        #expect(view.offset(1) == 2 && view.offset(2) == 9)
        #expect(String(decoding: view.source(1), as: UTF8.self) == #""a\"""#)
        #expect(String(decoding: view.source(2), as: UTF8.self) == #""b\\""#)
        let key = Array("c".utf8)
        #expect(key.withUnsafeBytes { view.member($0, of: 0) }.map { String(decoding: view.source($0), as: UTF8.self) } == "[1]")
        #expect(key.withUnsafeBytes { view.member($0, of: 2) } == nil)
    }

    /// A tape is used for one record after the other.
    @Test func nothingStaysFromTheTextBefore() {
        var tape = Tape()
        for text in [#"{"a":"\n","a":1}"#, "[", "7", #"{"a":1,"b":2}"#] {
            let bytes = Array(text.utf8)
            bytes.withUnsafeBytes { bytes in
                if tape.read(bytes).code == .ok { #expect(described(tape.view, 0) == described(text)) }
            }
        }
    }
}
