import Testing

/// What a user would lose: rules over the elements of lists and maps.
@Suite struct MacroTests {
    @Test(arguments: [
        // Two variables: index and element, key and value.
        Case("[5, 6].all(i, x, x == i + 5)", "true"), Case("[5, 7].all(i, x, x == i + 5)", "false"),
        Case("{'a': 1}.exists(k, v, k == 'a' && v == 1)", "true"), Case("[1, 1].existsOne(i, x, x == 1)", "false"),
        Case("[1, 2].exists_one(i, x, x == 2)", "true"), Case("[5, 6].transformList(i, x, x * 10 + i)", "[50, 61]"),
        Case("[5, 6].transformList(i, x, i > 0, x)", "[6]"), Case("{'a': 1}.transformList(k, v, k)", "['a']"),
        Case("{'a': 1, 'b': 2}.transformMap(k, v, v * 2)", "{'a': 2, 'b': 4}"),
        Case("{'a': 1, 'b': 2}.transformMap(k, v, v > 1, k)", "{'b': 'b'}"), Case("[7].transformMap(i, x, x + i)", "{0: 7}"),
        Case("{'a': 1}.transformMapEntry(k, v, {v: k})", "{1: 'a'}"),
        Case("[1, 2].transformMapEntry(i, x, x > 1, {string(x): i})", "{'2': 1}"),
        Case("[1, 1].transformMapEntry(i, x, {x: i})", "error: duplicate key in {x: i}"),
        Case("[1].transformMapEntry(i, x, x)", "error: no matching overload for (int) in x"),
        Case("[0, 1].all(i, x, 1 / x > 0)", "error: division by zero in 1 / x"), Case("[0, 1].exists(i, x, 1 / x > 0)", "true"),
        Case("[[1, 2], [3]].map(l, l.map(x, x * 2))", "[[2, 4], [6]]"), Case("[1, 2, 3].map(x, x > 1, x * 2)", "[4, 6]"),
        // Sorting by something.
        Case("['bb', 'a', 'ccc'].sortBy(s, size(s))", "['a', 'bb', 'ccc']"),
        Case("[{'p': 2}, {'p': 1}, {'p': 2, 'q': 0}].sortBy(x, x.p)", "[{'p': 1}, {'p': 2}, {'p': 2, 'q': 0}]"),
        Case(
            "[1, 2].sortBy(x, x == 1 ? dyn('a') : dyn(1))",
            "error: no matching overload for (int) in [1, 2].sortBy(x, x == 1 ? dyn('a') : dyn(1))"),
        // Names for values.
        Case("cel.bind(x, 1 + 2, x * x)", "9"), Case("cel.bind(x, message.a, x + x)", ["message.a": "4"], "8"),
        Case("cel.bind(x, 1 / 0, true)", "true"), Case("cel.bind(x, 1 / 0, x)", "error: division by zero in 1 / 0"),
        Case("cel.bind(x, message.nope, x)", "error: no such field: message.nope"),
        Case("[1, 2].map(x, cel.bind(y, x, y + 1))", "[2, 3]"),
        Case("cel.bind(x, 1, cel.bind(x, 2, x)) + cel.bind(x, 3, x)", "5"), Case("cel.bind(message, 1, message)", "1"),
        Case("cel.block([1, cel.index(0) + 1], cel.index(1) * 10)", "20"),
        Case("[1].map(cel.iterVar(0, 0), cel.iterVar(0, 0) + 1)", "[2]"),
    ])
    func macros(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }

    @Test(arguments: [
        ("[1].all(x)", "all() takes a variable and an expression, as in list.all(x, x > 0) at offset 0"),
        ("[1].map(1, x)", "expected a variable's name as argument of map() at offset 8"),
        ("[1].all(x, x, true)", "the two variables of all() need two names at offset 11"),
        ("1.all(x, true)", "expected a list or map, not int at offset 0"),
        ("[1].all(x, 1)", "expected a bool, not int at offset 11"),
        ("cel.bind(1, 2, 3)", "expected a variable's name as first argument of cel.bind() at offset 9"),
        ("cel.bind(x, 2)", "cel.bind() takes a name, a value and an expression, as in cel.bind(x, 1 + 2, x * x) at offset 0"),
        ("cel.index(0)", "nothing here has the variable @index0 at offset 0"),
        ("[1].al(x, true)", "unknown method 'al' at offset 4; did you mean 'all'?"),
        ("cel.bnd(x, 1, x)", "unknown function 'cel.bnd' at offset 0; did you mean 'cel.bind'?"),
    ])
    func errors(_ expression: String, _ expected: String) { #expect(evaluated(expression) == "compile: " + expected) }
}
