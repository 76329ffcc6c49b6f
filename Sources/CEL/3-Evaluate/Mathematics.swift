// Hot path: per record.
import Bytes
import JSON

/// The functions of the math library (https://pkg.go.dev/github.com/google/cel-go/ext#Math), for decimals too where it makes sense.
extension Machine {
    @inline(never)
    mutating func mathematics(_ operation: Operation, _ value: Value, _ index: UInt32) -> Value {
        if value.isOutOfRange { return fail(.numberOutOfRange, Position.node(index, operand: 1)) }
        switch value.tag {
        case .int: return ofInt(operation, value, index)
        case .uint: return ofUint(operation, value, index)
        case .double: return ofDouble(operation, value.double, value, index)
        case .decimal:
            switch operation {
            case .absolute: return value.unscaled < 0 ? negate(value, index) : value
            case .sign: return .decimal(Int64(value.unscaled.signum()), scale: 0)
            case .decimalSign: return .int(Int64(value.unscaled.signum()))
            case .ceiling, .floor, .round, .truncate: return rounded(operation, value, scale: 0, index)
            default: return noOverload(value, index)
            }
        default: return noOverload(value, index)
        }
    }

    private func ofInt(_ operation: Operation, _ value: Value, _ index: UInt32) -> Value {
        switch operation {
        case .absolute: Int64(exactly: value.int.magnitude).map { .int($0) } ?? fail(.integerOverflow, Position.node(index))
        case .sign: .int(value.int.signum())
        case .bitNot: .int(~value.int)
        case .squareRoot: .double(Double(value.int).squareRoot())
        default: noOverload(value, index)
        }
    }

    private func ofUint(_ operation: Operation, _ value: Value, _ index: UInt32) -> Value {
        switch operation {
        case .absolute: value
        case .sign: .uint(value.bits == 0 ? 0 : 1)
        case .bitNot: .uint(~value.bits)
        case .squareRoot: .double(Double(value.bits).squareRoot())
        default: noOverload(value, index)
        }
    }

    private func ofDouble(_ operation: Operation, _ number: Double, _ value: Value, _ index: UInt32) -> Value {
        switch operation {
        case .absolute: .double(number.magnitude)
        case .sign: .double(number > 0 ? 1 : number < 0 ? -1 : number.isNaN ? number : 0)
        case .squareRoot: .double(number.squareRoot())
        case .isNaN: .bool(number.isNaN)
        case .isInfinite: .bool(number.isInfinite)
        case .isFinite: .bool(number.isFinite)
        case .ceiling: .double(number.rounded(.up))
        case .floor: .double(number.rounded(.down))
        case .round: .double(number.rounded(.toNearestOrAwayFromZero))
        case .truncate: .double(number.rounded(.towardZero))
        default: noOverload(value, index)
        }
    }

    func bits(_ operation: Operation, _ left: Value, _ right: Value, _ index: UInt32) -> Value {
        guard left.tag == .int || left.tag == .uint else { return noOverload(left, right, index) }
        func result(_ bits: UInt64) -> Value { left.tag == .int ? .int(Int64(bitPattern: bits)) : .uint(bits) }
        if operation == .bitShiftLeft || operation == .bitShiftRight {
            guard right.tag == .int else { return noOverload(left, right, index) }
            if right.int < 0 { return fail(.negativeShift, Position.node(index)) }
            if right.int >= 64 { return result(0) }
            return result(operation == .bitShiftLeft ? left.bits << right.bits : left.bits >> right.bits)
        }
        guard right.tag == left.tag else { return noOverload(left, right, index) }
        return switch operation {
        case .bitAnd: result(left.bits & right.bits)
        case .bitOr: result(left.bits | right.bits)
        default: result(left.bits ^ right.bits)
        }
    }

    /// `math.greatest` and `math.least` of a list's numbers, or of one number. Of equal ones the first.
    mutating func extreme(_ operation: Operation, _ value: Value, _ index: UInt32) -> Value {
        if value.isNumber { return value.withoutLiteral }
        guard value.tag == .list else { return noOverload(value, index) }
        let items = elements(value)
        guard !items.isEmpty else { return fail(.indexOutOfBounds, Position.node(index)) }
        var best = items[0]
        for item in items {
            guard item.isNumber else { return noOverload(item, at: Position.node(index)) }
            let order = order(item, best)
            if let failure = orderFailure(order, index) { return failure }
            if order == (operation == .greatest ? .greater : .less) { best = item }
        }
        return best.withoutLiteral
    }
}
