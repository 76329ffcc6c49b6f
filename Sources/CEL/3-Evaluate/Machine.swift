// Hot path: per record.
import Bytes
import JSON

/// Evaluates a program's nodes on a frame: one recursive switch. Everything it points to belongs to the program or the caller and
/// outlives the evaluation. Recursion is bounded by `Expression.maxDepth`.
struct Machine: ~Copyable {
    let tables: Tables
    let frame: UnsafePointer<Value>
    /// The variables of comprehensions.
    let locals: UnsafeMutablePointer<Value>
    let record: UnsafeRawBufferPointer
    let arena: UnsafeMutablePointer<Arena>
    /// What an evaluation may still cost: 1 for each element a macro visits, for four values and for 128 bytes that it makes. So
    /// nested macros over long lists, and texts that double and double, end with an error: not never, and not with the memory.
    var stepsLeft = 2_000_000

    init(
        tables: Tables, frame: UnsafePointer<Value>, locals: UnsafeMutablePointer<Value>, record: UnsafeRawBufferPointer,
        arena: UnsafeMutablePointer<Arena>
    ) {
        self.tables = tables
        self.frame = frame
        self.locals = locals
        self.record = record
        self.arena = arena
    }

    @inline(__always) var nodes: UnsafePointer<Node> { tables.nodes }
    @inline(__always) var operands: UnsafePointer<Operand> { tables.operands }
    @inline(__always) var constants: UnsafePointer<Value> { tables.constants }

    @inline(__always)
    mutating func load(_ operand: Operand) -> Value {
        switch operand.kind {
        case 0: frame[operand.index]
        case 1: constants[operand.index]
        case 2: run(UInt32(truncatingIfNeeded: operand.index))
        default: locals[operand.index]
        }
    }

    /// A program's result: never absent.
    @inline(__always)
    mutating func result(_ root: Operand) -> Value {
        let value = load(root)
        if stepsLeft < 0 { return fail(.tooManySteps, Position.root) }
        return value.tag == .absent ? fail(.noSuchField, Position.root) : value.withoutLiteral
    }

    mutating func run(_ index: UInt32) -> Value {
        let node = nodes[Int(index)]
        switch node.operation {
        case .and: return logical(node, absorbing: 0)
        case .or: return logical(node, absorbing: 1)
        case .not:
            let value = load(node.a)
            return value.tag == .bool ? .bool(value.bits == 0) : noOverload(value, index)
        case .conditional:
            let condition = load(node.a)
            guard condition.tag == .bool else { return noOverload(condition, index) }
            let value = condition.bits != 0 ? load(node.b) : load(node.c)
            return value.tag == .absent ? fail(.noSuchField, Position.node(index, operand: condition.bits != 0 ? 2 : 3)) : value
        case .equal:
            let left = load(node.a)
            let right = load(node.b)
            if left.tag == .string, right.tag == .string { return .bool(equalBytes(left, right)) }
            return equality(left, right, index, negated: false)
        case .notEqual:
            let left = load(node.a)
            let right = load(node.b)
            if left.tag == .string, right.tag == .string { return .bool(!equalBytes(left, right)) }
            return equality(left, right, index, negated: true)
        case .less:
            let left = load(node.a)
            let right = load(node.b)
            if left.isPlainDouble, right.isPlainDouble { return .bool(left.double < right.double) }
            if left.isPlainInt, right.isPlainInt { return .bool(left.int < right.int) }
            return comparison(.less, left, right, index)
        case .lessEqual:
            let left = load(node.a)
            let right = load(node.b)
            if left.isPlainDouble, right.isPlainDouble { return .bool(left.double <= right.double) }
            if left.isPlainInt, right.isPlainInt { return .bool(left.int <= right.int) }
            return comparison(.lessEqual, left, right, index)
        case .greater:
            let left = load(node.a)
            let right = load(node.b)
            if left.isPlainDouble, right.isPlainDouble { return .bool(left.double > right.double) }
            if left.isPlainInt, right.isPlainInt { return .bool(left.int > right.int) }
            return comparison(.greater, left, right, index)
        case .greaterEqual:
            let left = load(node.a)
            let right = load(node.b)
            if left.isPlainDouble, right.isPlainDouble { return .bool(left.double >= right.double) }
            if left.isPlainInt, right.isPlainInt { return .bool(left.int >= right.int) }
            return comparison(.greaterEqual, left, right, index)
        case .add:
            let left = load(node.a)
            let right = load(node.b)
            return add(left, right, index)
        case .subtract:
            let left = load(node.a)
            let right = load(node.b)
            if left.isPlainDouble, right.isPlainDouble { return .double(left.double - right.double) }
            return arithmetic(.subtract, left, right, index)
        case .multiply:
            let left = load(node.a)
            let right = load(node.b)
            if left.isPlainDouble, right.isPlainDouble { return .double(left.double * right.double) }
            return arithmetic(.multiply, left, right, index)
        case .divide, .modulo:
            let left = load(node.a)
            let right = load(node.b)
            return arithmetic(node.operation, left, right, index)
        case .inSet:
            let value = load(node.a)
            return value.tag == .string ? .bool(StringSet.contains(value, constants[node.c.index])) : inList(value, node, index)
        case .hasSlot:
            return load(node.a).tag != .absent ? .bool(true) : hasInParent(node, index)
        case .matches:
            let value = load(node.a)
            return value.tag == .string ? .bool(matches(value, tables.patterns[node.c.index])) : noOverload(value, index)
        case .isText:
            let value = load(node.a)
            return value.tag == .string ? .bool(equalBytes(value, constants[node.b.index])) : noOverload(value, index)
        case .startsWith:
            let text = load(node.a)
            let prefix = load(node.b)
            return text.tag == .string && prefix.tag == .string
                ? .bool(hasPrefix(text, prefix)) : noOverload(text, prefix, index)
        case .endsWith:
            let text = load(node.a)
            let suffix = load(node.b)
            return text.tag == .string && suffix.tag == .string
                ? .bool(hasSuffix(text, suffix)) : noOverload(text, suffix, index)
        case .contains:
            let text = load(node.a)
            let part = load(node.b)
            return text.tag == .string && part.tag == .string
                ? .bool(find(part.bytes, in: text.bytes) != nil) : noOverload(text, part, index)
        default: return call(node, index)
        }
    }

    /// `&&` (absorbing false) and `||` (absorbing true): the absorbing value wins over errors on either side.
    @inline(__always)
    private mutating func logical(_ node: Node, absorbing: UInt64) -> Value {
        var entry = node.a.raw
        let end = entry &+ node.b.raw
        while entry < end {
            let value = load(operands[Int(entry)])
            guard value.tag == .bool else { return absorb(value, entry, end, absorbing) }
            if value.bits == absorbing { return value }
            entry &+= 1
        }
        return .bool(absorbing == 0)
    }

    @inline(never)
    private mutating func absorb(_ first: Value, _ entry: UInt32, _ end: UInt32, _ absorbing: UInt64) -> Value {
        let failure = self.failure(first, Position.tableEntry(entry)) ?? noOverload(first, at: Position.tableEntry(entry))
        var next = entry &+ 1
        while next < end {
            let value = load(operands[Int(next)])
            if value.tag == .bool, value.bits == absorbing { return value }
            next &+= 1
        }
        return failure
    }

    // MARK: Errors

    @inline(never)
    func fail(_ error: EvaluationError, _ position: UInt32) -> Value { .error(error.rawValue, node: position) }

    /// The error that an operand is or makes: itself, or for an absent field `no such field`; nil: it is a value.
    @inline(__always)
    func failure(_ value: Value, _ position: UInt32) -> Value? {
        if value.tag == .error { return value }
        return value.tag == .absent ? fail(.noSuchField, position) : nil
    }

    /// The operand's own error, or else that the operation isn't for its type. The types go along, for the message.
    @inline(never)
    func noOverload(_ value: Value, _ index: UInt32) -> Value {
        failure(value, Position.node(index, operand: 1)) ?? noOverload(value, at: Position.node(index))
    }

    @inline(never)
    func noOverload(_ value: Value, at position: UInt32) -> Value {
        var error = Value.error(EvaluationError.noMatchingOverload.rawValue, node: position)
        error.bits = 1 | UInt64(value.tag.rawValue) << 8
        return error
    }

    @inline(never)
    func noOverload(_ first: Value, _ second: Value, _ index: UInt32) -> Value {
        if let failure = failure(first, Position.node(index, operand: 1)) { return failure }
        if let failure = failure(second, Position.node(index, operand: 2)) { return failure }
        var error = Value.error(EvaluationError.noMatchingOverload.rawValue, node: Position.node(index))
        error.bits = 2 | UInt64(first.tag.rawValue) << 8 | UInt64(second.tag.rawValue) << 16
        return error
    }
}

extension Value {
    /// On double literals: `length` is the number of the constant that has the literal's digits as a decimal, or `noDecimal`.
    static var literalFlag: UInt8 { 0x80 }
    static var noDecimal: UInt32 { .max }

    @inline(__always) var isPlainInt: Bool { meta & 0xff == UInt64(Tag.int.rawValue) }
    /// A double that is the number meant (not a stand-in for digits out of its range).
    @inline(__always)
    var isPlainDouble: Bool { meta & (UInt64(Flags.outOfRange) << 8 | 0xff) == UInt64(Tag.double.rawValue) }

    /// Without the mark that only this module knows.
    @inline(__always)
    var withoutLiteral: Value { meta & (UInt64(Value.literalFlag) << 8) == 0 ? self : Value(tag, bits: bits) }
}
