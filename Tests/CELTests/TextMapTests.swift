import Bytes
import CEL
import Foundation
import JSON
import Testing

/// What a user would lose: the right member of a map that still is a record's text. The same expressions on the same map made of
/// elements must give the same, value or error.
@Suite struct TextMapTests {
    @Test(arguments: [
        // A key that comes again: the last one counts, once.
        ("m.a", #"{"a": 1, "b": 2, "a": 3}"#, "3"), ("size(m)", #"{"a": 1, "b": 2, "a": 3}"#, "2"),
        ("m.a", #"{"a": 1, "a": null}"#, "null"), ("has(m.a)", #"{"a": 1, "a": null}"#, "true"),
        ("m.a.b", #"{"a": {"b": 1}, "a": {"c": 2}}"#, "error: no such field: m.a.b at 0"),
        ("m.a.c", #"{"a": {"b": 1}, "a": {"c": 2}}"#, "2"),
        // Keys with escapes.
        ("m.a", #"{"\u0061": 1}"#, "1"), ("m.a", #"{"a": 1, "\u0061": 2}"#, "2"), ("m.a", #"{"\u0061": 1, "a": 2}"#, "2"),
        ("m.a", #"{"\u0062": 1}"#, "error: no such field: m.a at 0"), ("m['a\\nb']", #"{"a\nb": 1}"#, "1"),
        ("m['a/b']", #"{"a\/b": 1}"#, "1"), ("m['é']", #"{"\u00e9": 1}"#, "1"), ("m['é']", #"{"é": 1}"#, "1"),
        ("m['😀']", #"{"\ud83d\ude00": 1}"#, "1"), ("m['\\\\']", #"{"\\": 1}"#, "1"), ("m['\"']", #"{"\"": 1}"#, "1"),
        ("m['a\\u0000']", #"{"a\u0000": 1, "a": 2}"#, "1"), ("m['']", #"{"": 1}"#, "1"), ("m['']", #"{"a": ""}"#, missingEmpty),
        // é as one character and as two is two keys.
        ("m['e\\u0301']", #"{"é": 1}"#, "error: no such field: m['e\\u0301'] at 0"),
        // What stands in the text between two quotes needn't be a key.
        ("m['a\":1,\"b']", #"{"a":1,"b":2}"#, "error: no such field: m['a\":1,\"b'] at 0"),
        ("m['a\":1,\"b']", #"{"a\":1,\"b":2}"#, "2"),
        ("m.b", #"{"x": "b", "y": ["b"], "z": {"b": 1}}"#, "error: no such field: m.b at 0"),
        ("m.b", #"{"x": "\"b\": 1", "b": 2, "y": {"b": 3}}"#, "2"),
        ("m.b", #"{"x\"b": 1, "b\"": 3}"#, "error: no such field: m.b at 0"),
        ("m.b", #"{"bb": 1, "ab": 2, "b ": 3, "B": 4}"#, "error: no such field: m.b at 0"),
        // Keys are strings.
        ("m[1]", #"{"1": "x"}"#, "error: no such key: m[1] at 0"), ("1 in m", #"{"1": "x"}"#, "false"),
        ("m[true]", #"{"true": 1}"#, "error: no such key: m[true] at 0"), ("null in m", #"{"null": 1}"#, "false"),
        ("m[1.0]", #"{"1": 1}"#, "error: no such key: m[1.0] at 0"), ("[] in m", #"{"": 1}"#, "false"),
        ("m[m.n]", #"{"n": 99999999999999999999}"#, "error: no such key: m[m.n] at 0"),
        ("m.n in m", #"{"n": 99999999999999999999}"#, "false"), ("b'a' in m", #"{"a": 1}"#, "false"),
        ("m[1/0]", #"{"a": 1}"#, "error: division by zero in 1/0 at 2"),
        ("m[m.x] == 1", #"{"a": 1}"#, "error: no such field: m.x at 2"),
        // Every way to ask.
        ("'a' in m", #"{"b": 0, "a": 1}"#, "true"), ("'a' in m", #"{}"#, "false"), ("has(m.a)", #"{ }"#, "false"),
        ("m.a", "{\n}", "error: no such field: m.a at 0"), ("m.?a", #"{"a": {"b":1}}"#, #"{"b":1}"#), ("m.?a", "{}", "null"),
        ("m.?a.?b.orValue(2)", #"{"a": {"b": 1}}"#, "1"), ("m[?'a'].orValue(2)", #"{"b": 1}"#, "2"), ("m[k]", #"{"key": 5}"#, "5"),
        ("optional.of(m).a", #"{"a": 1}"#, "1"), ("has(optional.of(m).a)", #"{"a": 1}"#, "true"),
        ("m.l.exists(x, x.a == 2 && x.b == 'q')", #"{"l": [{"a": 1}, {"b": "q", "a": 2}, {}]}"#, "true"),
        ("m.l.exists(x, x.a == 3)", #"{"l": [{"a": 1}, {"b": "q", "a": 2}, {}]}"#, "error: no such field: x.a at 14"),
        ("m.l.filter(x, 'a' in x).map(x, x.a)", #"{"l": [{"a": 1}, {"b": "q", "a": 2}, {}]}"#, "[1,2]"),
        ("m.l.map(x, has(x.a.b))", #"{"l": [{"a": {"b": 1}}, {"a": {}}]}"#, "[true,false]"),
        ("m.transformMap(k, v, v.a)", #"{"x": {"a": 1}, "y": {"a": [2]}}"#, #"{"x":1,"y":[2]}"#),
        ("m.a == {'b': {'c': [1.0, null]}}", #"{"a": {"b": {"c": [1, null]}}}"#, "true"),
        // Values of all types, and what is behind them.
        ("m.a", #"{"a":true}"#, "true"), ("m.a", #"{"a":false,"b":1}"#, "false"), ("m.a", #"{"a" : null }"#, "null"),
        ("m.b", #"{"a":true,"b":1}"#, "1"), ("m.b", #"{"a":-1.5E+3 ,"b" :1}"#, "1"), ("m.b", #"{"a":"","b":1}"#, "1"),
        ("m.b", #"{"a":[],"b":[ ]}"#, "[ ]"), ("m.b", "{\"a\":[[{}]]\t,\n\"b\":\r[1, 2] }", "[1, 2]"),
        ("m.s + m.t", #"{"s": "a\u20ac\n", "t": "\ud83d\ude00\"\\"}"#, #""a€\n😀\"\\""#),
        ("m.n", #"{"n": -0.10}"#, "-0.10"), ("decimal(m.n) * 3", #"{"n": 12345678901.23456}"#, "37037036703.70368"),
        ("m.n", #"{"n": 99999999999999999999}"#, "99999999999999999999"),
        ("m.n + 1", #"{"n": 99999999999999999999}"#, "error: number out of range; use decimal(): m.n at 0"),
        ("m.n == m.n", #"{"n": 1e400}"#, "error: number out of range; use decimal(): m.n == m.n at 0"),
        ("string(m.n)", #"{"n": 9223372036854775808}"#, #""9223372036854775808""#),
        ("m.n - 1", #"{"n": -9223372036854775808}"#, "error: integer overflow in m.n - 1 at 0"),
    ])
    func members(_ expression: String, _ map: String, _ expected: String) throws {
        let (text, elements) = try TextMap(map).evaluated(expression)
        #expect(text.plain == expected)
        #expect(text.typed == elements.typed)
    }

    private static let missingEmpty = "error: no such field: m[''] at 0"

    /// Text is looked at in pieces of 16 and 64 bytes: wherever they end, a string, an escape or a bracket may stand there.
    @Test func everyPlaceInAPiece() throws {
        for length in 0...140 {
            let padding = String(repeating: "p", count: length)
            for between in [
                #""x": ["\#(padding)", "}{][:", {"a": 1}]"#, #""\#(padding)_a": {"a":[], ":":{}}, "x": ":a""#,
                #""x": "\#(padding)""#, #""x": ["\#(padding)\\", "\"}{]["], "\\\\": "\\""#,
                #""x": [["\#(padding)"], {"]\"}": "[{\\"}]"#,
                #""\#(padding)_a": "a", "x": [[[]], "\\\\\"]"]"#, #""x": \#(padding.replacing("p", with: " "))[[1], {"a": 1}]"#,
            ] {
                for map in [
                    #"{\#(between), "a": 7, "b": [{}]}"#, #"{"a": 7, \#(between)}"#, #"{"a": 1, \#(between), "\u0061": 7}"#,
                    #"{"a":1,"\#(padding)\"":{"a\"":"a"},"\\":"\#(padding)","a":7}"#,
                ] {
                    for expression in ["m.a", "m.x", "m.b", "size(m)", "[m, [m]][1][0].a"] {
                        let (text, elements) = try TextMap(map).evaluated(expression)
                        #expect(text.typed == elements.typed, "\(expression) on \(map)")
                        if expression.hasSuffix("a") { #expect(text.plain == "7", "\(map)") }
                    }
                }
            }
        }
    }

    @Test func deepAndLong() throws {
        let deep = String(repeating: #"{"a":["#, count: 250) + "7" + String(repeating: "]}", count: 250)
        let inner = String(repeating: "[0].a", count: 18)
        #expect(try TextMap(deep).evaluated("m.a\(inner)").0.plain.hasPrefix(#"[{"a":[{"#))
        #expect(try TextMap(#"{"x":\#(deep),"b":8}"#).evaluated("m.b").0.plain == "8")
        let number = "1" + String(repeating: "0", count: 70_000) + ".5e-70000"
        #expect(try TextMap(#"{"x":\#(number),"n":\#(number),"b":8}"#).evaluated("m.n").0.plain == number)
        let long = String(repeating: "a\\n", count: 100_000)
        #expect(try TextMap(#"{"x":"\#(long)","s":"\#(long)","b":8}"#).evaluated("size(m.s) + m.b").0.plain == "200008")
        // Longer than the longest list whose elements aren't counted first.
        for count in [0, 1, 2, 15, 16, 17, 18, 100] {
            let list = "[" + (0..<count).map { #"{"n": \#($0), "s": "\u0061]"}"# }.joined(separator: ",") + " ]"
            let (text, elements) = try TextMap(#"{"l": \#(list)}"#).evaluated("m.l.map(x, x.s + string(x.n)).join()")
            #expect(text.typed == elements.typed)
            #expect(text.plain == "\"" + (0..<count).map { "a]\($0)" }.joined() + "\"")
            #expect(
                try TextMap(#"{"l": \#(list.replacing(#", "s": "\u0061]"}"#, with: "").replacing(#"{"n":"#, with: ""))}"#)
                    .evaluated("size(m.l) + (m.l + [3])[0] - (m.l + [3])[0]").0.plain == "\(count)")
        }
    }

    /// Looking a key up costs a quarter step for each member, as making the members does.
    @Test(arguments: ["m.k3 == 3", "m['k' + '399'] == 399", "'k7' in m", "!('k' in m)", "!(1 in m)", "has(m.k8)"])
    func looksUpWithinTheBudget(_ look: String) throws {
        let map = try TextMap("{" + (0..<400).map { #""k\#($0)": \#($0)"# }.joined(separator: ",") + "}")
        func run(_ count: Int) throws -> String {
            // Ranges are made when the program is: only the elements visited cost something, 1,980,000 of two million.
            let visits = "lists.range(990000).all(i, true)"
            return try map.evaluatedOnText("\(visits) && \(visits) && lists.range(\(count)).all(i, \(look))").plain
        }
        // 100 for the members and 1 for the visit.
        #expect(try run(198) == "true")
        #expect(try run(199).hasPrefix("error: too many steps in"))
    }

    /// Maps at random, with keys that come again, written in different ways. `FUZZ_SEED` repeats a run.
    @Test func randomMaps() throws {
        let seed = ProcessInfo.processInfo.environment["FUZZ_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 1...UInt64.max)
        print("FUZZ_SEED=\(seed)")
        var writer = MapWriter(random: Random(seed))
        for round in 0..<1500 {
            let (map, last) = writer.map()
            let text = try TextMap(map)
            for key in MapWriter.keys.map(\.content) {
                text.key = key
                let (asked, elements) = try text.evaluated("m[k]")
                #expect(asked.typed == elements.typed, "FUZZ_SEED=\(seed), round \(round): m['\(key)'] on \(map)")
                let expected = last[key] ?? "error: no such key: m[k] at 0"
                #expect(asked.plain == expected, "FUZZ_SEED=\(seed), round \(round): m['\(key)'] on \(map)")
                #expect(try text.evaluatedOnText("k in m").plain == "\(last[key] != nil)", "FUZZ_SEED=\(seed), round \(round)")
            }
            let (asked, elements) = try text.evaluated(
                "[size(m), m.?a.b.?c, m.?b, has(m.c), m.map(k, k), [m, m].map(x, x.?d.orValue(1))]")
            #expect(asked.typed == elements.typed, "FUZZ_SEED=\(seed), round \(round): \(map)")
        }
    }
}

/// A result as JSON, plain and typed; or an error with its place.
private struct Outcome {
    var plain: String
    var typed: String
}

/// A map in two forms: as a record's text, and as elements all the way down.
private final class TextMap {
    private struct Names: NameResolver {
        let roots = ["m", "k"]
        mutating func slot(for path: [String]) -> Int? { path.count == 1 ? roots.firstIndex(of: path[0]) : nil }
    }

    var key = "key"
    private let record: UnsafeRawBufferPointer
    private var arena = Arena()
    private let map: Value
    private let elements: Value

    init(_ map: String) throws {
        let bytes = Array(#"{"m":\#(map)}"#.utf8)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        memory.copyBytes(from: bytes)
        record = UnsafeRawBufferPointer(memory)
        var trie = SlotTrie()
        let slot = trie.slot(["m"])
        var scanner = Scanner(trie, maxDepth: 1000)
        let frame = UnsafeMutablePointer<Value>.allocate(capacity: trie.slotCount)
        defer { frame.deallocate() }
        let result = scanner.scan(record, into: frame, arena: &arena)
        self.map = frame[slot]
        elements = Self.opened(frame[slot], record, &arena)
        try #require(result.code == .ok, "\(map)")
    }

    deinit { record.deallocate() }

    private static func opened(_ value: Value, _ record: UnsafeRawBufferPointer, _ arena: inout Arena) -> Value {
        let open = materialize(value, record: record, arena: &arena)
        guard open.tag == .list || open.tag == .map, let place = UnsafeMutableRawPointer(mutating: open.pointer) else {
            return open
        }
        let items = place.assumingMemoryBound(to: Value.self)
        for index in 0..<Int(open.length) * (open.tag == .map ? 2 : 1) { items[index] = opened(items[index], record, &arena) }
        return open
    }

    /// On the text and on the elements.
    func evaluated(_ expression: String) throws -> (Outcome, Outcome) {
        (try evaluate(expression, map), try evaluate(expression, elements))
    }

    func evaluatedOnText(_ expression: String) throws -> Outcome { try evaluate(expression, map) }

    private func evaluate(_ expression: String, _ map: Value) throws -> Outcome {
        var names = Names()
        let program = try CELProgram.compile(expression, resolver: &names)
        var key = key
        return key.withUTF8 { key in
            let frame: [Value] = [map, .string(UnsafeRawBufferPointer(key))]
            let value = frame.withUnsafeBufferPointer {
                program.evaluate($0.baseAddress.unsafelyUnwrapped, record: record, arena: &arena)
            }
            if value.tag == .error {
                let error = "error: \(program.describe(value)) at \(program.offset(of: value))"
                return Outcome(plain: error, typed: error)
            }
            var plain = JSONWriter()
            var typed = JSONWriter()
            PlainJSON.write(value, record: record, arena: &arena, to: &plain)
            TypedValue.write(value, record: record, arena: &arena, to: &typed)
            return Outcome(plain: String(decoding: plain.bytes, as: UTF8.self), typed: String(decoding: typed.bytes, as: UTF8.self))
        }
    }
}

/// Writes maps at random, and knows what each key's last value is.
private struct MapWriter {
    var random: Random

    static let keys: [(content: String, written: [String])] = [
        ("a", ["a", #"\u0061"#]), ("b", ["b", #"\u0062"#]), ("c", ["c"]), ("d", ["d"]), ("", [""]), ("ab", ["ab", #"a\u0062"#]),
        ("é", ["é", #"\u00e9"#, #"\u00E9"#]), ("😀", ["😀", #"\ud83d\ude00"#]), ("\"", [#"\""#, #"\u0022"#]), ("/", ["/", #"\/"#]),
        (
            "a_key_of_more_than_thirty-two_bytes",
            ["a_key_of_more_than_thirty-two_bytes", #"a_key_of_more_than_thirty-two\u005fbytes"#]
        ),
        ("a\":1,\"b", [#"a\":1,\"b"#]), ("\\", [#"\\"#]), ("]}", ["]}"]), ("sixteen bytes ok", ["sixteen bytes ok"]),
    ]

    /// As they are written, and as plain JSON writes them again.
    private static let values = [
        ("1", "1"), ("-2.50", "-2.50"), ("1e400", "1e400"), ("12345678901234567890123", "12345678901234567890123"),
        ("true", "true"),
        ("false", "false"), ("null", "null"), (#""""#, #""""#), (#""a""#, #""a""#), (#""\u0061\/\n""#, #""a/\n""#),
        (#""\\""#, #""\\""#), (#""\"}],{[\\\"""#, #""\"}],{[\\\"""#), ("{}", "{}"), (#""a:{b],""#, #""a:{b],""#),
        (#"{"b":{"a":":"},":":[{}]}"#, #"{"b":{"a":":"},":":[{}]}"#), ("[ ]", "[ ]"), ("[[],[{}]]", "[[],[{}]]"),
        (#"{"a":1,"b":{"c":2},"a":[]}"#, #"{"a":1,"b":{"c":2},"a":[]}"#), (#"{"]":"}","\"":"\\"}"#, #"{"]":"}","\"":"\\"}"#),
        (#"["\\\"", "}", {"d": "d"}]"#, #"["\\\"", "}", {"d": "d"}]"#),
        (
            #""a text that is longer than sixty-four bytes, with \"quotes\" and {brackets] near its end: \\""#,
            #""a text that is longer than sixty-four bytes, with \"quotes\" and {brackets] near its end: \\""#
        ),
    ]

    private mutating func one<Element>(_ list: [Element]) -> Element { list[random.below(list.count)] }

    private mutating func white() -> String { random.below(6) > 0 ? "" : one([" ", "\n", "\t\r\n", "  "]) }

    mutating func map() -> (text: String, last: [String: String]) {
        // Half of them without escapes and without white space before colons, as most records are.
        let isPlain = random.below(2) == 0
        var last: [String: String] = [:]
        var members: [String] = []
        for _ in 0..<random.below(12) {
            let key = one(Self.keys)
            let written = one(key.written)
            let value = one(Self.values)
            if isPlain, written.contains("\\") || value.0.contains("\\") { continue }
            members.append(white() + "\"" + written + "\"" + (isPlain ? "" : white()) + ":" + white() + value.0 + white())
            last[key.content] = value.1
        }
        return ("{" + (members.isEmpty ? white() : members.joined(separator: ",")) + "}", last)
    }
}
