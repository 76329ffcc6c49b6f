// Hot path: per record.
import Bytes
import CBytes

extension Reader {
    /// From the first byte of a number (a minus or a digit) to behind it; only checked.
    @inline(__always)
    mutating func numberEnd(_ start: Pointer) -> Pointer? {
        var p = start
        if p[0] == UInt8(ascii: "-") {
            p += 1
            guard p < end, p[0] &- 48 <= 9 else { return badNumber(at: p) }
        }
        if p[0] == 48 {
            p += 1
            if p < end, p[0] &- 48 <= 9 { return badNumber(at: p) }
        } else {
            repeat { p += 1 } while p < end && p[0] &- 48 <= 9
        }
        if p < end, p[0] == UInt8(ascii: ".") {
            p += 1
            guard p < end, p[0] &- 48 <= 9 else { return badNumber(at: p) }
            repeat { p += 1 } while p < end && p[0] &- 48 <= 9
        }
        if p < end, p[0] | 0x20 == UInt8(ascii: "e") { return exponentEnd(p) }
        return p
    }

    /// Reads the number that starts at `start` and gives it as a value with its digits.
    @inline(__always)
    mutating func number(_ start: Pointer, into value: UnsafeMutablePointer<Value>) -> Pointer? {
        var p = start
        let negative = p[0] == UInt8(ascii: "-")
        if negative {
            p += 1
            guard p < end, p[0] &- 48 <= 9 else { return badNumber(at: p) }
        }
        var mantissa = UInt64(p[0] &- 48)
        let whole = p
        p += 1
        if mantissa == 0 {
            if p < end, p[0] &- 48 <= 9 { return badNumber(at: p) }
        } else {
            while p < end, p[0] &- 48 <= 9 {
                mantissa = mantissa &* 10 &+ UInt64(p[0] &- 48)
                p += 1
            }
        }
        if p == end || (p[0] != UInt8(ascii: ".") && p[0] | 0x20 != UInt8(ascii: "e")) {
            if p - whole > 18 { return longInteger(start, p, mantissa, whole: whole, into: value) }
            let int = Int64(bitPattern: mantissa)
            value.pointee = digits(.int, start, p, bits: UInt64(bitPattern: negative ? 0 &- int : int))
            return p
        }
        var decimals = 0
        if p[0] == UInt8(ascii: ".") {
            p += 1
            let fraction = p
            guard p < end, p[0] &- 48 <= 9 else { return badNumber(at: p) }
            repeat {
                mantissa = mantissa &* 10 &+ UInt64(p[0] &- 48)
                p += 1
            } while p < end && p[0] &- 48 <= 9
            decimals = p - fraction
            // Up to 19 digits the mantissa can't have overflowed; up to 2^53 it is a double, and so is 10^22.
            if p == end || p[0] | 0x20 != UInt8(ascii: "e") {
                if p - whole <= 20, mantissa <= 1 << 53 {
                    let magnitude = cb_scale10(mantissa, -Int32(truncatingIfNeeded: decimals))
                    value.pointee = digits(.double, start, p, bits: (negative ? -magnitude : magnitude).bitPattern)
                    return p
                }
                return slowDouble(start, p, into: value)
            }
        }
        guard let last = exponentEnd(p) else { return nil }
        return slowDouble(start, last, into: value)
    }

    @inline(__always)
    private func digits(_ tag: Tag, flags: UInt8 = 0, _ start: Pointer, _ last: Pointer, bits: UInt64) -> Value {
        Value(tag, flags: Value.Flags.digits | flags, aux: UInt16(truncatingIfNeeded: min(last - start, 0xffff)),
              length: UInt32(truncatingIfNeeded: start - base), bits: bits)
    }

    /// An integer of 19 digits or more.
    @inline(never)
    private mutating func longInteger(_ start: Pointer, _ last: Pointer, _ mantissa: UInt64, whole: Pointer,
                                      into value: UnsafeMutablePointer<Value>) -> Pointer? {
        let negative = start[0] == UInt8(ascii: "-")
        if last - whole == 19, mantissa <= (negative ? 1 << 63 : UInt64(Int64.max)) {
            value.pointee = digits(.int, start, last, bits: negative ? 0 &- mantissa : mantissa)
            return last
        }
        let result = slowDouble(start, last, into: value)
        value.pointee.meta |= UInt64(Value.Flags.outOfRange) << 8
        return result
    }

    @inline(never)
    private mutating func slowDouble(_ start: Pointer, _ last: Pointer, into value: UnsafeMutablePointer<Value>) -> Pointer? {
        switch NumberText.double(UnsafeRawBufferPointer(start: start, count: last - start)) {
        case .value(let double): value.pointee = digits(.double, start, last, bits: double.bitPattern)
        case .overflow(let infinity):
            value.pointee = digits(.double, flags: Value.Flags.outOfRange, start, last, bits: infinity.bitPattern)
        case .notANumber: return fail(.number, at: start)
        }
        return last
    }

    /// From the e of an exponent to behind its digits.
    @inline(never)
    private mutating func exponentEnd(_ e: Pointer) -> Pointer? {
        var p = e + 1
        if p < end, p[0] == UInt8(ascii: "+") || p[0] == UInt8(ascii: "-") { p += 1 }
        guard p < end, p[0] &- 48 <= 9 else { return badNumber(at: p) }
        repeat { p += 1 } while p < end && p[0] &- 48 <= 9
        return p
    }

    @inline(never)
    private mutating func badNumber(at p: Pointer) -> Pointer? { fail(p >= end ? .truncated : .number, at: p) }
}

/// The exact digits of a number read from the record (`Value.Flags.digits`); empty for any other value.
public func digits(of value: Value, record: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    guard value.flags & Value.Flags.digits != 0 else { return UnsafeRawBufferPointer(start: record.baseAddress, count: 0) }
    let start = Int(value.length)
    if value.aux != 0xffff { return UnsafeRawBufferPointer(rebasing: record[start..<(start + Int(value.aux))]) }
    var last = start
    while last < record.count {
        switch record[last] {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"),
             UInt8(ascii: "E"):
            last += 1
            continue
        default: break
        }
        break
    }
    return UnsafeRawBufferPointer(rebasing: record[start..<last])
}
