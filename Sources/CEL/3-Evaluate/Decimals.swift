// Hot path: per record.
import Bytes
import JSON

/// A decimal while it is computed with: wider than its value form, so that intermediate results have room.
struct Decimal: BitwiseCopyable {
    var unscaled: Int128
    /// Digits after the point, not negative.
    var scale: Int
    var state = State.ok

    enum State: UInt8 { case ok, computedDouble, overflow, notANumber }

    static func failed(_ state: State) -> Decimal { Decimal(unscaled: 0, scale: 0, state: state) }

    /// Reads an optional sign, digits, fraction and exponent: JSON's numbers and what `decimal('…')` takes.
    static func parse(_ text: UnsafeRawBufferPointer) -> Decimal {
        var index = 0
        let negative = index < text.count && text[index] == UInt8(ascii: "-")
        if negative || (index < text.count && text[index] == UInt8(ascii: "+")) { index += 1 }
        var result = Decimal(unscaled: 0, scale: 0)
        var zeros = 0  // after the point and not yet counted: trailing ones take no room
        var digits = 0
        var afterPoint = false
        while index < text.count {
            let byte = text[index]
            if byte == UInt8(ascii: "."), !afterPoint {
                afterPoint = true
            } else if byte.isDigit {
                digits += 1
                if afterPoint, byte == UInt8(ascii: "0") {
                    zeros += 1
                } else {
                    let shift = zeros + 1
                    result = result.shifted(by: shift)
                    let (sum, overflow) = result.unscaled.addingReportingOverflow(Int128(byte &- UInt8(ascii: "0")))
                    if overflow { return failed(.overflow) }
                    result.unscaled = sum
                    if afterPoint { result.scale += shift }
                    zeros = 0
                }
            } else {
                break
            }
            if result.state != .ok { return result }
            index += 1
        }
        guard digits > 0, text[index - 1] != UInt8(ascii: ".") else { return failed(.notANumber) }
        // Zeros written after the point say how precise the number is: kept where there is room.
        if zeros > 0, zeros < 38 {
            let wider = result.shifted(by: zeros)
            if wider.state == .ok, wider.unscaled.magnitude < maxUnscaled {
                result.unscaled = wider.unscaled
                result.scale += zeros
            }
        }
        if index < text.count {
            guard text[index] | 0x20 == UInt8(ascii: "e"), let exponent = exponent(text, index + 1) else {
                return failed(.notANumber)
            }
            result.scale -= exponent
        }
        if negative { result.unscaled = -result.unscaled }
        if result.scale < 0 {
            result = result.shifted(by: -result.scale)
            result.scale = 0
        }
        return result
    }

    private static func exponent(_ text: UnsafeRawBufferPointer, _ start: Int) -> Int? {
        var index = start
        let negative = index < text.count && text[index] == UInt8(ascii: "-")
        if negative || (index < text.count && text[index] == UInt8(ascii: "+")) { index += 1 }
        guard index < text.count else { return nil }
        var value = 0
        while index < text.count {
            guard text[index].isDigit else { return nil }
            value = min(value * 10 + Int(text[index] &- UInt8(ascii: "0")), 1_000_000)
            index += 1
        }
        return negative ? -value : value
    }

    /// Times ten to a power, the scale left alone. At most 38 digits.
    func shifted(by power: Int) -> Decimal {
        var result = self
        if unscaled == 0 { return result }
        if power > 38 { return .failed(.overflow) }
        var left = power
        while left > 0 {
            let step = min(left, 18)
            var factor: Int128 = 1
            for _ in 0..<step { factor *= 10 }
            let (product, overflow) = result.unscaled.multipliedReportingOverflow(by: factor)
            if overflow { return .failed(.overflow) }
            result.unscaled = product
            left -= step
        }
        return result
    }

    /// What has 39 digits.
    private static var maxUnscaled: UInt128 { 100_000_000_000_000_000_000_000_000_000_000_000_000 }

    /// Trailing zeros after the point go where they don't fit 38 digits. Nil: overflow.
    private var fitted: Decimal? {
        var result = self
        if result.unscaled == 0 { result.scale = min(result.scale, 64) }
        while result.unscaled.magnitude >= Decimal.maxUnscaled || result.scale > Int(UInt16.max) {
            guard result.scale > 0, result.unscaled % 10 == 0 else { return nil }
            result.unscaled /= 10
            result.scale -= 1
        }
        return result
    }

    var fits: Bool { fitted != nil }

    /// The value form: at most 38 digits, more than 64 bits in the arena. Nil: overflow.
    func value(in arena: UnsafeMutablePointer<Arena>) -> Value? {
        guard let result = fitted else { return nil }
        let scale = UInt16(truncatingIfNeeded: result.scale)
        if let narrow = Int64(exactly: result.unscaled) { return .decimal(narrow, scale: scale) }
        let place = arena.pointee.allocate(MemoryLayout<Int128>.size)
        place.storeBytes(of: result.unscaled, as: Int128.self)
        return Value(.decimal, flags: Value.Flags.wide, aux: scale, bits: UInt64(UInt(bitPattern: place)))
    }
}

extension Machine {
    /// A number as decimal: ints as they are, doubles by the digits they were written with.
    func decimal(of value: Value) -> Decimal {
        switch value.tag {
        case .int, .uint: return Decimal(unscaled: value.asInt128, scale: 0)
        case .decimal: return Decimal(unscaled: value.unscaled, scale: Int(value.aux))
        case .double:
            if value.flags & Value.Flags.digits != 0 { return .parse(digits(of: value, record: record)) }
            if value.flags & Value.literalFlag != 0, value.length != Value.noDecimal {
                return decimal(of: constants[Int(value.length)])
            }
            return .failed(.computedDouble)
        default: return .failed(.notANumber)
        }
    }

    @inline(never)
    mutating func decimals(_ operation: Operation, _ left: Value, _ right: Value, _ index: UInt32) -> Value {
        let (a, b) = (decimal(of: left), decimal(of: right))
        if a.state != .ok { return fail(a.state.error, Position.node(index, operand: 1)) }
        if b.state != .ok { return fail(b.state.error, Position.node(index, operand: 2)) }
        let result: Decimal
        switch operation {
        case .add, .subtract: result = sum(a, b, negated: operation == .subtract)
        case .multiply:
            let (product, overflow) = a.unscaled.multipliedReportingOverflow(by: b.unscaled)
            result = overflow ? .failed(.overflow) : Decimal(unscaled: product, scale: a.scale + b.scale)
        case .divide:
            if b.unscaled == 0 { return fail(.divisionByZero, Position.node(index)) }
            result = quotient(a, b)
        case .modulo:
            if b.unscaled == 0 { return fail(.modulusByZero, Position.node(index)) }
            result = remainder(a, b)
        default: return noOverload(left, right, index)
        }
        if result.state == .ok, let value = result.value(in: arena) { return value }
        return fail(.decimalOverflow, Position.node(index))
    }

    private func sum(_ a: Decimal, _ b: Decimal, negated: Bool) -> Decimal {
        let scale = max(a.scale, b.scale)
        let (x, y) = (a.shifted(by: scale - a.scale), b.shifted(by: scale - b.scale))
        if x.state != .ok || y.state != .ok { return .failed(.overflow) }
        let (sum, overflow) =
            negated
            ? x.unscaled.subtractingReportingOverflow(y.unscaled) : x.unscaled.addingReportingOverflow(y.unscaled)
        return overflow ? .failed(.overflow) : Decimal(unscaled: sum, scale: scale)
    }

    /// What the whole quotient leaves, with the dividend's sign.
    private func remainder(_ a: Decimal, _ b: Decimal) -> Decimal {
        let scale = max(a.scale, b.scale)
        let (x, y) = (a.shifted(by: scale - a.scale), b.shifted(by: scale - b.scale))
        return x.state != .ok || y.state != .ok ? .failed(.overflow) : Decimal(unscaled: x.unscaled % y.unscaled, scale: scale)
    }

    /// Rounded to so many digits after the point (negative: before it); where there are fewer, as it is.
    func rounded(_ operation: Operation, _ value: Value, scale: Int64, _ index: UInt32) -> Value {
        let number = decimal(of: value)
        guard scale < Int64(number.scale) else { return value }
        guard scale >= -38 else { return fail(.decimalOverflow, Position.node(index)) }
        let dropped = number.scale - Int(scale)
        var unit: Int128 = 1
        for _ in 0..<min(dropped, 38) { unit *= 10 }
        // Beyond 38 digits nothing is left but, rounding away from zero, a unit.
        var (quotient, rest) = dropped <= 38 ? number.unscaled.quotientAndRemainder(dividingBy: unit) : (0, number.unscaled)
        let sign: Int128 = number.unscaled < 0 ? -1 : 1
        switch operation {
        case .floor: if rest < 0 { quotient -= 1 }
        case .ceiling: if rest > 0 { quotient += 1 }
        case .round: if dropped <= 38, rest.magnitude >= (unit.magnitude + 1) / 2 { quotient += sign }
        default: rest = 0
        }
        var result = Decimal(unscaled: quotient, scale: max(Int(scale), 0))
        if scale < 0 { result = result.shifted(by: Int(-scale)) }
        guard result.state == .ok, let rounded = result.value(in: arena) else {
            return fail(.decimalOverflow, Position.node(index))
        }
        return rounded
    }

    /// Twelve digits after the point, or as many as an operand has if that is more, or as many as fit; the last one rounded half
    /// to even. Zeros at the end are dropped, down to the operands' own scale.
    private func quotient(_ a: Decimal, _ b: Decimal) -> Decimal {
        let least = max(a.scale, b.scale, 0)
        var scale = max(least, 12)
        while scale >= least {
            let shift = scale - a.scale + b.scale
            let numerator = a.shifted(by: max(shift, 0))
            if numerator.state == .ok {
                var result = Decimal(unscaled: roundedQuotient(numerator.unscaled, b.unscaled), scale: scale)
                while result.scale > least, result.unscaled % 10 == 0 {
                    result.unscaled /= 10
                    result.scale -= 1
                }
                if result.fits { return result }
            }
            scale -= 1
        }
        return .failed(.overflow)
    }

    private func roundedQuotient(_ numerator: Int128, _ denominator: Int128) -> Int128 {
        let (quotient, remainder) = numerator.quotientAndRemainder(dividingBy: denominator)
        let (twice, whole) = (remainder.magnitude << 1, denominator.magnitude)
        if twice < whole || (twice == whole && quotient & 1 == 0) { return quotient }
        return quotient + ((numerator < 0) == (denominator < 0) ? 1 : -1)
    }

    func decimalOrder(_ left: Value, _ right: Value) -> Order {
        let (a, b) = (decimal(of: left), decimal(of: right))
        if a.state == .computedDouble || b.state == .computedDouble { return .computedDouble }
        if a.state != .ok || b.state != .ok { return .outOfRange }
        let scale = max(a.scale, b.scale)
        let (x, y) = (a.shifted(by: scale - a.scale), b.shifted(by: scale - b.scale))
        // What doesn't fit when brought to the other's scale is the larger of the two in magnitude.
        if x.state != .ok { return a.unscaled < 0 ? .less : .greater }
        if y.state != .ok { return b.unscaled < 0 ? .greater : .less }
        return x.unscaled < y.unscaled ? .less : x.unscaled == y.unscaled ? .equal : .greater
    }
}

extension Decimal.State {
    var error: EvaluationError {
        switch self {
        case .computedDouble: .decimalFromDouble
        case .overflow: .decimalOverflow
        case .notANumber, .ok: .conversion
        }
    }
}
