import Testing

/// What a user would lose: texts and conversions that come out as the language says.
@Suite struct FunctionTests {
    @Test(arguments: [
        Case("size('')", "0"), Case("size('añ€😀')", "4"), Case("'añ€😀'.size()", "4"), Case("size(b'\\xff\\xfe')", "2"),
        Case("size([1, 2])", "2"), Case("size({'a': 1})", "1"),
        Case("'hello'.contains('ell')", "true"), Case("'hello'.contains('')", "true"), Case("'hello'.contains('hello!')", "false"),
        Case("'hello'.startsWith('he')", "true"), Case("'hello'.startsWith('')", "true"), Case("'he'.startsWith('hel')", "false"),
        Case("'hello'.endsWith('llo')", "true"), Case("'hello'.endsWith('hell')", "false"), Case("'a'.endsWith('ba')", "false"),
        Case("'x€y'.charAt(1)", "'€'"), Case("'x€y'.charAt(3)", "''"),
        Case("'x€y'.charAt(4)", "error: index out of bounds: 'x€y'.charAt(4)"),
        Case("'x'.charAt(-1)", "error: index out of bounds: 'x'.charAt(-1)"),
        Case("'tacocat'.substring(4)", "'cat'"), Case("'tacocat'.substring(0, 4)", "'taco'"),
        Case("'ta©o©αT'.substring(2, 6)", "'©o©α'"), Case("''.substring(0)", "''"),
        Case("'abc'.substring(2, 1)", "error: index out of bounds: 'abc'.substring(2, 1)"),
        Case("'abc'.substring(4)", "error: index out of bounds: 'abc'.substring(4)"),
        Case("'tacocat'.indexOf('ac')", "1"), Case("'tacocat'.indexOf('')", "0"), Case("'tacocat'.indexOf('none')", "-1"),
        Case("'ta©o©αT'.indexOf('©', 3)", "4"),
        Case("'a'.indexOf('a', 2)", "error: index out of bounds: 'a'.indexOf('a', 2)"), Case("'tacocat'.lastIndexOf('at')", "5"),
        Case("'ta©o©αT'.lastIndexOf('©')", "4"),
        Case("'ta©o©αT'.lastIndexOf('©', 3)", "2"), Case("'abc'.lastIndexOf('')", "3"), Case("''.lastIndexOf('a')", "-1"),
        Case("'a'.lastIndexOf('abc')", "-1"),
        Case("'TacoCÆt'.lowerAscii()", "'tacocÆt'"), Case("'tacoCÆt'.upperAscii()", "'TACOCÆT'"),
        Case("' \\t\\u00a0x y\\u2003\\n'.trim()", "'x y'"), Case("'  '.trim()", "''"),
        Case("'hello hello'.replace('he', 'we')", "'wello wello'"), Case("'hello hello'.replace('he', 'we', 1)", "'wello hello'"),
        Case("'hello'.replace('l', '', -1)", "'heo'"), Case("'hello'.replace('h', 'x', 0)", "'hello'"),
        Case("'aé'.replace('', '_')", "'_a_é_'"), Case("'aé'.replace('', '_', 2)", "'_a_é'"),
        Case("'a,b,,c'.split(',')", "['a', 'b', '', 'c']"), Case("'a,b,c'.split(',', 2)", "['a', 'b,c']"),
        Case("'añ€'.split('')", "['a', 'ñ', '€']"), Case("'a,b'.split(',', 0)", "[]"),
        Case("'a,b'.split(',', 1)", "['a,b']"), Case("''.split(',')", "['']"), Case("''.split('')", "[]"),
        Case("['a', 'b'].join()", "'ab'"), Case("['a', 'b'].join(', ')", "'a, b'"), Case("[].join('x')", "''"),
        Case("[1].join('x')", "compile: no matching overload for (int) at offset 0"),
        Case(
            "message.s.startsWith('a')", ["message.s": "1"],
            "error: no matching overload for (int, string) in message.s.startsWith('a')"),
        Case("message.s.trim()", ["message.s": "1"], "error: no matching overload for (int) in message.s.trim()"),
        Case("message.s.contains('a')", "error: no such field: message.s"),
        Case(
            "message.s + '-' + message.s.upperAscii() + '-' + message.s", ["message.s": "\"a longer text than 16\""],
            "'a longer text than 16-A LONGER TEXT THAN 16-a longer text than 16'"),
    ])
    func strings(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }

    @Test(arguments: [
        // Patterns that are compared as text, and what they must not be taken for.
        ("'hello'.matches('ell')", "true"), ("'hello'.matches('^he')", "true"), ("'hello'.matches('llo$')", "true"),
        ("'hello'.matches('^hello$')", "true"), ("'hello!'.matches('^hello$')", "false"),
        ("'hello'.matches('^ell')", "false"), ("'a.b'.matches('a\\\\.b')", "true"), ("'axb'.matches('a\\\\.b')", "false"),
        ("'axb'.matches('a.b')", "true"), ("'a\\n'.matches('a$')", "false"),
        ("'a1'.matches('[a-z][0-9]')", "true"), ("matches('abc', 'a|x')", "true"), ("'ÄÖ'.matches('^.{2}$')", "true"),
        ("''.matches('')", "true"), ("'x'.matches('')", "true"), ("'a^b'.matches('a^b')", "false"),
        ("'ab'.matches(dyn('a.'))", "true"), ("'ab'.matches(dyn('('))", "error: invalid regular expression in dyn('(')"),
        ("'AB'.matches('(?i)ab')", "true"),
        ("'x'.matches('a\\\\d')", "false"), ("'a5'.matches('a\\\\d')", "true"),
    ])
    func patterns(_ expression: String, _ expected: String) {
        #expect(evaluated(expression) == expected)
        // Not folded: the same on a field.
        if expression.hasPrefix("'"), let quote = expression.dropFirst().firstIndex(of: "'") {
            let value = String(expression[expression.index(after: expression.startIndex)..<quote])
            if !value.contains("\\"), !expected.hasPrefix("error") {
                #expect(evaluated("key" + expression[expression.index(after: quote)...], ["key": "\"\(value)\""]) == expected)
            }
        }
    }

    @Test(arguments: [
        Case("int('987')", "987"), Case("int('-5')", "-5"),
        Case("int('9223372036854775808')", "error: value can't be converted in int('9223372036854775808')"),
        Case("int('')", "error: value can't be converted in int('')"),
        Case("int(' 1')", "error: value can't be converted in int(' 1')"), Case("int(42u)", "42"),
        Case("int(18446744073709551615u)", "error: value can't be converted in int(18446744073709551615u)"), Case("int(1.9)", "1"),
        Case("int(-7.9)", "-7"),
        Case("int(1e99)", "error: value can't be converted in int(1e99)"),
        Case("int(9223372036854775807.0)", "error: value can't be converted in int(9223372036854775807.0)"),
        Case("int(-9223372036854775808.0)", "error: value can't be converted in int(-9223372036854775808.0)"),
        Case("int(decimal('-7.99'))", "-7"),
        Case("uint(3)", "3u"), Case("uint(-1)", "error: value can't be converted in uint(-1)"), Case("uint(3.99)", "3u"),
        Case("uint('18446744073709551615')", "18446744073709551615u"),
        Case("uint(message.a)", ["message.a": "18446744073709551615"], "18446744073709551615u"),
        Case("int(message.a)", ["message.a": "18446744073709551615"], "error: number out of range; use decimal(): message.a"),
        Case("double('1.5e3')", "1500.0"), Case("double(3)", "3.0"),
        Case("double('x')", "error: value can't be converted in double('x')"), Case("double('NaN')", "nan"),
        Case("double('-Infinity')", "-inf"),
        Case("double('1e999')", "inf"), Case("double('1.')", "error: value can't be converted in double('1.')"),
        Case("double('0x10')", "error: value can't be converted in double('0x10')"),
        Case("double(decimal('0.1'))", "0.1"), Case("double(decimal('1234567890123456.789'))", "1234567890123456.8"),
        Case("string(123)", "'123'"), Case("string(-9223372036854775808)", "'-9223372036854775808'"),
        Case("string(9876u)", "'9876'"), Case("string(123.456)", "'123.456'"),
        Case("string(-4.5e-3)", "'-0.0045'"), Case("string(true)", "'true'"), Case("string(b'abc')", "'abc'"),
        Case("string(b'\\303\\277')", "'ÿ'"),
        Case("string(b'\\000\\xff')", "error: invalid UTF-8 in string(b'\\000\\xff')"),
        Case("string(decimal('-0.050'))", "'-0.050'"), Case("string(decimal('12'))", "'12'"),
        Case("string(message.a)", ["message.a": "123456789012345678901234567890"], "'123456789012345678901234567890'"),
        Case("string('x')", "'x'"),
        Case("bool('1')", "true"), Case("bool('t')", "true"), Case("bool('TRUE')", "true"), Case("bool('True')", "true"),
        Case("bool('false')", "false"), Case("bool('F')", "error: value can't be converted in bool('F')"),
        Case("bool('TrUe')", "error: value can't be converted in bool('TrUe')"), Case("bool(true)", "true"),
        Case("bytes('é')", "b[195, 169]"), Case("bytes(b'x')", "b[120]"),
        Case("type(message.a) == int", ["message.a": "3"], "true"), Case("type(message.a) == double", ["message.a": "3.0"], "true"),
        Case("type(decimal('1')) == decimal", "true"),
    ])
    func conversions(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }

    /// Exact, from the digits as written; a double that was computed has none.
    @Test(arguments: [
        Case("decimal('1.10') + decimal('2.205')", "3.305m"), Case("decimal('1.10') * 3", "3.30m"),
        Case("3 - decimal('0.5')", "2.5m"), Case("decimal('1') / 3", "0.333333333333m"),
        Case("decimal('2') / 3", "0.666666666667m"), Case("decimal('1.00') / 8", "0.125m"), Case("decimal('10.00') / 2", "5.00m"),
        Case("decimal('-1') / 3", "-0.333333333333m"),
        Case("decimal('1') / 0", "error: division by zero in decimal('1') / 0"), Case("-decimal('1.50')", "-1.50m"),
        Case("decimal('1e3')", "1000m"), Case("decimal('1.5e-3')", "0.0015m"),
        Case("decimal('x')", "error: value can't be converted in decimal('x')"),
        Case("decimal('')", "error: value can't be converted in decimal('')"),
        Case("decimal('1.')", "error: value can't be converted in decimal('1.')"),
        Case("decimal('9223372036854775807') + 1", "9223372036854775808m"),
        Case("decimal('-9223372036854775808') - 1", "-9223372036854775809m"),
        Case("decimal('99999999999999999999999999999999999999')", "99999999999999999999999999999999999999m"),
        Case(
            "decimal('99999999999999999999999999999999999999') + 1",
            "error: decimal overflow (more than 38 digits) in decimal('99999999999999999999999999999999999999') + 1"),
        Case("decimal('12345678901234567890.123456789') * 2", "24691357802469135780.246913578m"),
        Case("string(decimal('-12345678901234567890.5') / 2)", "'-6172839450617283945.25'"),
        Case("int(decimal('12345678901234567890.5') / 2)", "6172839450617283945"),
        Case("decimal('1e400')", "error: decimal overflow (more than 38 digits) in decimal('1e400')"),
        Case("decimal('0e999999999')", "0m"),
        Case("decimal('4000000000.0000000000') * decimal('0.5')", "2000000000.00000000000m"),
        Case(
            "decimal('100000000000000000000000000000000000000000')",
            "error: decimal overflow (more than 38 digits) in decimal('100000000000000000000000000000000000000000')"),
        Case("decimal('1.00000000000000000000000000000000000000')", "1m"),
        Case("decimal(message.p) * message.q", ["message.p": "0.10", "message.q": "3"], "0.30m"),
        Case("decimal(message.p) + message.q", ["message.p": "0.1", "message.q": "0.2"], "0.3m"),
        Case("decimal(message.p) + 0.2", ["message.p": "0.1"], "0.3m"),
        Case("decimal(message.p) == 0.1", ["message.p": "0.1"], "true"),
        Case("decimal(message.p) > 0.1", ["message.p": "0.10000000000000001"], "true"),
        Case("message.p > decimal('18446744073709551615')", ["message.p": "18446744073709551616"], "true"),
        Case("message.p > decimal('1844674407370955161')", ["message.p": "18446744073709551616"], "true"),
        Case("decimal('1') < message.p", ["message.p": "1e30"], "true"),
        Case(
            "decimal('1') + message.p * 2.0", ["message.p": "0.1"],
            "error: a computed double has no exact digits; use decimal() on the field instead: message.p * 2.0"),
        Case(
            "decimal('1') < message.p * 2.0", ["message.p": "0.1"],
            "error: a computed double has no exact digits; use decimal() on the field instead: decimal('1') < message.p * 2.0"),
        Case("decimal(message.p)", ["message.p": "1234567.890123"], "1234567.890123m"),
        Case("decimal(message.p)", ["message.p": "12345678901234567890123"], "12345678901234567890123m"),
        Case(
            "decimal(message.p)", ["message.p": "1234567890123456789012345678901234567890"],
            "error: decimal overflow (more than 38 digits) in decimal(message.p)"),
        Case("decimal('7.5') % 2", "1.5m"), Case("decimal('-7.5') % 2", "-1.5m"),
        Case("decimal('1') % 0", "error: modulus by zero in decimal('1') % 0"),
        Case("decimal('1') + 'x'", "compile: no matching overload for '+' on (decimal, string) at offset 0"),
        Case("decimal('5') in [1, 5]", "true"),
    ])
    func decimals(_ example: Case) { #expect(evaluated(example.expression, example.fields) == example.expected) }
}
