// Hot path: per record.
import Bytes
import JSON

/// `+ - * / %` and unary minus. Int, uint and double mix: with a double the result is a double, with an int an int; integers that
/// don't fit are an overflow. A decimal on either side makes it decimal arithmetic.
extension Machine {
    @inline(__always)
    mutating func add(_ left: Value, _ right: Value, _ index: UInt32) -> Value {
        if left.isPlainInt, right.isPlainInt {
            let (sum, overflow) = left.int.addingReportingOverflow(right.int)
            return overflow ? fail(.integerOverflow, Position.node(index)) : .int(sum)
        }
        if left.isPlainDouble, right.isPlainDouble { return .double(left.double + right.double) }
        return arithmetic(.add, left, right, index)
    }

    /// Three and more operands of `+`, from left to right. Strings are built in place.
    @inline(never)
    mutating func addChain(_ node: Node, _ index: UInt32) -> Value {
        let start = node.a.raw
        let end = start &+ node.b.raw
        var sum = load(operands[Int(start)])
        if let failure = failure(sum, Position.tableEntry(start)) { return failure }
        var isOwn = false
        var entry = start &+ 1
        while entry < end {
            let next = load(operands[Int(entry)])
            if let failure = failure(next, Position.tableEntry(entry)) { return failure }
            if sum.tag == .string, next.tag == .string {
                sum = concatenate(sum, next, index, extending: isOwn)
                isOwn = true
            } else {
                sum = add(sum, next, index)
                isOwn = false
            }
            if sum.tag == .error { return sum }
            entry &+= 1
        }
        return sum
    }

    @inline(never)
    mutating func arithmetic(_ operation: Operation, _ left: Value, _ right: Value, _ index: UInt32) -> Value {
        if left.isPlainInt, right.isPlainInt { return integers(operation, left.int, right.int, index) }
        guard left.isNumber, right.isNumber else { return otherArithmetic(operation, left, right, index) }
        if tables.strictNumbers, left.tag != right.tag { return noOverload(left, right, index) }
        if left.tag == .decimal || right.tag == .decimal { return decimals(operation, left, right, index) }
        if left.isOutOfRange { return fail(.numberOutOfRange, Position.node(index, operand: 1)) }
        if right.isOutOfRange { return fail(.numberOutOfRange, Position.node(index, operand: 2)) }
        if left.tag == .double || right.tag == .double {
            let (a, b) = (left.asDouble, right.asDouble)
            switch operation {
            case .add: return .double(a + b)
            case .subtract: return .double(a - b)
            case .multiply: return .double(a * b)
            case .divide: return .double(a / b)
            default: return noOverload(left, right, index)
            }
        }
        return mixedIntegers(operation, left, right, index)
    }

    @inline(__always)
    private func integers(_ operation: Operation, _ left: Int64, _ right: Int64, _ index: UInt32) -> Value {
        let result: (partialValue: Int64, overflow: Bool)
        switch operation {
        case .add: result = left.addingReportingOverflow(right)
        case .subtract: result = left.subtractingReportingOverflow(right)
        case .multiply: result = left.multipliedReportingOverflow(by: right)
        case .divide:
            if right == 0 { return fail(.divisionByZero, Position.node(index)) }
            result = left.dividedReportingOverflow(by: right)
        default:
            if right == 0 { return fail(.modulusByZero, Position.node(index)) }
            result = left.remainderReportingOverflow(dividingBy: right)
        }
        return result.overflow ? fail(.integerOverflow, Position.node(index)) : .int(result.partialValue)
    }

    /// At least one uint: two make a uint, with an int the result is an int.
    private func mixedIntegers(_ operation: Operation, _ left: Value, _ right: Value, _ index: UInt32) -> Value {
        let (a, b) = (left.asInt128, right.asInt128)
        let result: (partialValue: Int128, overflow: Bool)
        switch operation {
        case .add: result = (a + b, false)
        case .subtract: result = (a - b, false)
        case .multiply: result = a.multipliedReportingOverflow(by: b)
        case .divide:
            if b == 0 { return fail(.divisionByZero, Position.node(index)) }
            result = (a / b, false)
        default:
            if b == 0 { return fail(.modulusByZero, Position.node(index)) }
            result = (a % b, false)
        }
        if !result.overflow {
            if left.tag == .uint, right.tag == .uint {
                if let value = UInt64(exactly: result.partialValue) { return .uint(value) }
            } else if let value = Int64(exactly: result.partialValue) {
                return .int(value)
            }
        }
        return fail(.integerOverflow, Position.node(index))
    }

    /// `+` of strings, bytes and lists, `+` and `-` of times; every other pair has no overload.
    private mutating func otherArithmetic(_ operation: Operation, _ left: Value, _ right: Value, _ index: UInt32) -> Value {
        if left.isTime, right.isTime { return times(operation, left, right, index) }
        guard operation == .add, left.tag == right.tag else { return noOverload(left, right, index) }
        switch left.tag {
        case .string, .bytes: return concatenate(left, right, index, extending: false)
        case .list: return concatenateLists(left, right)
        default: return noOverload(left, right, index)
        }
    }

    @inline(never)
    mutating func negate(_ value: Value, _ index: UInt32) -> Value {
        switch value.tag {
        case .int:
            let (result, overflow) = Int64(0).subtractingReportingOverflow(value.int)
            return overflow ? fail(.integerOverflow, Position.node(index)) : .int(result)
        case .double:
            return value.isOutOfRange ? fail(.numberOutOfRange, Position.node(index, operand: 1)) : .double(-value.double)
        case .decimal: return decimals(.subtract, .int(0), value, index)
        default: return noOverload(value, index)
        }
    }
}

extension Value {
    @inline(__always) var isNumber: Bool { tag.rawValue &- Tag.int.rawValue <= Tag.decimal.rawValue - Tag.int.rawValue }
    @inline(__always) var isOutOfRange: Bool { isNumber && flags & Flags.outOfRange != 0 }
    /// Of an int, uint or double.
    var asDouble: Double { tag == .double ? double : tag == .uint ? Double(bits) : Double(int) }
    /// Of an int or uint.
    var asInt128: Int128 { tag == .uint ? Int128(bits) : Int128(int) }
}
