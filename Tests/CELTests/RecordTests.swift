import Bytes
import CEL
import JSON
import Testing

/// What a user would lose: expressions on records as the scanner reads them, lists, maps, escapes and digits included.
@Suite struct RecordTests {
    /// Paths below `message` in a record's own slots.
    private struct RecordNames: NameResolver {
        var trie = SlotTrie()
        var roots: [String] { ["message"] }

        mutating func slot(for path: [String]) -> Int? {
            path.first == "message" ? trie.slot(Array(path.dropFirst())) : nil
        }
    }

    private func evaluated(_ expression: String, on record: String) throws -> String {
        var names = RecordNames()
        let program = try CELProgram.compile(expression, resolver: &names)
        var scanner = Scanner(names.trie)
        var arena = Arena()
        let frame = UnsafeMutablePointer<Value>.allocate(capacity: names.trie.slotCount)
        defer { frame.deallocate() }
        var bytes = Array(record.utf8)
        return try bytes.withUnsafeMutableBytes { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            try #require(scanner.scan(bytes, into: frame, arena: &arena).code == .ok)
            let value = program.evaluate(frame, record: bytes, arena: &arena)
            return value.tag == .error ? "error: " + program.describe(value) : text(value)
        }
    }

    @Test(arguments: [
        ("message.a + message.b", #"{"a": 1, "b": 2.5}"#, "3.5"),
        ("message.items.all(i, i.n > 0)", #"{"items": [{"n": 1}, {"n": 2}]}"#, "true"),
        (
            "message.items.map(i, decimal(i.price) * i.n)", #"{"items": [{"n": 3, "price": 0.10}, {"n": 2, "price": 1e-1}]}"#,
            "[0.30m, 0.2m]"
        ),
        ("message.items.filter(i, has(i.tag)).map(i, i.tag + '!')", #"{"items": [{"tag": "\u00e9"}, {}]}"#, "['é!']"),
        ("size(message.items)", #"{"items": [1, [2, 3], {}]}"#, "3"),
        ("message.items[1][0]", #"{"items": [1, [2, 3], {}]}"#, "2"),
        ("message.items[3]", #"{"items": [1]}"#, "error: index out of bounds: message.items[3]"),
        ("message.items == [1, {'a': [2.0]}, null]", #"{"items": [1, {"a": [2]}, null]}"#, "true"),
        ("message.m == {'b': 2, 'a': 'x'}", #"{"m": {"a": "x", "b": 2}}"#, "true"),
        ("'a' in message.m && !('c' in message.m)", #"{"m": {"a": "x", "b": 2}}"#, "true"),
        ("2 in message.items", #"{"items": [1, 2.0]}"#, "true"),
        ("message.m[message.k]", #"{"m": {"a": "x", "b": 2}, "k": "b"}"#, "2"),
        ("message.m.map(k, k)", #"{"m": {"a": "x", "b": 2}}"#, "['a', 'b']"), ("size(message)", #"{"m": {}, "k": 1}"#, "2"),
        ("has(message.a.b)", #"{"a": {}}"#, "false"), ("has(message.a.b)", #"{"a": null}"#, "error: no such field: message.a"),
        ("has(message.a.b)", #"{"a": {"b": null}}"#, "true"),
        ("message.a.b", #"{"a": 3}"#, "error: no such field: message.a.b"),
        ("decimal(message.p) * 3", #"{"p": 12345678901.23456}"#, "37037036703.70368m"),
        ("decimal(message.p) + message.q", #"{"p": 0.1, "q": 0.2}"#, "0.3m"),
        ("message.p + 1", #"{"p": 99999999999999999999}"#, "error: number out of range; use decimal(): message.p"),
        ("string(message.p)", #"{"p": 99999999999999999999}"#, "'99999999999999999999'"),
        ("message.s.size()", #"{"s": "a\n\u20ac\ud83d\ude00"}"#, "4"),
        ("message.items.join(',')", #"{"items": ["a", "b\"c"]}"#, "'a,b\"c'"),
        ("message.items + [3]", #"{"items": [1, 2]}"#, "[1, 2, 3]"), ("string(message.p)", #"{"p": 0.1}"#, "'0.1'"),
        ("string(message.p * 10.0)", #"{"p": 0.3}"#, "'3'"), ("string(message.p)", #"{"p": 1e22}"#, "'1e22'"),
    ])
    func records(_ expression: String, _ record: String, _ expected: String) throws {
        #expect(try evaluated(expression, on: record) == expected)
    }
}
