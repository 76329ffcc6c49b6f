import Testing

/// What a user would lose: sums, comparisons and conditions that mean what is written, or an error instead of a wrong number.
@Suite struct OperatorTests {
    @Test(arguments: [
        // Literals.
        Case("42", "42"), Case("-9223372036854775808", "-9223372036854775808"), Case("0x7F", "127"), Case("-0x10", "-16"),
        Case("18446744073709551615u", "18446744073709551615u"), Case("0xFFu", "255u"), Case("1.5", "1.5"), Case(".5", "0.5"),
        Case("1e3", "1000.0"), Case("1.5E-2", "0.015"), Case("true", "true"), Case("null", "null"),
        Case("[1, 'a', null]", "[1, 'a', null]"), Case("[1, 2,]", "[1, 2]"), Case("{'a': 1, 2: 'b'}", "{'a': 1, 2: 'b'}"),
        Case("{}", "{}"), Case("[]", "[]"),
        // Each arithmetic operator with each pair of number types.
        Case("7 + 2", "9"), Case("7 - 2", "5"), Case("7 * 2", "14"), Case("7 / 2", "3"), Case("7 % 2", "1"), Case("-7 / 2", "-3"),
        Case("-7 % 2", "-1"),
        Case("7u + 2u", "9u"), Case("7u - 2u", "5u"), Case("7u * 2u", "14u"), Case("7u / 2u", "3u"), Case("7u % 2u", "1u"),
        Case("7.0 + 2.0", "9.0"), Case("7.0 - 2.0", "5.0"), Case("7.0 * 2.0", "14.0"), Case("7.0 / 2.0", "3.5"),
        Case("7 + 2.0", "9.0"), Case("7.0 - 2", "5.0"), Case("7 * 2.0", "14.0"), Case("7 / 2.0", "3.5"), Case("7u + 2.0", "9.0"),
        Case("7.0 / 2u", "3.5"),
        Case("7 + 2u", "9"), Case("7u - 9", "-2"), Case("7u * 2", "14"), Case("7 / 2u", "3"), Case("7u % 2", "1"),
        Case("1.0 / 0.0", "inf"), Case("-1.0 / 0.0", "-inf"), Case("- (1 + 2)", "-3"), Case("-(1.5 + 1.0)", "-2.5"),
        Case("--3", "3"),
        // Order of evaluation.
        Case("1 + 2 * 3", "7"), Case("(1 + 2) * 3", "9"), Case("10 - 3 - 2", "5"), Case("100 / 10 / 5", "2"),
        Case("1 - 2 + 3 - 4", "-2"),
        Case("1 + 2 + 3 + 4", "10"), Case("1 + 2 + 3.5", "6.5"), Case("2 + 3 == 5 && 1 < 2", "true"), Case("!true || true", "true"),
        Case("true ? 1 : 2", "1"), Case("false ? 1 : true ? 2 : 3", "2"), Case("(false ? 1 : 2) + 1", "3"),
        // Other types of +.
        Case("'a' + 'b'", "'ab'"), Case("'a' + 'b' + 'c' + ''", "'abc'"), Case("b'a' + b'\\xff'", "b[97, 255]"),
        Case("[1] + [2, 3] + []", "[1, 2, 3]"),
        Case("'' + ''", "''"),
    ])
    func constants(_ example: Case) { #expect(evaluated(example.expression) == example.expected) }

    @Test(arguments: [
        Case("message.a + 1", ["message.a": "9223372036854775807"], "error: integer overflow in message.a + 1"),
        Case("message.a - 1", ["message.a": "-9223372036854775808"], "error: integer overflow in message.a - 1"),
        Case("message.a * 2", ["message.a": "4611686018427387904"], "error: integer overflow in message.a * 2"),
        Case("-message.a", ["message.a": "-9223372036854775808"], "error: integer overflow in -message.a"),
        Case("message.a / -1", ["message.a": "-9223372036854775808"], "error: integer overflow in message.a / -1"),
        Case("message.a % -1", ["message.a": "-9223372036854775808"], "error: integer overflow in message.a % -1"),
        Case("1u - 2u", "error: integer overflow in 1u - 2u"),
        Case("18446744073709551615u + 1u", "error: integer overflow in 18446744073709551615u + 1u"),
        Case("18446744073709551615u + 1", "error: integer overflow in 18446744073709551615u + 1"),
        Case("message.a / message.b", ["message.a": "1", "message.b": "0"], "error: division by zero in message.a / message.b"),
        Case("message.a % message.b", ["message.a": "1", "message.b": "0"], "error: modulus by zero in message.a % message.b"),
        Case("1u / 0u", "error: division by zero in 1u / 0u"), Case("1 % 0", "error: modulus by zero in 1 % 0"),
        Case("1 + (2 + message.a / 0)", ["message.a": "1"], "error: division by zero in message.a / 0"),
        Case("message.a + 1 + message.b", ["message.a": "1"], "error: no such field: message.b"),
        Case("message.a + 'x'", ["message.a": "1"], "error: no matching overload for (int, string) in message.a + 'x'"),
        Case("message.a && true", ["message.a": "1"], "error: no matching overload for (int) in message.a"),
        Case(
            "message.a - message.b", ["message.a": "\"x\"", "message.b": "\"y\""],
            "error: no matching overload for (string, string) in message.a - message.b"),
        Case("message.a % 2", ["message.a": "3.0"], "error: no matching overload for (double, int) in message.a % 2"),
        Case("-message.a", ["message.a": "\"x\""], "error: no matching overload for (string) in -message.a"),
        Case("!message.a", ["message.a": "1"], "error: no matching overload for (int) in !message.a"),
        Case("message.a ? 1 : 2", ["message.a": "1"], "error: no matching overload for (int) in message.a ? 1 : 2"),
        Case("null + dyn(1)", "compile: no matching overload for '+' on (null_type, any) at offset 0"),
        // A number no 64-bit type holds.
        Case("message.a + 1", ["message.a": "9223372036854775808"], "error: number out of range; use decimal(): message.a"),
        Case("1 < message.a", ["message.a": "9223372036854775808"], "error: number out of range; use decimal(): 1 < message.a"),
        Case("message.a == 1", ["message.a": "1e400"], "error: number out of range; use decimal(): message.a == 1"),
        Case("-message.a", ["message.a": "1e400"], "error: number out of range; use decimal(): message.a"),
    ])
    func errors(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }

    /// Numbers of all types against each other: `<`, `==` and `>` in one string.
    @Test(arguments: [
        ("1", "2", "<"), ("2", "2", "="), ("3", "2", ">"), ("1", "1.5", "<"), ("2", "2.0", "="), ("2", "1.5", ">"),
        ("1u", "2", "<"), ("2u", "2", "="),
        ("2u", "-1", ">"), ("18446744073709551615u", "9223372036854775807", ">"), ("1u", "1.0", "="), ("2u", "1.5", ">"),
        ("1.0", "2u", "<"),
        ("9007199254740993", "9007199254740992.0", ">"), ("9007199254740992.0", "9007199254740993", "<"),
        ("9223372036854775807", "9223372036854775808.0", "<"), ("18446744073709551615u", "18446744073709551616.0", "<"),
        ("-9223372036854775808", "-9223372036854775808.0", "="), ("-1", "-1.5", ">"), ("1", "1.0 / 0.0", "<"),
        ("1", "-1.0 / 0.0", ">"),
        ("decimal('1.10')", "decimal('1.1')", "="), ("decimal('1.1')", "1", ">"), ("1", "decimal('1.1')", "<"),
        ("decimal('0.1')", "0.1", "="),
        ("decimal('0.1')", "1u", "<"), ("'a'", "'b'", "<"), ("'a'", "'ab'", "<"), ("'é'", "'z'", ">"),
        ("'\\U0001F600'", "'\\uFFFD'", ">"),
        ("''", "''", "="), ("b'a'", "b'b'", "<"), ("b'\\xff'", "b'\\x00'", ">"), ("false", "true", "<"), ("true", "true", "="),
    ])
    func order(_ left: String, _ right: String, _ order: String) {
        let (a, b) = ("dyn(\(left))", "dyn(\(right))")
        #expect(evaluated("\(a) < \(b)") == "\(order == "<")")
        #expect(evaluated("\(a) <= \(b)") == "\(order != ">")")
        #expect(evaluated("\(a) > \(b)") == "\(order == ">")")
        #expect(evaluated("\(a) >= \(b)") == "\(order != "<")")
        #expect(evaluated("\(a) == \(b)") == "\(order == "=")")
        #expect(evaluated("\(a) != \(b)") == "\(order != "=")")
    }

    @Test(arguments: [
        Case("dyn('1') == 1", "false"), Case("null == null", "true"), Case("dyn(null) == 0", "false"),
        Case("dyn(true) != 1", "true"),
        Case("[1, 2] == [1, 2.0]", "true"), Case("[1] == [1, 2]", "false"), Case("[1, 'a'] != [1, 'b']", "true"),
        Case("[[1]] == [[1]]", "true"),
        Case("{'a': 1} == {'a': 1.0}", "true"), Case("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "true"),
        Case("{'a': 1} == {'b': 1}", "false"),
        Case("dyn([]) == {}", "false"), Case("type(1) == int", "true"), Case("type('') == type('x')", "true"),
        Case("type(1) == type(1.0)", "false"),
        Case("type(type(1)) == type", "true"), Case("b'a' == b'a'", "true"), Case("dyn(b'a') == 'a'", "false"),
        Case("message.a == 0.0 / 0.0", ["message.a": "1"], "false"), Case("message.a != 0.0 / 0.0", ["message.a": "1"], "true"),
        Case("dyn(1) < 'a'", "error: no matching overload for (int, string) in dyn(1) < 'a'"),
        Case("dyn([1]) < [2]", "compile: no matching overload for '<' on (any, list) at offset 0"),
        Case("dyn(null) < 1", "error: no matching overload for (null_type, int) in dyn(null) < 1"),
    ])
    func equality(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }

    /// `&&` and `||` give their deciding value whatever else fails; and only then.
    @Test(arguments: [
        Case("true && true", "true"), Case("true && false", "false"), Case("false || true", "true"),
        Case("false || false", "false"),
        Case("message.x && false", "false"), Case("false && message.x", "false"), Case("message.x || true", "true"),
        Case("true || message.x", "true"),
        Case("message.x && true", "error: no such field: message.x"), Case("true && message.x", "error: no such field: message.x"),
        Case("message.x || false", "error: no such field: message.x"), Case("message.x && message.y && false", "false"),
        Case("message.x || message.y || true", "true"), Case("true && message.x && true", "error: no such field: message.x"),
        Case("1 / 0 > 0 && false", "false"), Case("1 / 0 > 0 || true", "true"),
        Case("1 / 0 > 0 || false", "error: division by zero in 1 / 0"),
        Case("message.n && false", ["message.n": "1"], "false"), Case("message.n || true", ["message.n": "1"], "true"),
        Case("false && (true || message.x)", "false"), Case("!(message.x || true)", "false"),
        Case("true ? 1 : message.x", "1"), Case("false ? message.x : 2", "2"),
        Case("message.b ? message.x : 2", ["message.b": "true"], "error: no such field: message.x"),
    ])
    func logic(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }

    @Test(arguments: [
        Case("1 in [1, 2]", "true"), Case("3 in [1, 2]", "false"), Case("1.0 in [1, 2]", "true"), Case("dyn('1') in [1]", "false"),
        Case("1 in []", "false"),
        Case("'a' in {'a': 1}", "true"), Case("'b' in {'a': 1}", "false"), Case("1u in {1: 'x'}", "true"),
        Case("message.c in ['DE', 'FR']", ["message.c": "\"FR\""], "true"),
        Case("message.c in ['DE', 'FR']", ["message.c": "\"US\""], "false"),
        Case("message.c in ['DE', 'FR']", ["message.c": "1"], "false"),
        Case("message.c in ['DE', 'FR']", "error: no such field: message.c"),
        Case("message.c in ['DE', 'FR']", ["message.c": "null"], "false"), Case("message.c in ['']", ["message.c": "\"\""], "true"),
        Case(
            "message.c in ['a','b','c','d','e','f','g','h','i','j','kk','longer than eight','longer than nine']",
            ["message.c": "\"longer than nine\""], "true"),
        Case(
            "message.c in ['a','b','c','d','e','f','g','h','i','j','kk','longer than eight','longer than nine']",
            ["message.c": "\"longer than none\""], "false"),
        Case("message.c in ['a','b','c','d','e','f','g','h','i','j','']", ["message.c": "\"\""], "true"),
        Case("message.c in [message.a, 2]", ["message.c": "1", "message.a": "1"], "true"),
        Case("message.c in message.l", ["message.c": "1", "message.l": "cel:[3, 2, 1]"], "true"),
        Case(
            "message.c in message.l", ["message.c": "1", "message.l": "\"1\""],
            "error: no matching overload for (int, string) in message.c in message.l"),
        Case("1 in 'abc'", "compile: no matching overload for 'in' on (int, string) at offset 0"),
    ])
    func membership(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }
}

extension Case {
    init(_ expression: String, _ expected: String) { self.init(expression, [:], expected) }
}
