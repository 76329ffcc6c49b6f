import Testing

/// What a user would lose: fields that may be missing, without an error and without a test before each.
@Suite struct OptionalTests {
    @Test(arguments: [
        // Made by hand.
        Case("optional.of(1)", "some(1)"), Case("optional.none()", "none"), Case("optional.of(optional.none())", "some(none)"),
        Case("optional.ofNonZeroValue(0)", "none"), Case("optional.ofNonZeroValue('')", "none"),
        Case("optional.ofNonZeroValue([])", "none"), Case("optional.ofNonZeroValue(false)", "none"),
        Case("optional.ofNonZeroValue(null)", "none"), Case("optional.ofNonZeroValue(duration('0'))", "none"),
        Case("optional.ofNonZeroValue(decimal('0.00'))", "none"), Case("optional.ofNonZeroValue(0.1)", "some(0.1)"),
        Case("optional.ofNonZeroValue({'a': 0})", "some({'a': 0})"),
        Case("optional.of(1).hasValue()", "true"), Case("optional.none().hasValue()", "false"), Case("optional.of(3).value()", "3"),
        Case("optional.none().value()", "error: an optional without value in optional.none().value()"),
        Case("optional.of(1).or(optional.of(2))", "some(1)"), Case("optional.none().or(optional.of(2))", "some(2)"),
        Case("optional.of(1).orValue(2)", "1"), Case("optional.none().orValue(2)", "2"),
        // The alternative is only looked at where it is needed.
        Case("optional.of(1).orValue(message.x)", "1"),
        Case("optional.none().orValue(message.x)", "error: no such field: message.x"),
        Case("optional.of(2).optMap(x, x * 2)", "some(4)"), Case("optional.none().optMap(x, x * 2)", "none"),
        Case("optional.of({'a': 1}).optFlatMap(m, m.?a)", "some(1)"), Case("optional.of({}).optFlatMap(m, m.?a)", "none"),
        Case(
            "optional.of(1).optFlatMap(x, x)", "error: no matching overload for (int) in x"),
        Case("type(optional.none()) == optional_type", "true"), Case("optional.of(1) == optional.of(1.0)", "true"),
        Case("optional.of(1) != optional.none()", "true"), Case("dyn(optional.of(1)) == 1", "false"),
        Case("optional.of([1]) == optional.of([1])", "true"),
        // Members.
        Case("{'a': 1}.?a", "some(1)"), Case("{'a': 1}.?b", "none"), Case("{'a': {'b': 2}}.?a.b", "some(2)"),
        Case("{'a': {}}.?a.b.c", "none"), Case("{'a': 1}[?'a']", "some(1)"), Case("[1, 2][?1]", "some(2)"),
        Case("[1, 2][?2]", "none"),
        Case("[1, 2][?-1]", "none"), Case("optional.of([5])[0]", "some(5)"), Case("optional.none()[0]", "none"),
        Case("{1: 'x'}[?1u]", "some('x')"), Case("has({'a': {'b': 1}}.?a.b)", "true"), Case("has({}.?a.b)", "false"),
        Case("dyn(1).?a", "error: no such field: dyn(1).?a"),
        Case("dyn('x')[?0]", "error: no matching overload for (string, int) in dyn('x')[?0]"),
        // In lists and maps.
        Case("[1, ?optional.none(), ?optional.of(3)]", "[1, 3]"), Case("{'a': 1, ?'b': optional.none()}", "{'a': 1}"),
        Case("{?'a': optional.of(1), 'b': 2}", "{'a': 1, 'b': 2}"),
        Case("[?1]", "compile: no matching overload for (int) at offset 0"),
        Case("[optional.of(1), optional.none()].unwrapOpt()", "[1]"), Case("optional.unwrap([optional.none()])", "[]"),
        Case("[1, 2].first()", "some(1)"), Case("[1, 2].last().orValue(0)", "2"), Case("[].first()", "none"),
    ])
    func optionals(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }

    /// Fields of a record: absent, null and present are three things.
    @Test(arguments: [
        Case("message.?a", ["message.a": "5"], "some(5)"), Case("message.?a", ["message.b": "5"], "none"),
        Case("message.?a", ["message.a": "null"], "some(null)"), Case("message.?a.orValue(7) + 1", "8"),
        Case("message.a.?b", ["message.a.b": "\"x\""], "some('x')"),
        Case("message.a.?b", ["message.a": "1"], "error: no such field: message.a"),
        Case("message.a.?b", "error: no such field: message.a"), Case("message[?'a'].hasValue()", ["message.a": "1"], "false"),
        Case("message.?a.b", ["message.a": "cel:{'b': 3}"], "some(3)"),
        Case("message.?a.?b.orValue('none')", ["message.a": "cel:{}"], "'none'"),
    ])
    func fields(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }

    @Test(arguments: [
        ("message.?a()", "expected an operator or the end of the expression, found '(' at offset 10"),
        ("has(message.?a)", "has() takes a field, as in has(message.country) at offset 4"),
        ("optional.non()", "unknown function 'optional.non' at offset 0; did you mean 'optional.none'?"),
        ("1.orValue(2)", "no matching overload for 'orValue' on (int, int) at offset 2"),
    ])
    func errors(_ expression: String, _ expected: String) { #expect(evaluated(expression) == "compile: " + expected) }
}
