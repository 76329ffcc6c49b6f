// Hot path: per record.
import Bytes
import JSON

/// `int() uint() double() string() bool() bytes() decimal()`. A value that has no counterpart in the type is an error.
extension Machine {
    func toInt(_ value: Value, _ index: UInt32) -> Value {
        switch value.tag {
        case .int: return .int(value.int)
        case .uint:
            guard let result = Int64(exactly: value.bits) else { break }
            return .int(result)
        case .double:
            // Both bounds of Int64 are refused as doubles, which stand for a range of integers there.
            guard !value.isOutOfRange, value.double > -0x1p63, value.double < 0x1p63 else { break }
            return .int(Int64(value.double))
        case .decimal:
            guard let whole = Int64(exactly: wholePart(value)) else { break }
            return .int(whole)
        case .string:
            guard let result = integer(value.bytes), let narrow = Int64(exactly: result) else { break }
            return .int(narrow)
        case .timestamp: return .int(value.int)
        default: return noOverload(value, index)
        }
        return conversionFailure(value, index)
    }

    func toUint(_ value: Value, _ index: UInt32) -> Value {
        switch value.tag {
        case .int:
            guard let result = UInt64(exactly: value.int) else { break }
            return .uint(result)
        case .uint: return value
        case .double:
            // The digits of an integer beyond Int64 may well be a uint.
            if value.isOutOfRange, let exact = integer(digits(of: value, record: record)), let result = UInt64(exactly: exact) {
                return .uint(result)
            }
            guard !value.isOutOfRange, value.double > -1, value.double < 0x1p64 else { break }
            return .uint(UInt64(value.double))
        case .decimal:
            guard let whole = UInt64(exactly: wholePart(value)) else { break }
            return .uint(whole)
        case .string:
            guard let result = integer(value.bytes), let narrow = UInt64(exactly: result) else { break }
            return .uint(narrow)
        default: return noOverload(value, index)
        }
        return conversionFailure(value, index)
    }

    /// Of a decimal, cut off towards zero.
    private func wholePart(_ value: Value) -> Int128 {
        var unscaled = value.unscaled
        var scale = value.aux
        while scale > 0, unscaled != 0 {
            unscaled /= 10
            scale -= 1
        }
        return unscaled
    }

    private func conversionFailure(_ value: Value, _ index: UInt32) -> Value {
        value.isOutOfRange ? fail(.numberOutOfRange, Position.node(index, operand: 1)) : fail(.conversion, Position.node(index))
    }

    /// Digits with an optional sign, of at most 64 bits.
    private func integer(_ text: UnsafeRawBufferPointer) -> Int128? {
        var index = 0
        let negative = !text.isEmpty && text[0] == UInt8(ascii: "-")
        if negative || (!text.isEmpty && text[0] == UInt8(ascii: "+")) { index = 1 }
        guard index < text.count else { return nil }
        var result: Int128 = 0
        while index < text.count {
            guard text[index].isDigit, result <= Int128(UInt64.max) else { return nil }
            result = result * 10 + Int128(text[index] &- UInt8(ascii: "0"))
            index += 1
        }
        return negative ? -result : result
    }

    func toDouble(_ value: Value, _ index: UInt32) -> Value {
        switch value.tag {
        case .int, .uint: return .double(value.asDouble)
        case .double:
            return value.isOutOfRange ? fail(.numberOutOfRange, Position.node(index, operand: 1)) : .double(value.double)
        case .decimal:
            // One correctly rounded division where both sides are exact doubles; else by way of the text.
            let unscaled = value.unscaled
            if unscaled.magnitude <= 1 << 53, value.aux <= 22 {
                return .double(Double(unscaled) / Machine.power(of: value.aux))
            }
            var output = Output(arena: arena, capacity: 32)
            output.append(unscaled)
            output.append("e-")
            output.append(Int128(value.aux))
            return parseDouble(output.bytes).map { .double($0) } ?? fail(.conversion, Position.node(index))
        case .string:
            return parseDouble(value.bytes).map { .double($0) } ?? fail(.conversion, Position.node(index))
        default: return noOverload(value, index)
        }
    }

    /// Ten to a power of at most 22: exact.
    private static func power(of exponent: UInt16) -> Double {
        var result = 1.0
        for _ in 0..<exponent { result *= 10 }
        return result
    }

    /// Text as a double, by the syntax of CEL's literals, with a sign, or NaN and Infinity by name; what is too large is infinite.
    private func parseDouble(_ text: UnsafeRawBufferPointer) -> Double? {
        var index = 0
        func skipSign() {
            if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") { index += 1 }
        }
        func skipDigits() -> Int {
            let start = index
            while index < text.count, text[index].isDigit { index += 1 }
            return index - start
        }
        skipSign()
        if index < text.count, text[index] | 0x20 == UInt8(ascii: "n") || text[index] | 0x20 == UInt8(ascii: "i") {
            return namedDouble(text.slice(index, text.count), negative: index == 1 && text[0] == UInt8(ascii: "-"))
        }
        var digits = skipDigits()
        if index < text.count, text[index] == UInt8(ascii: ".") {
            index += 1
            let fraction = skipDigits()
            if fraction == 0 { return nil }
            digits += fraction
        }
        if digits == 0 { return nil }
        if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            skipSign()
            if skipDigits() == 0 { return nil }
        }
        guard index == text.count else { return nil }
        switch NumberText.double(text.first == UInt8(ascii: "+") ? text.slice(1, text.count) : text) {
        case .value(let value), .overflow(let value): return value
        case .notANumber: return nil
        }
    }

    private func namedDouble(_ name: UnsafeRawBufferPointer, negative: Bool) -> Double? {
        func isName(_ expected: StaticString) -> Bool {
            guard name.count == expected.utf8CodeUnitCount else { return false }
            for index in 0..<name.count where name[index] | 0x20 != expected.utf8Start[index] | 0x20 { return false }
            return true
        }
        if isName("nan") { return .nan }
        return isName("inf") || isName("infinity") ? (negative ? -.infinity : .infinity) : nil
    }

    mutating func toString(_ value: Value, _ index: UInt32) -> Value {
        switch value.tag {
        case .string: return value
        case .bool:
            var output = Output(arena: arena, capacity: 16)
            output.append(value.bits != 0 ? "true" : "false")
            return text(output.start, output.count)
        case .int, .uint:
            var output = Output(arena: arena, capacity: 32)
            output.append(value.asInt128)
            return text(output.start, output.count)
        case .decimal:
            var output = Output(arena: arena, capacity: 32)
            output.append(decimal: value)
            return text(output.start, output.count)
        case .double:
            // What no double holds is given as it was written.
            if value.isOutOfRange {
                let digits = digits(of: value, record: record)
                return digits.isEmpty ? fail(.numberOutOfRange, Position.node(index, operand: 1)) : .string(digits)
            }
            var output = Output(arena: arena, capacity: 32)
            output.append(value.double)
            return text(output.start, output.count)
        case .timestamp, .duration:
            var output = Output(arena: arena)
            if value.tag == .duration {
                DurationText.append(value.int, to: &output)
            } else {
                TimestampText.append(value.int, value.length, to: &output)
            }
            return text(output.start, output.count)
        case .bytes:
            return UTF8Text.firstError(in: value.bytes) == nil
                ? Value(.string, length: value.length, bits: value.bits) : fail(.invalidUTF8, Position.node(index))
        default: return noOverload(value, index)
        }
    }

    func toBool(_ value: Value, _ index: UInt32) -> Value {
        if value.tag == .bool { return value }
        guard value.tag == .string else { return noOverload(value, index) }
        func isOneOf(_ names: StaticString, _ width: Int) -> Bool {
            guard value.length == width else { return false }
            for start in stride(from: 0, to: names.utf8CodeUnitCount, by: width)
            where equalBytes(value.pointer, UnsafeRawPointer(names.utf8Start + start), width) { return true }
            return false
        }
        if isOneOf("1t", 1) || isOneOf("trueTRUETrue", 4) { return .bool(true) }
        if isOneOf("0f", 1) || isOneOf("falseFALSEFalse", 5) { return .bool(false) }
        return fail(.conversion, Position.node(index))
    }

    func toBytes(_ value: Value, _ index: UInt32) -> Value {
        if value.tag == .bytes { return value }
        return value.tag == .string ? Value(.bytes, length: value.length, bits: value.bits) : noOverload(value, index)
    }

    /// The exact number, from a number's digits or a string's.
    func toDecimal(_ value: Value, _ index: UInt32) -> Value {
        let result: Decimal
        switch value.tag {
        case .decimal: return value
        case .string: result = .parse(value.bytes)
        case .int, .uint, .double: result = decimal(of: value)
        default: return noOverload(value, index)
        }
        if result.state != .ok { return fail(result.state.error, Position.node(index)) }
        return result.value(in: arena) ?? fail(.decimalOverflow, Position.node(index))
    }
}
