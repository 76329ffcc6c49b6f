// Hot path: per record.
import CBytes
import Glibc

/// Numbers as text and back: exact or correctly rounded, whatever the locale.
public enum NumberText {
    /// What `double` found.
    public enum DoubleResult: Equatable, Sendable {
        case value(Double)
        /// Too large for a double: the infinity of its sign is the nearest there is.
        case overflow(Double)
        case notANumber
    }

    /// Reads a JSON number (also with leading zeros), correctly rounded. What is too small becomes zero of its sign.
    public static func double(_ text: UnsafeRawBufferPointer) -> DoubleResult {
        guard let start = text.baseAddress?.assumingMemoryBound(to: UInt8.self), text.count > 0 else { return .notANumber }
        // from_chars also takes "inf" and "nan".
        guard start[text.count - 1] &- 48 <= 9 else { return .notANumber }
        var value = 0.0
        switch cb_parse_double(start, text.count, &value) {
        case 0: return .value(value)
        case 1:
            let negative = start[0] == UInt8(ascii: "-")
            guard let parts = DecimalParts(text) else { return .notANumber }
            if parts.leadingExponent > 0 { return .overflow(negative ? -.infinity : .infinity) }
            return .value(negative ? -0.0 : 0.0)
        default: return .notANumber
        }
    }

    /// Room that `write(double)` needs.
    public static let maxDoubleBytes = 32
    /// Room that `write(int)` and `write(uint)` need.
    public static let maxIntBytes = 20

    /// Writes the shortest text that reads back as `value`, always with a point or an exponent, so that it is a double again
    /// (`3.0`, `0.1`, `1e21`). `value` must be finite. Returns the byte count, at most `maxDoubleBytes`.
    public static func write(_ value: Double, to target: UnsafeMutablePointer<UInt8>) -> Int {
        // Money and measures: m / 10^k with small k. Up to 15 digits no two decimals are the same double, so none is shorter.
        let magnitude = value.magnitude
        if magnitude < 1e11, magnitude >= 1e-3 {
            var decimals = magnitude < 1e9 ? 6 : 4
            let unit = magnitude < 1e9 ? 1e6 : 1e4
            var digits = UInt64(magnitude * unit + 0.5)
            if Double(digits) / unit == magnitude {
                while decimals > 0 {
                    let tenth = digits / 10
                    if tenth &* 10 != digits { break }
                    digits = tenth
                    decimals &-= 1
                }
                return writeFixed(digits, decimals: decimals, negative: value < 0, to: target)
            }
        }
        return writeShortest(value, to: target)
    }

    /// Returns the byte count, at most `maxIntBytes`.
    public static func write(_ value: Int64, to target: UnsafeMutablePointer<UInt8>) -> Int {
        guard value < 0 else { return write(UInt64(value), to: target) }
        target[0] = UInt8(ascii: "-")
        return 1 + write(value.magnitude, to: target + 1)
    }

    /// Returns the byte count, at most `maxIntBytes`.
    public static func write(_ value: UInt64, to target: UnsafeMutablePointer<UInt8>) -> Int {
        let count = digitCount(value)
        var rest = value
        var i = count
        repeat {
            i &-= 1
            let quotient = rest / 10
            target[i] = UInt8(truncatingIfNeeded: 48 &+ rest &- quotient &* 10)
            rest = quotient
        } while i > 0
        return count
    }

    @inline(__always)
    private static func digitCount(_ value: UInt64) -> Int {
        var count = 1
        var limit: UInt64 = 10
        while value >= limit {
            count &+= 1
            if count == 20 { break }
            limit &*= 10
        }
        return count
    }

    /// Room that `write(double, precision:)` needs.
    public static func maxPreciseBytes(_ precision: Int) -> Int { precision + 320 }

    /// Writes a finite double with `precision` digits after the point, correctly rounded (ties to even), plain or with an exponent
    /// of at least two digits. Returns the byte count.
    public static func write(
        _ value: Double, precision: Int, scientific: Bool, to target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        let room = Int32(truncatingIfNeeded: maxPreciseBytes(precision))
        return Int(cb_precise(value, Int32(truncatingIfNeeded: precision), scientific ? 1 : 0, target, room))
    }

    /// The same of more than 64 bits.
    public static func append(decimal unscaled: Int128, scale: Int, to buffer: inout ByteBuffer) {
        if let narrow = Int64(exactly: unscaled) { return append(decimal: narrow, scale: scale, to: &buffer) }
        let target = buffer.reserve(max(scale, 40) + 4)
        var p = target
        if unscaled < 0 {
            p[0] = UInt8(ascii: "-")
            p += 1
        }
        var digits = 1
        var limit: UInt128 = 10
        while digits < 39, unscaled.magnitude >= limit {
            digits += 1
            limit = digits < 39 ? limit * 10 : limit
        }
        let width = max(digits, scale + 1)
        let count = width + (scale > 0 ? 1 : 0)
        var rest = unscaled.magnitude
        var place = count - 1
        while place >= 0 {
            if scale > 0, place == width - scale {
                p[place] = UInt8(ascii: ".")
            } else {
                p[place] = 48 + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            place -= 1
        }
        buffer.advance(p - target + count)
    }

    /// Appends `unscaled` / 10^`scale` in plain notation with exactly `scale` digits after the point.
    public static func append(decimal unscaled: Int64, scale: Int, to buffer: inout ByteBuffer) {
        let target = buffer.reserve(scale + maxIntBytes + 3)
        buffer.advance(writeFixed(unscaled.magnitude, decimals: scale, negative: unscaled < 0, to: target, keepsPoint: false))
    }

    /// `digits` with a point before its last `decimals` digits; with `keepsPoint` also `.0` where there are none.
    private static func writeFixed(
        _ digits: UInt64, decimals: Int, negative: Bool, to target: UnsafeMutablePointer<UInt8>,
        keepsPoint: Bool = true
    ) -> Int {
        var p = target
        if negative {
            p[0] = UInt8(ascii: "-")
            p += 1
        }
        if decimals == 0 {
            p += write(digits, to: p)
            guard keepsPoint else { return p - target }
            p[0] = UInt8(ascii: ".")
            p[1] = UInt8(ascii: "0")
            return p + 2 - target
        }
        var count = write(digits, to: p)
        if count <= decimals {  // 5 with 3 decimals: 0.005
            let zeros = decimals + 1 - count
            memmove(p + zeros, p, count)
            memset(p, 48, zeros)
            count += zeros
        }
        let whole = count - decimals
        memmove(p + whole + 1, p + whole, decimals)
        p[whole] = UInt8(ascii: ".")
        return p + count + 1 - target
    }

    /// Lays out the shortest digits as ECMAScript does: plain from 1e-6 up to 1e21, else with an exponent.
    @inline(never)
    private static func writeShortest(_ value: Double, to target: UnsafeMutablePointer<UInt8>) -> Int {
        if value == 0 {
            let text: StaticString = value.sign == .minus ? "-0.0" : "0.0"
            memcpy(target, text.utf8Start, text.utf8CodeUnitCount)
            return text.utf8CodeUnitCount
        }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { scratch in
            let text = scratch.baseAddress.unsafelyUnwrapped  // its capacity isn't 0
            let length = Int(cb_shortest_scientific(value.magnitude, text))
            // d[.ddd]e±xx → digits and exponent
            let digits = text + 32
            var count = 0
            var i = 0
            while text[i] != UInt8(ascii: "e") {
                if text[i] != UInt8(ascii: ".") {
                    digits[count] = text[i]
                    count += 1
                }
                i += 1
            }
            let negativeExponent = text[i + 1] == UInt8(ascii: "-")
            var exponent = 0
            for j in (i + 2)..<length { exponent = exponent * 10 + Int(text[j] &- 48) }
            if negativeExponent { exponent = -exponent }

            var p = target
            func put(_ byte: UInt8) {
                p[0] = byte
                p += 1
            }
            if value < 0 { put(UInt8(ascii: "-")) }
            if exponent >= 21 || exponent < -6 {
                put(digits[0])
                if count > 1 { put(UInt8(ascii: ".")) }
                for j in 1..<max(count, 1) { put(digits[j]) }
                put(UInt8(ascii: "e"))
                p += write(Int64(exponent), to: p)
            } else if exponent < 0 {
                put(48)
                put(UInt8(ascii: "."))
                for _ in 0..<(-exponent - 1) { put(48) }
                for j in 0..<count { put(digits[j]) }
            } else {
                for j in 0...exponent { put(j < count ? digits[j] : 48) }
                put(UInt8(ascii: "."))
                if count <= exponent + 1 { put(48) }
                for j in min(exponent + 1, count)..<count { put(digits[j]) }
            }
            return p - target
        }
    }
}
