// Hot path: per record.
import Bytes
import JSON

/// How two values stand to each other.
enum Order: UInt8 {
    case less, equal, greater
    /// With NaN.
    case unordered
    case differentTypes
    /// A number from the record that no 64-bit type holds.
    case outOfRange
    /// A decimal and a double that was computed.
    case computedDouble
}

extension Machine {
    /// `==` and `!=`: numbers compare exactly whatever their types, other types are never equal.
    @inline(never)
    mutating func equality(_ left: Value, _ right: Value, _ index: UInt32, negated: Bool) -> Value {
        if left.isPlainInt, right.isPlainInt { return .bool((left.int == right.int) != negated) }
        if let failure = failure(left, Position.node(index, operand: 1)) { return failure }
        if let failure = failure(right, Position.node(index, operand: 2)) { return failure }
        let order = equalityOrder(left, right)
        return orderFailure(order, index) ?? .bool((order == .equal) != negated)
    }

    /// `< <= > >=`.
    @inline(never)
    mutating func comparison(_ operation: Operation, _ left: Value, _ right: Value, _ index: UInt32) -> Value {
        let order = order(left, right)
        if order == .differentTypes { return noOverload(left, right, index) }
        if let failure = orderFailure(order, index) { return failure }
        return switch operation {
        case .less: .bool(order == .less)
        case .lessEqual: .bool(order == .less || order == .equal)
        case .greater: .bool(order == .greater)
        default: .bool(order == .greater || order == .equal)
        }
    }

    func orderFailure(_ order: Order, _ index: UInt32) -> Value? {
        switch order {
        case .outOfRange: fail(.numberOutOfRange, Position.node(index))
        case .computedDouble: fail(.decimalFromDouble, Position.node(index))
        default: nil
        }
    }

    /// `.equal`, or why not; lists and maps by their elements.
    mutating func equalityOrder(_ left: Value, _ right: Value) -> Order {
        if left.isNumber || right.isNumber { return order(left, right) }
        guard left.tag == right.tag else { return .differentTypes }
        switch left.tag {
        case .null: return .equal
        case .type: return left.aux == right.aux ? .equal : .less
        case .list: return listEquality(left, right)
        case .map: return mapEquality(left, right)
        case .optional:
            guard let a = content(left), let b = content(right) else { return left.length == right.length ? .equal : .less }
            return equalityOrder(a, b)
        default: return order(left, right)
        }
    }

    /// Order of two values of one ordered type, or of two numbers.
    mutating func order(_ left: Value, _ right: Value) -> Order {
        if left.isNumber, right.isNumber { return numberOrder(left, right) }
        guard left.tag == right.tag else { return .differentTypes }
        switch left.tag {
        case .string, .bytes: return byteOrder(left.bytes, right.bytes)
        case .bool: return left.bits < right.bits ? .less : left.bits == right.bits ? .equal : .greater
        case .duration: return left.int < right.int ? .less : left.int == right.int ? .equal : .greater
        case .timestamp:
            if left.int != right.int { return left.int < right.int ? .less : .greater }
            return left.length < right.length ? .less : left.length == right.length ? .equal : .greater
        default: return .differentTypes
        }
    }

    private func numberOrder(_ left: Value, _ right: Value) -> Order {
        if left.tag == .decimal || right.tag == .decimal { return decimalOrder(left, right) }
        if left.isOutOfRange || right.isOutOfRange { return .outOfRange }
        if tables.strictNumbers, left.tag == .double || right.tag == .double {
            return doubleOrder(left.asDouble, right.asDouble)
        }
        if left.tag == .double {
            if right.isExactDouble { return doubleOrder(left.double, right.asDouble) }
            return switch doubleOrder(right.asInt128, left.double) {
            case .less: .greater
            case .greater: .less
            case let other: other
            }
        }
        if right.tag == .double {
            return left.isExactDouble ? doubleOrder(left.asDouble, right.double) : doubleOrder(left.asInt128, right.double)
        }
        if left.tag == .int, right.tag == .int { return left.int < right.int ? .less : left.int == right.int ? .equal : .greater }
        let (a, b) = (left.asInt128, right.asInt128)
        return a < b ? .less : a == b ? .equal : .greater
    }

    private func doubleOrder(_ left: Double, _ right: Double) -> Order {
        left < right ? .less : left == right ? .equal : left > right ? .greater : .unordered
    }

    /// An integer (of at most 65 bits) and a double, exactly: the integer is never rounded to a double.
    private func doubleOrder(_ left: Int128, _ right: Double) -> Order {
        if right.isNaN { return .unordered }
        if right >= 0x1p64 { return .less }
        if right < -0x1p63 { return .greater }
        let whole = Int128(right)
        if left != whole { return left < whole ? .less : .greater }
        let fraction = right - right.rounded(.towardZero)
        return fraction > 0 ? .less : fraction < 0 ? .greater : .equal
    }
}

extension Value {
    /// A double, or an int that is one without rounding.
    fileprivate var isExactDouble: Bool { tag == .double || (tag == .int && int.magnitude <= 1 << 53) }
}
