import Bytes
import CEL
import JSON
import Testing

/// What a user would lose: expressions that mean the same here as in other implementations, where they ask for that; and being
/// told early of what can't be meant.
@Suite struct OptionsTests {
    /// Numbers of different types don't mix in arithmetic, and are compared all the same.
    @Test(arguments: [
        ("dyn(1) + 1.0", "error: no matching overload for (int, double) in dyn(1) + 1.0"),
        ("dyn(1u) * 2", "error: no matching overload for (uint, int) in dyn(1u) * 2"),
        ("1 + 1.0", "compile: no matching overload for (int, double) at offset 0"),
        ("1 + 1", "2"), ("1 < 1.5", "true"), ("1u == 1", "true"), ("[1, 2][1.0]", "2"),
        ("dyn(9007199254740993) == 9007199254740992.0", "true"),
        ("dyn(decimal('1')) + 1", "error: no matching overload for (decimal, int) in dyn(decimal('1')) + 1"),
        ("decimals.add(1, '2')", "3m"),
    ])
    func strictNumbers(_ expression: String, _ expected: String) {
        var options = CELOptions()
        options.strictNumbers = true
        #expect(result(expression, options) == expected)
    }

    /// What the checker would refuse fails when it is run, if it is.
    @Test(arguments: [
        ("false && 1 + 'x' == 'y'", "false"), ("true || 1", "true"), ("1 && false", "false"), ("nope || true", "true"),
        ("nope(1) || true", "true"),
        ("true ? 1 : nope", "1"), ("nope", "error: unknown name: nope"), ("nope(1)", "error: unknown function in nope(1)"),
        ("'a'.nope()", "error: unknown function in 'a'.nope()"),
        ("1 + 'x'", "error: no matching overload for (int, string) in 1 + 'x'"),
        ("size(1)", "error: no matching overload for (int) in size(1)"),
        ("size(1, 2)", "error: no matching overload for () in size(1, 2)"),
        ("[1, 'a'][0]", "1"), ("1.all(x, true) || true", "true"), ("{1.5: 2} == {} || true", "true"),
        ("'a'.matches('(') || true", "true"),
        ("timestamp(0).getHours('Nowhere') == 0 || true", "true"), ("{'a': 1, 'a': 2}.a == 1 || true", "true"),
        ("(1).x || true", "true"),
        ("1 +", "compile: expected an expression, found the end of the expression at offset 3"),
    ])
    func unchecked(_ expression: String, _ expected: String) {
        var options = CELOptions()
        options.checksTypes = false
        #expect(result(expression, options) == expected)
    }

    @Test(arguments: [
        ("x", "1"), (".x", "0"), ("b.x", "2"), ("a.b.x", "2"), ("y.z", "3"), ("[5].all(x, x == 5 && .x == 0)", "true"),
        ("only", "4"), ("a.x", "1"), ("Timestamp == type(timestamp(0))", "compile: unknown name 'Timestamp' at offset 0"),
    ])
    func container(_ expression: String, _ expected: String) {
        var options = CELOptions()
        options.container = ["a"]
        let names = ["x": 0, "a.x": 1, "a.b.x": 2, "y.z": 3, "only": 4]
        #expect(result(expression, options, names: names) == expected)
    }

    @Test func typesInAContainer() {
        var options = CELOptions()
        options.container = ["google", "protobuf"]
        #expect(result("Timestamp == type(timestamp(0)) && type(1) == int", options) == "true")
    }

    /// What a schema knows of fields finds calls that can't succeed.
    @Test(arguments: [
        ("message.country > 5", "no matching overload for '>' on (string, int) at offset 0"),
        ("message.count.startsWith('a')", "no matching overload for 'startsWith' on (int, string) at offset 14"),
        ("message.country && true", "'&&' needs bools, not string at offset 0"),
        ("message.tags.size() > 'a'", "no matching overload for '>' on (int, string) at offset 0"),
        ("message.count.x", "ok"), ("message.country + 'x' == 'yx'", "ok"), ("message.free > 5", "ok"), ("message.maybe > 5", "ok"),
        ("message.tags.all(t, t == 'x')", "ok"), ("message.count + 1.5 > 2.0", "ok"),
    ])
    func knownTypes(_ expression: String, _ expected: String) {
        var names = TypedNames()
        do {
            _ = try CELProgram.compile(expression, resolver: &names)
            #expect(expected == "ok")
        } catch {
            #expect("\(error)" == expected)
        }
    }

    @Test(arguments: [
        ("message.country == 5", ["0 always false: string never equals int"]),
        ("message.country != null", ["0 always true: string never equals null_type"]),
        ("message.count == 5.0", []), ("message.free == 5", []), ("message.maybe == null", []),
        ("1 > 2 && message.free", ["0 this condition is always false"]),
        ("true && message.free", []), ("1 < 2 ? 'a' : message.country", ["0 this condition is always true"]),
        ("message.free || 'a' == 'b'", ["16 this condition is always false"]),
    ])
    func warnings(_ expression: String, _ expected: [String]) throws {
        var names = TypedNames()
        let program = try CELProgram.compile(expression, resolver: &names)
        #expect(program.warnings.map { "\($0.offset) \($0.message)" } == expected)
    }

    @Test func places() {
        let source = "true &&\n  é.mesage > 'ä' + 1"
        let error = CELError("something", at: 17, suggestion: "other")
        #expect(error.text(in: source) == "2:9: something; did you mean 'other'?\n  |   é.mesage > 'ä' + 1\n  |         ^")
        #expect(CELError("x", at: 99).text(in: "ab") == "1:3: x\n  | ab\n  |   ^")
        #expect(CELError("x", at: 500).text(in: String(repeating: "a", count: 1_000)).split(separator: "\n")[1].count < 140)
    }

    private struct TypedNames: NameResolver {
        var roots: [String] { ["message"] }
        var paths: [[String]] = []
        mutating func slot(for path: [String]) -> Int? {
            guard path.first == "message" else { return nil }
            paths.append(path)
            return paths.count - 1
        }
        func types(of path: [String]) -> TypeSet {
            switch path.last {
            case "country": .string
            case "count": .int
            case "tags": .list
            case "maybe": [.int, .null]
            default: .any
            }
        }
    }

    private struct Slots: NameResolver {
        var names: [String: Int]
        var roots: [String] { names.keys.sorted() }
        var indexesAreNames: Bool { false }
        mutating func slot(for path: [String]) -> Int? { names[path.joined(separator: ".")] }
    }

    /// Each name's value is its slot's number.
    private func result(_ expression: String, _ options: CELOptions, names: [String: Int] = [:]) -> String {
        var resolver = Slots(names: names)
        do {
            let program = try CELProgram.compile(expression, options: options, resolver: &resolver)
            let frame = (0...names.count).map { Value.int(Int64($0)) }
            var arena = Arena()
            let value = frame.withUnsafeBufferPointer {
                program.evaluate(
                    $0.baseAddress.unsafelyUnwrapped, record: UnsafeRawBufferPointer(start: nil, count: 0), arena: &arena)
            }
            return value.tag == .error ? "error: " + program.describe(value) : text(value)
        } catch {
            return "compile: \(error)"
        }
    }
}
