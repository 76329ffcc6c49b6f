// libFuzzer's entry point (https://llvm.org/docs/LibFuzzer.html), built by scripts/fuzz. The first byte of the input chooses what
// the rest is given to; nothing that can be written may crash, hang or make two parts that must agree disagree.
import Bytes
import CEL
import JSON
import JSONSchema

private struct Names: NameResolver {
    var paths: [[String]] = []
    var roots: [String] { ["message"] }
    mutating func slot(for path: [String]) -> Int? {
        guard path.first == "message" else { return nil }
        return path.count == 1 ? 0 : 1 + min(path.count, 6)
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 0 else { return 0 }
    let input = UnsafeRawBufferPointer(start: data + 1, count: count - 1)
    switch data[0] & 3 {
    case 0: evaluate(input)
    case 1: read(input)
    case 2: validate(input)
    default: compare(input)
    }
    return 0
}

/// The parser, the compiler and the evaluator, on a record that has something of each type.
private func evaluate(_ input: UnsafeRawBufferPointer) {
    var names = Names()
    guard let program = try? CELProgram.compile(String(decoding: input, as: UTF8.self), resolver: &names) else { return }
    let record = Array(#"{"a":1,"b":[1,2.5,"x",null,{"k":[]}],"c":{"d":"é","e":true},"f":-0.0}"#.utf8)
    record.withUnsafeBytes { record in
        var trie = SlotTrie()
        for name in ["a", "b", "c", "f"] { trie.slot([name]) }
        var scanner = Scanner(trie)
        var arena = Arena()
        withUnsafeTemporaryAllocation(of: Value.self, capacity: 16) { frame in
            guard let frame = frame.baseAddress else { return }
            frame.initialize(repeating: .absent, count: 16)
            guard scanner.scan(record, into: frame, arena: &arena).code == .ok else { fatal("the record isn't read") }
            let value = program.evaluate(frame, record: record, arena: &arena)
            if value.tag == .error { _ = program.describe(value) }
        }
    }
}

/// The scanner and the tape agree on what is JSON, byte for byte.
private func read(_ input: UnsafeRawBufferPointer) {
    var trie = SlotTrie()
    for path in [["a"], ["a", "b"], ["b"]] { trie.slot(path) }
    var scanner = Scanner(trie)
    var tape = Tape()
    var arena = Arena()
    withUnsafeTemporaryAllocation(of: Value.self, capacity: trie.slotCount) { frame in
        guard let frame = frame.baseAddress else { return }
        frame.initialize(repeating: .absent, count: trie.slotCount)
        if tape.read(input) != scanner.scan(input, into: frame, arena: &arena) { fatal("scanner and tape disagree") }
    }
}

/// A schema, from anywhere.
private func validate(_ input: UnsafeRawBufferPointer) {
    guard let schema = try? JSONSchema(Array(input)) else { return }
    var validator = Validator(schema)
    for text in [#"{"a":1,"b":["x",2.5]}"#, #""é""#, "[1,1.0,null]", "-0.5"] {
        Array(text.utf8).withUnsafeBytes { value in
            if validator.isValid(value) != validator.explain(value).isEmpty { fatal("valid, and with failures") }
        }
    }
    _ = schema.fields()
}

/// A schema and a value, with a zero byte between them.
private func compare(_ input: UnsafeRawBufferPointer) {
    guard let zero = input.firstIndex(of: 0), let schema = try? JSONSchema(Array(input[..<zero])) else { return }
    var validator = Validator(schema)
    let value = UnsafeRawBufferPointer(rebasing: input[(zero + 1)...])
    if validator.isValid(value) != validator.explain(value).isEmpty { fatal("valid, and with failures") }
}

/// What libFuzzer takes for a crash, with the input kept.
private func fatal(_ message: StaticString) -> Never { preconditionFailure("\(message)") }
