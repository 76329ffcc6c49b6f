import Bytes
import Foundation
import JSON
import JSONSchema
import Testing

/// Numbers that can be had again: splitmix64.
struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// Seeded by FUZZ_SEED, or anew.
    static func seeded(_ test: String = #function) -> Random {
        let seed = ProcessInfo.processInfo.environment["FUZZ_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0 ... .max)
        print("\(test): FUZZ_SEED=\(seed)")
        return Random(state: seed)
    }

    mutating func pick<T>(_ choices: [T]) -> T { choices[Int.random(in: 0..<choices.count, using: &self)] }
}

private struct Generator {
    var random: Random

    static let names = ["a", "b", "c", "é", "", "a/b", "x1"]

    mutating func value(_ depth: Int = 0) -> String {
        switch Int.random(in: 0..<(depth > 3 ? 5 : 7), using: &random) {
        case 0: return random.pick(["null", "true", "false"])
        case 1, 2:
            return random.pick(["0", "1", "-0", "1.0", "2", "3.5", "1e400", "0.1", "-7", "12345678901234567890", "1e-300", "10e-1"])
        case 3, 4:
            return random.pick([
                #""""#, #""a""#, #""\u0061""#, #""é😀""#, #""2024-02-29""#, #""x\n""#, #""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa""#,
            ])
        case 5: return "[" + (0..<Int.random(in: 0...4, using: &random)).map { _ in value(depth + 1) }.joined(separator: ",") + "]"
        default: return object(depth)
        }
    }

    private mutating func object(_ depth: Int) -> String {
        let members = (0..<Int.random(in: 0...4, using: &random)).map { _ in #""\#(random.pick(Self.names))":"# + value(depth + 1) }
        return "{" + members.joined(separator: ",") + "}"
    }

    mutating func schema(_ depth: Int = 0) -> String {
        if Int.random(in: 0..<12, using: &random) == 0 { return random.pick(["true", "false", "{}"]) }
        var members: [String] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) { members.append(keyword(depth)) }
        if depth == 0 { members.append(##""$defs":{"a":\##(schema(2)),"b":\##(schema(2))}"##) }
        return "{" + members.joined(separator: ",") + "}"
    }

    private mutating func schemas(_ depth: Int) -> String {
        "[" + (0..<Int.random(in: 1...3, using: &random)).map { _ in schema(depth + 1) }.joined(separator: ",") + "]"
    }

    private mutating func byName(_ depth: Int, _ names: [String]) -> String {
        "{"
            + (0..<Int.random(in: 0...3, using: &random)).map { _ in #""\#(random.pick(names))":"# + schema(depth + 1) }.joined(
                separator: ",") + "}"
    }

    private mutating func keyword(_ depth: Int) -> String {
        let small = "\(Int.random(in: 0...3, using: &random))"
        let number = random.pick(["0", "1", "1.5", "-2", "1e3", "0.1", "99999999999999999999"])
        let flat = [
            #""type":"\#(random.pick(["null", "boolean", "integer", "number", "string", "array", "object"]))""#,
            #""type":["string","object"]"#, #""const":"# + value(2), #""enum":["# + value(2) + "," + value(2) + "]",
            #""\#(random.pick(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]))":"# + number, #""multipleOf":0.5"#,
            #""multipleOf":3"#,
            #""\#(random.pick(["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"]))":"# + small,
            #""pattern":"\#(random.pick(["^a", "[0-9]+$", "é", "(a|b)*", "("]))""#,
            #""format":"\#(random.pick(["date", "uri", "email", "regex", "x"]))""#,
            #""uniqueItems":true"#, #""required":["\#(random.pick(Self.names))"]"#, #""dependentRequired":{"a":["b"]}"#,
        ]
        let refs = [##""$ref":"#/$defs/\##(random.pick(["a", "b"]))""##, ##""items":{"$ref":"#"}"##]
        if depth > 3 || Bool.random(using: &random) { return random.pick(depth > 1 ? flat : flat + refs) }
        switch Int.random(in: 0..<12, using: &random) {
        case 0: return #""properties":"# + byName(depth, Self.names)
        case 1: return #""patternProperties":"# + byName(depth, ["^a", "1$"])
        case 2: return #""additionalProperties":"# + schema(depth + 1)
        case 3: return #""items":"# + schema(depth + 1)
        case 4: return #""prefixItems":"# + schemas(depth)
        case 5: return #""\#(random.pick(["allOf", "anyOf", "oneOf"]))":"# + schemas(depth)
        case 6: return #""not":"# + schema(depth + 1)
        case 7: return #""if":\#(schema(depth + 1)),"then":\#(schema(depth + 1)),"else":"# + schema(depth + 1)
        case 8: return #""contains":\#(schema(depth + 1)),"minContains":\#(small)"#
        case 9: return #""\#(random.pick(["unevaluatedProperties", "unevaluatedItems", "propertyNames"]))":"# + schema(depth + 1)
        case 10: return #""dependentSchemas":"# + byName(depth, Self.names)
        default: return #""\#(random.pick(["properties", "$defs"]))":{"é":\#(schema(depth + 1))}"#
        }
    }

    mutating func mutated(_ text: String) -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: at)
            case 2: bytes.insert(random.pick(Array(#"{}[]",:\0e-."#.utf8)), at: at)
            default: bytes.removeLast(min(bytes.count, Int.random(in: 0...5, using: &random)))
            }
        }
        return bytes
    }
}

/// For some seconds: nothing crashes, and what must agree agrees.
@Suite struct FuzzTests {
    /// So many seconds, or FUZZ_SECONDS.
    private static func time(_ seconds: Double) -> Duration {
        .seconds(ProcessInfo.processInfo.environment["FUZZ_SECONDS"].flatMap(Double.init) ?? seconds)
    }

    @Test func schemasAndValues() throws {
        var generator = Generator(random: .seeded())
        let end = ContinuousClock.now + Self.time(4)
        var compiled = 0
        while ContinuousClock.now < end || compiled <= 100 {
            let text = generator.schema()
            guard let schema = try? compile(text),
                let negated = try? compile(
                    #"{"$id":"http://e.x/n","not":{"$ref":"s"},"$defs":{"x":{"$id":"s","$ref":"s2"}}}"#, options(text))
            else { continue }
            compiled += 1
            var validator = Validator(schema)
            var inverse = Validator(negated)
            for _ in 0..<10 {
                let value = generator.value()
                let isRight = isValid(value, &validator)
                let found = explain(value, &validator)
                #expect(found.isEmpty == isRight, "\(value) against \(text)")
                #expect(isValid(value, &inverse) != isRight, "not: \(value) against \(text)")
                #expect(isValid(value, &validator) == isRight)
                guard isRight else { continue }
                for name in ["a", "b", "é"] { try checkTypes(schema, value, name, text) }
            }
        }
        #expect(compiled > 100)
    }

    private func options(_ text: String) -> JSONSchema.Options {
        var options = JSONSchema.Options()
        options.documents["http://e.x/s2"] = Array(text.utf8)
        return options
    }

    /// What is said of a path holds in every valid value.
    private func checkTypes(_ schema: JSONSchema, _ value: String, _ name: String, _ text: String) throws {
        let known = schema.possibleTypes(at: [name])
        guard
            let object = try JSONSerialization.jsonObject(
                with: Data(value.replacing("1e400", with: "1e200").utf8), options: .fragmentsAllowed) as? [String: Any]
        else {
            return
        }
        guard let member = object[name] else {
            #expect(!known.isRequired, "\(name) of \(value) against \(text)")
            return
        }
        let type: JSONTypes =
            switch member {
            case is NSNull: .null
            case is String: .string
            case is [Any]: .array
            case is [String: Any]: .object
            case let number as NSNumber where CFBooleanLike.isBoolean(number): .boolean
            default: .integer
            }
        #expect(
            !known.types.isDisjoint(with: type) || !known.types.isDisjoint(with: .number) && type == .integer,
            "\(name) of \(value) against \(text)")
    }

    private enum CFBooleanLike {
        static func isBoolean(_ number: NSNumber) -> Bool {
            String(cString: number.objCType) == "c" || "\(type(of: number))".contains("Bool")
        }
    }

    @Test func brokenSchemasAndValues() throws {
        var generator = Generator(random: .seeded())
        let end = ContinuousClock.now + Self.time(2)
        while ContinuousClock.now < end {
            let broken = generator.mutated(generator.schema())
            if let schema = try? JSONSchema(broken) {
                var validator = Validator(schema)
                let value = generator.mutated(generator.value())
                let isRight = value.withUnsafeBytes { validator.isValid($0) }
                #expect(value.withUnsafeBytes { validator.explain($0) }.isEmpty == isRight)
                _ = schema.fields()
            }
        }
    }

    /// The tape takes what the scanner takes, and refuses the rest for the same reason at the same byte.
    @Test func tapeAndScannerAgree() throws {
        var generator = Generator(random: .seeded())
        let end = ContinuousClock.now + Self.time(2)
        var tape = Tape()
        var trie = SlotTrie()
        for name in ["a", "b", "é"] { trie.slot([name]) }
        var scanner = Scanner(trie)
        var arena = Arena()
        let frame = UnsafeMutablePointer<Value>.allocate(capacity: trie.slotCount)
        defer { frame.deallocate() }
        while ContinuousClock.now < end {
            let text = Bool.random(using: &generator.random) ? Array(generator.value().utf8) : generator.mutated(generator.value())
            arena.reset()
            text.withUnsafeBytes { bytes in
                let result = tape.read(bytes)
                #expect(result == scanner.scan(bytes, into: frame, arena: &arena), "\(String(decoding: bytes, as: UTF8.self))")
            }
        }
    }
}
