import Bytes
import CEL
import Foundation
import JSON
import Testing

/// What a user would lose: being told what is wrong in the expression, where, and what was meant.
@Suite struct CompileTests {
    @Test(arguments: [
        ("", "expected an expression, found nothing at offset 0"),
        ("1 +", "expected an expression, found the end of the expression at offset 3"),
        ("(1", "expected ')', found the end of the expression at offset 2"),
        ("[1, 2", "expected ',' or ']', found the end of the expression at offset 5"),
        ("size(1 2)", "expected ',' or ')', found an integer at offset 7"),
        ("{'a' 1}", "expected ':' after a map's key, found an integer at offset 5"),
        ("true ? 1", "expected ':' of the conditional, found the end of the expression at offset 8"),
        ("1 2", "expected an operator or the end of the expression, found an integer at offset 2"),
        ("message.", "expected a field name after '.', found the end of the expression at offset 8"),
        ("'abc", "expected a closing quote at offset 0"),
        ("'''abc'", "expected a closing triple quote at offset 0"),
        ("'a\\qb'", "unknown escape in a string; for a backslash write '\\\\', or r'…' for a raw string at offset 2"),
        ("'\\ud800'", "the escape isn't a Unicode code point at offset 1"),
        ("'\\U00110000'", "the escape isn't a Unicode code point at offset 1"),
        ("'\\x4'", "expected 2 hexadecimal digits in an escape at offset 1"),
        ("b'\\u0041'", "bytes have no \\u escapes; write \\x at offset 2"),
        ("1 = 2", "'=' isn't an operator at offset 2; did you mean '=='?"),
        ("a & b", "'&' isn't an operator at offset 2; did you mean '&&'?"),
        ("true and false", "expected an operator or the end of the expression, found 'and' at offset 5; did you mean '&&'?"),
        ("12abc", "expected an operator after a number at offset 2"), ("0x", "expected hexadecimal digits after '0x' at offset 0"),
        ("1e", "expected digits in the exponent at offset 2"),
        ("9223372036854775808", "int literal out of range; as a string in decimal('…') it can be larger at offset 0"),
        ("18446744073709551616u", "uint literal out of range at offset 0"),
        ("1e999", "double literal out of range at offset 0"), ("#", "unexpected character '#' at offset 0"),
        ("é", "unexpected character 'é' at offset 0"),
        ("while", "'while' is a reserved word; as a field write message.`while` at offset 0"),
        ("Msg{a: 1}", "messages can't be made in an expression; expected an operator at offset 3"),
        ("f(1,)", "expected an expression, found ')' at offset 4"),
        // Names, functions and types.
        ("mesage.a", "unknown name 'mesage' at offset 0; did you mean 'message'?"), ("1 + zzz", "unknown name 'zzz' at offset 4"),
        ("key.startWith('a')", "unknown method 'startWith' at offset 4; did you mean 'startsWith'?"),
        ("key.lowerASCII()", "unknown method 'lowerASCII' at offset 4; did you mean 'lowerAscii'?"),
        ("startsWith(key, 'a')", "'startsWith' is a method: write value.startsWith(…) at offset 0"),
        ("key.int()", "'int' is a function: write int(value) at offset 4"),
        ("siez(key)", "unknown function 'siez' at offset 0; did you mean 'size'?"),
        ("key.startsWith()", "startsWith() takes 1 argument, not 0 at offset 4"),
        ("size(1, 2)", "size() takes 1 argument, not 2 at offset 0"),
        ("key.substring()", "substring() takes 1 or 2 arguments, not 0 at offset 4"),
        ("size(3)", "no matching overload for 'size' on (int) at offset 0"),
        ("1 + 'a'", "no matching overload for '+' on (int, string) at offset 0"),
        ("true && 1", "'&&' needs bools, not int at offset 8"), ("!5", "no matching overload for '!' on (int) at offset 0"),
        ("key.startsWith(1)", "no matching overload for 'startsWith' on (any, int) at offset 4"),
        ("(1 + 2).a", "int has no fields at offset 0"),
        ("key.matches('(')", "invalid regular expression: missing ): ( at offset 12"),
        ("has(message)", "has() takes a field, as in has(message.country) at offset 4"),
        ("{'a': 1, 'a': 2}", "duplicate key at offset 9"), ("{1: 1, 1u: 2}", "duplicate key at offset 7"),
        ("{[]: 1}", "a map's key is a string, int, uint or bool, not list at offset 1"),
        ("1 ? 2 : 3", "no matching overload for '?:' on (int, int, int) at offset 0"),
    ])
    func errors(_ expression: String, _ expected: String) { #expect(evaluated(expression) == "compile: " + expected) }

    @Test(arguments: [
        ("'a\\tb\\\\\\'\\\"\\?\\`'", "'a\tb\\'\"?`'"), ("'\\x41\\u00e9\\U0001F600\\101'", "'Aé😀A'"), ("r'a\\n'", "'a\\n'"),
        ("R\"\\\"", "'\\'"), ("'''a'b\n''c'''", "'a'b\n''c'"), ("\"\"\"x\"y\"\"\"", "'x\"y'"),
        ("b'\\xff\\377é'", "b[255, 255, 195, 169]"), ("br'\\x'", "b[92, 120]"), ("rb'\\x'", "b[92, 120]"), ("'' + \"\"", "''"),
        ("1 // comment\n + 2", "3"), ("\t1\r\n+\u{c}2 ", "3"), ("'\\xff'", "'ÿ'"),
    ])
    func literals(_ expression: String, _ expected: String) { #expect(evaluated(expression) == expected) }

    /// Sources made to exhaust the stack or the clock end with an error, or work.
    @Test(arguments: [
        Extreme("(", 1_000, "1" + String(repeating: ")", count: 1_000), "nested deeper"),
        Extreme("(", 1 << 19, "", "nested deeper"),
        Extreme("[", 1 << 19, "", "nested deeper"), Extreme("!", 1 << 19, "true", "nested deeper"),
        Extreme("-", 1 << 19, "1", "nested deeper"),
        Extreme("1-", 1 << 18, "1", "nested deeper"), Extreme("true?1:", 1 << 16, "1", "nested deeper"),
        Extreme("{1:", 1 << 18, "", "nested deeper"),
        Extreme("size(", 1 << 17, "", "nested deeper"), Extreme("key.", 1 << 17, "a", "nested deeper"),
        Extreme("'x'", 1 << 19, "", "at most 1048576"),
        Extreme("9", 1 << 19, "", "out of range"), Extreme("1.", 1 << 18, "", "expected"),
        Extreme("+1", 1 << 17, "", "expected an expression"),
        Extreme("1+", 1 << 16, "1", "65537"), Extreme("true&&", 1 << 16, "true", "true"),
        Extreme("'x'+", 1 << 16, "'' == key", "false"),
        Extreme("[1]+", 1 << 8, "[1] == [key]", "false"), Extreme("'\\x41", 1 << 16, "'", "expected"),
    ])
    func extremes(_ example: Extreme) {
        let result = evaluated(String(repeating: example.repeated, count: example.count) + example.end, ["key": "\"k9999\""])
        #expect(result.contains(example.expected), "\(result.prefix(200))")
    }

    struct Extreme: Sendable, CustomStringConvertible {
        var repeated: String
        var count: Int
        var end: String
        var expected: String

        init(_ repeated: String, _ count: Int, _ end: String, _ expected: String) {
            self.repeated = repeated
            self.count = count
            self.end = end
            self.expected = expected
        }

        var description: String { "\(repeated) \(count) times" }
    }

    @Test func largeLiterals() {
        let strings = (0..<10_000).map { "'k\($0)'" }.joined(separator: ",")
        #expect(evaluated("key in [" + strings + "]", ["key": "\"k9999\""]) == "true")
        #expect(evaluated("key in [" + strings + "]", ["key": "\"k10000\""]) == "false")
        let entries = (0..<5_000).map { "\($0): 0" }.joined(separator: ",")
        #expect(evaluated("size({" + entries + "})") == "5000")
        let computed = (0..<2_000).map { "key + '\($0)': 0" }.joined(separator: ",")
        #expect(evaluated("{" + computed + "}").contains("at most 1000"))
        #expect(
            evaluated("'a'.matches('" + String(repeating: "(a{0,1000}){0,1000}", count: 1_000) + "')").contains(
                "invalid regular expression"))
        #expect(evaluated("0." + String(repeating: "3", count: 1 << 16) + " > 0.0") == "true")
    }

    /// Pieces of expressions in any order compile or not, evaluate or not, and never crash.
    @Test func randomSources() {
        let seed = ProcessInfo.processInfo.environment["ETL_TEST_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 1...UInt64.max)
        print("ETL_TEST_SEED=\(seed)")
        var state = seed
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        let pieces = [
            "message.a", "key", "1", "2u", "1.5", "'x'", "b'y'", "null", "true", "[", "]", "(", ")", "{", "}", ",", ":", "?", "+",
            "-", "*", "/", "%", "==",
            "<", ">=", "&&", "||", "!", " in ", ".size()", ".map(i, ", "i", ".all(i, ", "decimal(", "string(", "int(", ".split('')",
            ".substring(", "[0]", ".b",
            "has(", "'\\u00e9'", "9223372036854775807", "-9223372036854775808", "1e308", ".matches('x*')", ".replace('', 'z')",
            "\\", "`", "é", "'",
        ]
        let fields = ["message.a": "9223372036854775807", "key": "\"\u{20ac}x\""]
        for _ in 0..<3_000 {
            let source = (0..<(1 + random(12))).map { _ in pieces[random(pieces.count)] }.joined()
            #expect(!evaluated(source, fields).isEmpty)
            // Operators between operands compile more often.
            let regular =
                (0..<(1 + random(4))).map { _ in pieces[random(9)] + pieces[18 + random(10)] }.joined() + pieces[random(9)]
            #expect(!evaluated(regular, fields).isEmpty)
        }
    }

    /// Two hundred levels, which are allowed, run on this thread's stack too.
    @Test func deepest() {
        let depth = 200
        #expect(
            evaluated(String(repeating: "(1+", count: depth) + "key" + String(repeating: ")", count: depth), ["key": "1"])
                == "\(depth + 1)")
        #expect(
            evaluated(String(repeating: "[", count: depth) + "key" + String(repeating: "]", count: depth), ["key": "1"]).hasPrefix(
                "[[["))
    }

    /// Comprehensions in comprehensions over a long list stop.
    @Test func endless() {
        let list = "[" + String(repeating: "0,", count: 100) + "]"
        let expression = "message.l.all(a, message.l.all(b, message.l.all(c, message.l.all(d, message.l.all(e, e == 0)))))"
        #expect(evaluated(expression, ["message.l": "cel:" + list]).hasPrefix("error: too many steps"))
    }

    @Test func resultTypes() throws {
        var resolver = TestResolver()
        #expect(try CELProgram.compile("message.a > 1", resolver: &resolver).mayBe(.bool))
        #expect(try !CELProgram.compile("size(key)", resolver: &resolver).mayBe(.bool))
        #expect(try CELProgram.compile("message.a", resolver: &resolver).mayBe(.bool))
    }
}
