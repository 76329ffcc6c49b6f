import Testing

/// What a user would lose: fields that are there, and a clear word about those that aren't.
@Suite struct NameTests {
    @Test(arguments: [
        Case("message.a.b.c", ["message.a.b.c": "1"], "1"), Case("message['a'].b", ["message.a.b": "1"], "1"),
        Case("message.a['b']", ["message.a.b": "1"], "1"),
        Case("message.`order-id`", ["message.order-id": "7"], "7"), Case(".message.a", ["message.a": "1"], "1"),
        Case("key", ["key": "\"k\""], "'k'"),
        Case("message.a", "error: no such field: message.a"), Case("message.a == null", ["message.a": "null"], "true"),
        Case("message.a == null", "error: no such field: message.a"),
        Case("message.a.b", ["message.a": "1"], "error: no such field: message.a.b"),
        Case("message.a.b", ["message.a": "null"], "error: no such field: message.a.b"),
        Case("{'a': {'b': 2}}.a.b", "2"), Case("{'a': 1}.b", "error: no such field: {'a': 1}.b"),
        Case("{'a': 1}['b']", "error: no such key: {'a': 1}['b']"),
        Case("{1: 'x'}[1u]", "'x'"), Case("{1: 'x'}[1.0]", "'x'"), Case("[1, 2][1]", "2"), Case("[1, 2][1.0]", "2"),
        Case("[1][1]", "error: index out of bounds: [1][1]"),
        Case("[1][-1]", "error: index out of bounds: [1][-1]"), Case("message.l[1]", ["message.l": "cel:[5, 6]"], "6"),
        Case("message.l[2]", ["message.l": "cel:[5, 6]"], "error: index out of bounds: message.l[2]"),
        Case("message.l[0].x", ["message.l": "cel:[{'x': 9}]"], "9"),
        Case("message.l['x']", ["message.l": "cel:[5]"], "error: no such field: message.l['x']"),
        Case("message.m[message.k]", ["message.m": "cel:{'a': 1}", "message.k": "\"a\""], "1"),
        Case("message.s[0]", ["message.s": "\"abc\""], "error: no matching overload for (string, int) in message.s[0]"),
        // has()
        Case("has(message.a)", ["message.a": "1"], "true"), Case("has(message.a)", ["message.a": "null"], "true"),
        Case("has(message.a)", "false"),
        Case("has(message.a.b)", ["message.a.b": "1"], "true"), Case("has(message.a.b)", ["message.a.c": "1"], "false"),
        Case("has(message.a.b)", "error: no such field: message.a"), Case("has(message.a) && has(message.a.b)", "false"),
        Case("has(message.a.b)", ["message.a": "1"], "error: no such field: message.a"), Case("has({'a': 1}.a)", "true"),
        Case("has({'a': 1}.b)", "false"),
        Case("has(message.a) ? message.a : 'none'", "'none'"),
    ])
    func fields(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }

    @Test(arguments: [
        Case("[1, 2, 3].all(x, x > 0)", "true"), Case("[1, -2].all(x, x > 0)", "false"), Case("[].all(x, x > 0)", "true"),
        Case("[1, 2].exists(x, x == 2)", "true"),
        Case("[].exists(x, true)", "false"), Case("[1, 2, 2].exists_one(x, x == 2)", "false"),
        Case("[1, 2].exists_one(x, x == 2)", "true"),
        Case("[1, 2, 3].map(x, x * 2)", "[2, 4, 6]"), Case("[1, 2, 3].filter(x, x > 1)", "[2, 3]"),
        Case("[1, 2, 3].map(x, x > 1, x * 10)", "[20, 30]"),
        Case("{'a': 1, 'b': 2}.map(k, k + '!')", "['a!', 'b!']"),
        Case("[[1, 2], [3]].map(x, x.map(y, y + size(x)))", "[[3, 4], [4]]"),
        Case("['a', 'b'].map(x, [x + '1', x + '2'])", "[['a1', 'a2'], ['b1', 'b2']]"),
        Case("[1, 0].exists(x, 1 / x > 0)", "true"), Case("[0, 1].all(x, 1 / x > 5)", "false"),
        Case("[0].all(x, 1 / x > 5)", "error: division by zero in 1 / x"),
        Case("message.l.all(x, x.n > message.min)", ["message.l": "cel:[{'n': 5}, {'n': 6}]", "message.min": "4"], "true"),
        Case("message.l.all(x, has(x.n))", ["message.l": "cel:[{'n': 5}, {}]"], "false"),
        Case("message.l.map(x, x.n)", ["message.l": "cel:[{}]"], "error: no such field: x.n"),
        Case("message.l.all(x, x)", ["message.l": "cel:[1]"], "error: no matching overload for (int) in x"),
        Case("message.n.all(x, true)", ["message.n": "1"], "error: no matching overload for (int) in message.n.all(x, true)"),
        Case("[1].map(message, message + 1)", "[2]"), Case("[1].map(message, .message.a)", ["message.a": "5"], "[5]"),
        Case("[1, 2].map(x, x).map(x, x)", "[1, 2]"), Case("[1].map(x, [2].map(x, x))", "[[2]]"),
        Case("[1].all(x.y, true)", "compile: expected a variable's name as argument of all() at offset 8"),
        Case("[1].all(true)", "compile: all() takes a variable and an expression, as in list.all(x, x > 0) at offset 0"),
        Case("[1].transformList(i, v, v)", "[1]"),
    ])
    func macros(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }
}
