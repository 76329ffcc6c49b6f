import Bytes
import CRE2
import JSON

/// Where something stands in the source, in UTF-8 bytes.
struct SourceSpan: BitwiseCopyable {
    var start: UInt32
    var end: UInt32

    init(_ start: Int, _ end: Int) {
        self.start = UInt32(start)
        self.end = UInt32(end)
    }
}

/// A program while it is put together, and the owner of its constants and patterns afterwards.
final class Assembly {
    private(set) var nodes: [Node] = []
    /// Four for each node: its own and its three operands'.
    private(set) var spans: [SourceSpan] = []
    private(set) var operands: [Operand] = []
    private(set) var operandSpans: [SourceSpan] = []
    private(set) var constants: [Value] = []
    private(set) var patterns: [OpaquePointer] = []
    private(set) var zones: [UnsafePointer<TimeZone>] = []
    /// How many comprehension variables are in use at once.
    var localCount = 0
    private var arena = Arena(chunkBytes: 4 << 10)

    deinit { for pattern in patterns { cre2_free(pattern) } }

    func constant(_ value: Value) -> Operand {
        constants.append(value)
        return .constant(UInt32(constants.count - 1))
    }

    /// A string or bytes constant.
    func constant(_ tag: Tag, _ bytes: [UInt8]) -> Operand { constant(copy(tag, bytes)) }

    private func copy(_ tag: Tag, _ bytes: [UInt8]) -> Value {
        let kept = bytes.withUnsafeBytes { arena.copy($0) }
        return Value(tag, length: UInt32(kept.count), bits: UInt64(UInt(bitPattern: kept.baseAddress)))
    }

    func stringSet(_ list: Value) -> Operand {
        let strings = UnsafeBufferPointer(start: list.pointer?.assumingMemoryBound(to: Value.self), count: Int(list.length))
        return constant(StringSet.make(strings, arena: &arena))
    }

    /// Compiles a pattern; returns its number, or throws RE2's message.
    func pattern(_ source: Value, at offset: Int) throws(CELError) -> UInt32 {
        var message = [CChar](repeating: 0, count: 256)
        let text = source.pointer?.assumingMemoryBound(to: CChar.self)
        guard let compiled = cre2_compile(text, Int(source.length), &message, message.count) else {
            let reason = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw CELError("invalid regular expression: \(reason)", at: offset)
        }
        patterns.append(compiled)
        return UInt32(patterns.count - 1)
    }

    /// A time zone's number.
    func zone(_ zone: UnsafePointer<TimeZone>) -> UInt32 {
        zones.append(zone)
        return UInt32(zones.count - 1)
    }

    /// The value form of a decimal, in the program's own memory; nil: it doesn't fit.
    func value(of decimal: Decimal) -> Value? { withUnsafeMutablePointer(to: &arena) { decimal.value(in: $0) } }

    /// Which of so many operands are optionals to be unwrapped: bits in the operand table; its place there plus 1.
    func flags(_ optional: Set<Int>, count: Int) -> Operand {
        let start = operands.count
        for word in 0..<(count + 31) / 32 {
            var bits: UInt32 = 0
            for bit in 0..<32 where optional.contains(word * 32 + bit) { bits |= 1 << UInt32(bit) }
            operands.append(Operand(raw: bits))
            operandSpans.append(SourceSpan(0, 0))
        }
        return Operand(raw: UInt32(start + 1))
    }

    func table(_ entries: [Compiled]) -> (start: Operand, count: Operand) {
        let start = operands.count
        for entry in entries {
            operands.append(entry.operand)
            operandSpans.append(SourceSpan(entry.start, entry.end))
        }
        return (Operand(raw: UInt32(start)), Operand(raw: UInt32(entries.count)))
    }

    func node(_ node: Node, _ start: Int, _ end: Int, _ parts: [Compiled]) -> Operand {
        nodes.append(node)
        spans.append(SourceSpan(start, end))
        for index in 0..<3 {
            spans.append(index < parts.count ? SourceSpan(parts[index].start, parts[index].end) : SourceSpan(start, end))
        }
        return .node(UInt32(nodes.count - 1))
    }

    /// Runs the latest node, whose operands are all constants. What it makes lies in the program's own memory.
    func evaluateLast(strictNumbers: Bool) -> Value {
        withTables(strictNumbers: strictNumbers) { tables in
            withUnsafeMutablePointer(to: &arena) { arena in
                withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { nothing in
                    // Only constants are read, so nothing is ever looked for in frame and locals.
                    let none = nothing.baseAddress.unsafelyUnwrapped
                    var machine = Machine(
                        tables: tables, frame: UnsafePointer(none), locals: none,
                        record: UnsafeRawBufferPointer(start: nil, count: 0), arena: arena)
                    return machine.run(UInt32(nodes.count - 1))
                }
            }
        }
    }

    /// The tables as they are now, for the time of the call.
    private func withTables(strictNumbers: Bool, _ body: (Tables) -> Value) -> Value {
        nodes.withUnsafeBufferPointer { nodes in
            operands.withUnsafeBufferPointer { operands in
                constants.withUnsafeBufferPointer { constants in
                    patterns.withUnsafeBufferPointer { patterns in
                        zones.withUnsafeBufferPointer { zones in
                            body(
                                Tables(
                                    nodes: Tables.base(nodes), operands: Tables.base(operands), constants: Tables.base(constants),
                                    patterns: Tables.base(patterns), zones: Tables.base(zones), strictNumbers: strictNumbers))
                        }
                    }
                }
            }
        }
    }

    /// Takes the latest node back, with its entries of the operand table (from `start` on).
    func dropLast(operandsFrom start: Int) {
        nodes.removeLast()
        spans.removeLast(4)
        operands.removeLast(operands.count - start)
        operandSpans.removeLast(operandSpans.count - start)
    }
}

/// What an expression compiled to: where its value comes from, its possible types, its span.
struct Compiled {
    var operand: Operand
    var types: TypeSet
    var start: Int
    var end: Int
}
