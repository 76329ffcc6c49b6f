import Testing

/// What a user would lose: the public extension libraries, as other implementations of CEL have them.
@Suite struct LibraryTests {
    @Test(arguments: [
        Case("math.greatest(1, 2.5, 2u)", "2.5"), Case("math.greatest([3, 7, 5])", "7"), Case("math.greatest(-1)", "-1"),
        Case("math.greatest(2, 2.0)", "2"), Case("math.least(1, 2.5, 0u)", "0u"),
        Case("math.least('a', 1)", "compile: math.least() compares numbers, not string at offset 11"),
        Case("math.least([])", "error: index out of bounds: math.least([])"),
        Case("math.least(dyn('a'), 1)", "error: no matching overload for (string) in math.least(dyn('a'), 1)"),
        Case("math.greatest(message.p, 0.1)", ["message.p": "0.10000000000000001"], "0.1"),
        Case("math.ceil(1.2)", "2.0"), Case("math.floor(-1.2)", "-2.0"), Case("math.round(2.5)", "3.0"),
        Case("math.round(-2.5)", "-3.0"),
        Case("math.trunc(-1.9)", "-1.0"), Case("math.ceil(decimal('1.20'))", "2m"), Case("math.floor(decimal('-1.2'))", "-2m"),
        Case("math.abs(-5)", "5"), Case("math.abs(decimal('-5.50'))", "5.50m"),
        Case("math.abs(-9223372036854775808)", "error: integer overflow in math.abs(-9223372036854775808)"),
        Case("math.sign(-2.0)", "-1.0"), Case("math.sign(-0.0)", "0.0"), Case("math.isNaN(math.sign(0.0 / 0.0))", "true"),
        Case("math.sign(0)", "0"), Case("math.sign(7u)", "1u"), Case("math.sqrt(16)", "4.0"),
        Case("math.isNaN(0.0 / 0.0)", "true"), Case("math.isInf(1.0 / 0.0)", "true"), Case("math.isFinite(1.0)", "true"),
        Case("math.bitAnd(6, 3)", "2"), Case("math.bitOr(6u, 3u)", "7u"), Case("math.bitXor(6, 3)", "5"),
        Case("math.bitNot(0)", "-1"),
        Case("math.bitShiftLeft(1, 3)", "8"), Case("math.bitShiftRight(-1, 63)", "1"), Case("math.bitShiftLeft(1, 64)", "0"),
        Case("math.bitShiftLeft(1, -1)", "error: shift by a negative number in math.bitShiftLeft(1, -1)"),
        Case("math.bitAnd(dyn(1), 1u)", "error: no matching overload for (int, uint) in math.bitAnd(dyn(1), 1u)"),
    ])
    func mathematics(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }

    @Test(arguments: [
        Case("[1, 2, 3, 4].slice(1, 3)", "[2, 3]"), Case("[1].slice(0, 0)", "[]"),
        Case("[1].slice(0, 2)", "error: index out of bounds: [1].slice(0, 2)"),
        Case("[1, [2, [3]]].flatten()", "[1, 2, [3]]"), Case("[1, [2, [3]]].flatten(2)", "[1, 2, 3]"),
        Case("[[], []].flatten()", "[]"),
        Case("[[1]].flatten(0)", "[[1]]"), Case("[1].flatten(-1)", "error: index out of bounds: [1].flatten(-1)"),
        Case("[3, 1, 2].sort()", "[1, 2, 3]"), Case("['b', 'a'].sort()", "['a', 'b']"), Case("[2, 1.5, 1u].sort()", "[1u, 1.5, 2]"),
        Case("[5, 4, 3, 2, 1, 0, 9, 8].sort()", "[0, 1, 2, 3, 4, 5, 8, 9]"), Case("[].sort()", "[]"),
        Case("[1, 'a'].sort()", "compile: no matching overload for (string) at offset 0"),
        Case("[1, 2, 1, 1.0, 'a'].distinct()", "[1, 2, 'a']"), Case("[1, 2].reverse()", "[2, 1]"),
        Case("lists.range(3)", "[0, 1, 2]"),
        Case("lists.range(0)", "[]"), Case("lists.range(10000000)", "error: value too large in lists.range(10000000)"),
        Case("sets.contains([1, 2, 3], [3, 1.0])", "true"), Case("sets.contains([1], [2])", "false"),
        Case("sets.contains([], [])", "true"),
        Case("sets.equivalent([1, 2, 2], [2u, 1])", "true"), Case("sets.equivalent([1], [1, 2])", "false"),
        Case("sets.intersects([1, 2], [2, 3])", "true"), Case("sets.intersects([], [1])", "false"),
        Case("message.l.slice(1, 2)", ["message.l": "cel:[1, 2, 3]"], "[2]"),
    ])
    func lists(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }

    @Test(arguments: [
        Case("'añ€'.reverse()", "'€ña'"), Case("strings.quote('a\"b\\n\\\\')", "'\"a\\\"b\\n\\\\\"'"),
        Case("strings.quote('é')", "'\"é\"'"),
        Case("base64.encode(b'\\x00\\xff')", "'AP8='"), Case("base64.decode('AP8=')", "b[0, 255]"),
        Case("base64.decode('AP8')", "b[0, 255]"),
        Case("base64.decode('A')", "error: value can't be converted in base64.decode('A')"),
        Case("base64.decode('AP9=')", "b[0, 255]"),
        Case("base64.decode('AP8==')", "error: value can't be converted in base64.decode('AP8==')"),
        Case("base64.decode('A_8=')", "error: value can't be converted in base64.decode('A_8=')"),
        Case("'%s is %d years'.format(['Ann', 7])", "'Ann is 7 years'"), Case("'%.2f %.0f'.format([2.345, 0.5])", "'2.35 0'"),
        Case("'%f'.format([1])", "'1.000000'"), Case("'%.3e'.format([12345.678])", "'1.235e+04'"),
        Case("'%x %X %o %b'.format([255, 255, 8, -5])", "'ff FF 10 -101'"),
        Case("'%x'.format(['é'])", "'c3a9'"), Case("'%b'.format([true])", "'1'"), Case("'100%%'.format([])", "'100%'"),
        Case("'%x'.format([-9223372036854775808])", "'-8000000000000000'"),
        Case("'%b'.format([18446744073709551615u])", "'" + String(repeating: "1", count: 64) + "'"),
        Case(
            "'%s'.format([[1, 'a', null, true, 1.5, {'b': 2u, 'a': duration('1s')}]])", "'[1, a, null, true, 1.5, {a: 1s, b: 2}]'"),
        Case("'%s'.format([type(1)])", "'int'"), Case("'%s'.format([decimal('1.50')])", "'1.50'"),
        Case("'%d'.format([decimal('1.50')])", "'1.50'"),
        Case("'%d'.format([1.0 / 0.0])", "'Infinity'"), Case("'%s'.format([message.p])", ["message.p": "0.10"], "'0.1'"),
        Case("'%d'.format(['x'])", "compile: no matching overload for (string) at offset 0"),
        Case("'%q'.format([1])", "error: invalid format in '%q'.format([1])"),
        Case("'%'.format([1])", "error: invalid format in '%'.format([1])"),
        Case("'%s'.format([])", "error: more clauses than arguments in '%s'.format([])"),
        Case("'%.f'.format([1.0])", "error: invalid format in '%.f'.format([1.0])"),
        Case("'%.101f'.format([1.0])", "error: invalid format in '%.101f'.format([1.0])"),
        Case("'%s'.format([optional.none()])", "compile: no matching overload for (optional_type) at offset 0"),
    ])
    func texts(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }

    /// Arguments become exact first, by their digits.
    @Test(arguments: [
        Case("decimals.add('0.1', '0.2')", "0.3m"), Case("decimals.sub(1, '0.01')", "0.99m"),
        Case("decimals.mul(message.p, 3)", ["message.p": "0.10"], "0.30m"),
        Case("decimals.div(1, 8)", "0.125m"), Case("decimals.mod('7.5', 2)", "1.5m"), Case("decimals.eq('1.0', 1)", "true"),
        Case("decimals.ne('1.0', 1)", "false"), Case("decimals.lt(1, 2)", "true"), Case("decimals.le(2, 2)", "true"),
        Case("decimals.lte(3, 2)", "false"),
        Case("decimals.gt(1, 2)", "false"), Case("decimals.ge(2, 2)", "true"),
        Case("decimals.gte(message.p, '0.1')", ["message.p": "0.1"], "true"),
        Case("decimals.neg('1.5')", "-1.5m"), Case("decimals.abs(-2)", "2m"), Case("decimals.sign('-0.5')", "-1"),
        Case("decimals.round('2.345', 2)", "2.35m"),
        Case("decimals.round('-2.5')", "-3m"), Case("decimals.round('1250', -2)", "1300m"),
        Case("decimals.trunc('2.999', 1)", "2.9m"),
        Case("decimals.trunc('-2.9')", "-2m"), Case("decimals.floor('-2.1')", "-3m"), Case("decimals.ceil('2.1')", "3m"),
        Case("decimals.round('1.5', 5)", "1.5m"),
        Case("decimals.floor('-0.00000000000000000000000000000000000000000001')", "-1m"),
        Case("decimals.add('x', 1)", "error: value can't be converted in 'x'"),
        Case(
            "decimals.mul('99999999999999999999', '99999999999999999999')",
            "error: decimal overflow (more than 38 digits) in decimals.mul('99999999999999999999', '99999999999999999999')"),
        Case("decimals.add(true, 1)", "compile: no matching overload for 'decimals.add' on (bool, int) at offset 0"),
    ])
    func decimals(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }
}
