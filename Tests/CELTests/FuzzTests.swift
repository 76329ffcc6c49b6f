import Bytes
import CEL
import Foundation
import JSON
import Testing

/// What a user would lose: a process that outlives whatever somebody writes as an expression. Programs made at random compile or
/// not, evaluate or not; they never crash, hang or give a value that can't be shown. `FUZZ_SEED` repeats a run, `FUZZ_SECONDS`
/// makes it longer.
@Suite struct FuzzTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let seconds = environment["FUZZ_SECONDS"].flatMap(Double.init) ?? 3

    private func seed() -> UInt64 {
        let seed = Self.environment["FUZZ_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 1...UInt64.max)
        print("FUZZ_SEED=\(seed)")
        return seed
    }

    /// Expressions by the grammar, with operands of all types, in each mode.
    @Test func grammar() {
        var writer = ExpressionWriter(random: Random(seed()))
        let end = Date().addingTimeInterval(Self.seconds)
        var (compiled, values) = (0, 0)
        while Date() < end || compiled <= 100 || values <= 50 {
            let source = writer.expression(depth: 1 + writer.random.below(6))
            let outcome = FuzzFrame.run(source, strict: writer.random.below(2) == 0, checked: writer.random.below(2) == 0)
            if outcome != .refused { compiled += 1 }
            if outcome == .value { values += 1 }
        }
        #expect(compiled > 100 && values > 50)
    }

    /// Expressions with bytes changed, doubled, left out.
    @Test func mutations() {
        var writer = ExpressionWriter(random: Random(seed()))
        let end = Date().addingTimeInterval(Self.seconds)
        var count = 0
        while Date() < end {
            var bytes = Array(writer.expression(depth: 1 + writer.random.below(5)).utf8)
            for _ in 0...writer.random.below(4) where !bytes.isEmpty {
                let place = writer.random.below(bytes.count)
                switch writer.random.below(4) {
                case 0: bytes[place] = UInt8(writer.random.below(256))
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(Array("()[]{}?:.,'\"\\`%-&|!".utf8)[writer.random.below(19)], at: place)
                default: bytes += bytes[place...]
                }
            }
            // Bytes that aren't UTF-8 can't come into a source: a scanner has refused them.
            _ = FuzzFrame.run(String(decoding: bytes, as: UTF8.self), strict: false, checked: count & 1 == 0)
            count += 1
        }
        #expect(count > 100)
    }
}

/// Fixed values of each type, and what becomes of an expression on them.
private enum FuzzFrame {
    enum Outcome { case refused, error, value }

    private struct Names: NameResolver {
        let roots = ["message", "key", "i", "s", "d", "l", "m", "n", "t"]
        mutating func slot(for path: [String]) -> Int? {
            path.count == 1 || path.first == "message" ? roots.firstIndex(of: path[0]) : nil
        }
    }

    static func run(_ source: String, strict: Bool, checked: Bool) -> Outcome {
        var options = CELOptions()
        options.strictNumbers = strict
        options.checksTypes = checked
        var names = Names()
        let program: CELProgram
        do { program = try CELProgram.compile(source, options: options, resolver: &names) } catch {
            _ = error.text(in: source)
            return .refused
        }
        var record = Array(#"{"a":[1,2.50,{"b":null}],"x":"\u00e9"} [3,"y",[1e400]] 99999999999999999999"#.utf8)
        return record.withUnsafeMutableBytes { bytes in
            let record = UnsafeRawBufferPointer(bytes)
            func raw(_ tag: JSON.Tag, _ start: Int, _ count: Int) -> Value {
                Value(
                    tag, flags: Value.Flags.raw, length: UInt32(count),
                    bits: UInt64(UInt(bitPattern: record.baseAddress.map { $0 + start })))
            }
            let big = Value(
                .double, flags: Value.Flags.digits | Value.Flags.outOfRange, aux: 20, length: UInt32(record.count - 20),
                bits: 1e20.bitPattern)
            let frame: [Value] = [
                raw(.map, 0, 38), .string(UnsafeRawBufferPointer(rebasing: record[2..<3])), .int(-7), .absent, .double(0.5),
                raw(.list, 39, 15), raw(.map, 0, 38), big, .null,
            ]
            var arena = Arena()
            let value = frame.withUnsafeBufferPointer {
                program.evaluate($0.baseAddress.unsafelyUnwrapped, record: record, arena: &arena)
            }
            if value.tag == .error {
                #expect(!program.describe(value).hasPrefix("unknown error"), "\(source)")
                #expect(program.offset(of: value) <= source.utf8.count)
                return .error
            }
            #expect(value.tag != .absent, "\(source)")
            var writer = JSONWriter()
            TypedValue.write(value, record: record, arena: &arena, to: &writer)
            PlainJSON.write(value, record: record, arena: &arena, to: &writer)
            return .value
        }
    }
}

/// Writes expressions at random.
private struct ExpressionWriter {
    var random: Random

    private static let leaves = [
        "message", "message.a", "message.x", "message.nope", "key", "i", "s", "d", "l", "m", "n", "t", "1", "-1", "0", "2u", "1.5",
        "0.1",
        "9223372036854775807", "18446744073709551615u", "1e308", "'x'", "''", "'é€😀'", "b'\\xff'", "null", "true", "false", "[]",
        "{}",
        "[1, 'a', 2.0]", "{'a': 1, 2: 'b'}", "decimal('1.50')", "decimal('99999999999999999999999999999999999999')",
        "timestamp('2024-02-29T23:59:59.5Z')", "timestamp(0)", "duration('1h')", "duration('-1ns')", "optional.none()",
        "optional.of(1)", "int", "type(1)", "lists.range(3)", "'%s %d %f'", "'UTC'", "'Europe/Berlin'",
    ]
    private static let operators = ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in"]
    private static let functions = [
        "size", "int", "uint", "double", "string", "bool", "bytes", "decimal", "timestamp", "duration", "dyn", "type", "math.abs",
        "math.sign", "math.round", "math.bitNot", "math.sqrt", "math.greatest", "strings.quote", "base64.encode", "base64.decode",
        "optional.of", "optional.ofNonZeroValue", "decimals.neg", "decimals.floor", "lists.range",
    ]
    private static let methods = [
        "size", "trim", "reverse", "lowerAscii", "sort", "distinct", "flatten", "first", "last", "hasValue", "value", "getHours",
        "getFullYear", "getMilliseconds", "join", "unwrapOpt",
    ]
    private static let methods1 = [
        "contains", "startsWith", "endsWith", "matches", "charAt", "indexOf", "lastIndexOf", "substring", "split", "join", "format",
        "getDate", "getDayOfYear", "or", "orValue", "flatten",
    ]
    private static let functions2 = [
        "sets.contains", "sets.equivalent", "math.least", "math.bitAnd", "math.bitShiftLeft", "decimals.div", "decimals.round",
        "decimals.lt", "matches",
    ]
    private static let macros = ["all", "exists", "exists_one", "map", "filter", "sortBy", "optMap", "optFlatMap"]
    private static let macros2 = ["all", "exists", "transformList", "transformMap", "transformMapEntry"]

    private mutating func one(_ list: [String]) -> String { list[random.below(list.count)] }

    mutating func expression(depth: Int) -> String {
        if depth <= 0 || random.below(8) == 0 { return one(Self.leaves) }
        func deeper(_ writer: inout Self) -> String { writer.expression(depth: depth - 1 - writer.random.below(2)) }
        switch random.below(16) {
        case 0...3: return "(\(deeper(&self)) \(one(Self.operators)) \(deeper(&self)))"
        case 4: return one(["!", "-", "- -"]) + deeper(&self)
        case 5: return "(\(deeper(&self)) ? \(deeper(&self)) : \(deeper(&self)))"
        case 6: return "\(one(Self.functions))(\(deeper(&self)))"
        case 7: return "\(one(Self.functions2))(\(deeper(&self)), \(deeper(&self)))"
        case 8: return "\(deeper(&self)).\(one(Self.methods))()"
        case 9: return "\(deeper(&self)).\(one(Self.methods1))(\(deeper(&self)))"
        case 10: return "\(deeper(&self)).\(one(Self.macros))(i, \(deeper(&self)))"
        case 11: return "\(deeper(&self)).\(one(Self.macros2))(i, s, \(deeper(&self)))"
        case 12: return "[\(deeper(&self)), \(one(["", "?"]))\(deeper(&self))]"
        case 13: return "{\(one(["'a'", "1", "i", "?'b'"])): \(deeper(&self)), 'c': \(deeper(&self))}"
        case 14: return "\(deeper(&self))\(one([".a", ".?a", "[0]", "[?1]", "['a']", ".`b`"]))"
        default: return one(["cel.bind(s, \(deeper(&self)), \(deeper(&self)))", "has(m.\(one(["a", "z"])))"])
        }
    }
}
