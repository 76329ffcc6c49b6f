import Bytes
import CEL
import JSON

/// An expression, the fields it sees, and its value or error as text.
struct Case: CustomStringConvertible, Sendable {
    var expression: String
    var fields: [String: String]
    var expected: String

    init(_ expression: String, _ fields: [String: String] = [:], _ expected: String) {
        self.expression = expression
        self.fields = fields
        self.expected = expected
    }

    var description: String { "\(expression) \(fields)" }
}

/// Slots for the names an expression asks for, in the order it asks.
struct TestResolver: NameResolver {
    var roots = ["message", "key", "country", "topic"]
    var paths: [[String]] = []

    mutating func slot(for path: [String]) -> Int? {
        guard let root = path.first, roots.contains(root) else { return nil }
        if let known = paths.firstIndex(of: path) { return known }
        paths.append(path)
        return paths.count - 1
    }
}

/// Compiles and evaluates with fields given as JSON scalars, or after `cel:` as an expression; gives the result as text.
func evaluated(_ expression: String, _ fields: [String: String] = [:]) -> String {
    var resolver = TestResolver()
    let program: CELProgram
    do {
        program = try CELProgram.compile(expression, resolver: &resolver)
    } catch {
        return "compile: \(error)"
    }
    let fixture = TestFrame(resolver.paths, fields)
    var arena = Arena()
    let value = fixture.evaluate(program, &arena)
    return value.tag == .error ? "error: " + program.describe(value) : text(value)
}

/// A frame with values set by hand. Fields that aren't given are absent; what is above a given field is a map.
struct TestFrame: ~Copyable {
    private let memory: UnsafeMutableRawBufferPointer
    private let slots: UnsafeMutableBufferPointer<Value>
    private var programs: [CELProgram] = []
    private var constants = Arena()

    init(_ paths: [[String]], _ fields: [String: String]) {
        var record: [UInt8] = []
        memory = .allocate(byteCount: 64 + fields.values.reduce(0) { $0 + $1.utf8.count }, alignment: 16)
        slots = .allocate(capacity: paths.count + 1)
        slots.initialize(repeating: .absent)
        for (index, path) in paths.enumerated() {
            let name = path.joined(separator: ".")
            if let text = fields[name] {
                slots[index] = value(text, &record)
            } else if path.count == 1 || fields.keys.contains(where: { $0.hasPrefix(name + ".") }) {
                slots[index] = Value(.map)
            }
        }
        memory.copyBytes(from: record)
    }

    deinit {
        memory.deallocate()
        slots.deallocate()
    }

    /// Only what the scanner would make of the same text.
    private mutating func value(_ text: String, _ record: inout [UInt8]) -> Value {
        if text.hasPrefix("cel:") {
            var resolver = TestResolver()
            guard let program = try? CELProgram.compile(String(text.dropFirst(4)), resolver: &resolver) else { return .null }
            programs.append(program)
            return program.evaluate(
                UnsafePointer(slots.baseAddress.unsafelyUnwrapped), record: .init(start: nil, count: 0), arena: &constants)
        }
        let bytes = Array(text.utf8)
        if text == "null" { return .null }
        if text == "true" || text == "false" { return .bool(text == "true") }
        let start = record.count
        record += bytes
        if bytes.first == UInt8(ascii: "\"") {
            return .string(UnsafeRawBufferPointer(rebasing: memory[(start + 1)..<(record.count - 1)]), plain: true)
        }
        var flags = Value.Flags.digits
        let isInt = !text.contains { $0 == "." || $0 == "e" || $0 == "E" }
        if isInt, let int = Int64(text) {
            return Value(.int, flags: flags, aux: UInt16(bytes.count), length: UInt32(start), bits: UInt64(bitPattern: int))
        }
        let double = Double(text) ?? .nan
        if isInt || double.isInfinite { flags |= Value.Flags.outOfRange }
        return Value(.double, flags: flags, aux: UInt16(bytes.count), length: UInt32(start), bits: double.bitPattern)
    }

    func evaluate(_ program: CELProgram, _ arena: inout Arena) -> Value {
        program.evaluate(UnsafePointer(slots.baseAddress.unsafelyUnwrapped), record: UnsafeRawBufferPointer(memory), arena: &arena)
    }
}

/// A value as CEL would write it; decimals end in m.
func text(_ value: Value) -> String {
    func elements(_ count: Int) -> [Value] {
        guard let base = value.pointer?.assumingMemoryBound(to: Value.self) else { return [] }
        return (0..<count).map { base[$0] }
    }
    switch value.tag {
    case .absent: return "absent"
    case .null: return "null"
    case .bool: return value.bits == 0 ? "false" : "true"
    case .int: return "\(value.int)"
    case .uint: return "\(value.bits)u"
    case .double: return "\(value.double)"
    case .decimal:
        var digits = "\(value.unscaled.magnitude)"
        while digits.count <= Int(value.aux) { digits = "0" + digits }
        let point = digits.index(digits.endIndex, offsetBy: -Int(value.aux))
        return (value.unscaled < 0 ? "-" : "") + digits[..<point] + (value.aux > 0 ? "." + digits[point...] : "") + "m"
    case .string: return "'" + String(decoding: value.bytes, as: UTF8.self) + "'"
    case .bytes: return "b\(Array(value.bytes))"
    case .list: return "[" + elements(Int(value.length)).map(text).joined(separator: ", ") + "]"
    case .map:
        let parts = elements(Int(value.length) * 2).map(text)
        return "{" + stride(from: 0, to: parts.count, by: 2).map { parts[$0] + ": " + parts[$0 + 1] }.joined(separator: ", ") + "}"
    case .type: return Tag(rawValue: UInt8(value.aux))?.typeName ?? "no type"
    case .timestamp, .duration: return typed(value)
    case .optional:
        guard value.length == 1, let content = value.pointer?.assumingMemoryBound(to: Value.self) else { return "none" }
        return "some(\(text(content.pointee)))"
    case .error: return "error \(value.aux)"
    }
}

/// The typed form's content: what stands between the quotes.
private func typed(_ value: Value) -> String {
    var arena = Arena()
    var writer = JSONWriter()
    TypedValue.write(value, record: UnsafeRawBufferPointer(start: nil, count: 0), arena: &arena, to: &writer)
    return String(decoding: writer.bytes, as: UTF8.self).split(separator: "\"").dropFirst(3).first.map(String.init) ?? ""
}
