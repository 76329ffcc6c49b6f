// Hot path: per record.

/// A decimal number's text taken apart: sign, significant digits and where the point stands. Points into the text.
struct DecimalParts {
    let text: UnsafePointer<UInt8>
    let negative: Bool
    /// From the first non-zero digit to the last non-zero one, the point perhaps between them; empty for zero.
    let first: Int
    let last: Int
    /// Index of the point; where there is none, just behind the whole digits.
    let point: Int
    /// Digits written after the point, less the exponent: the value is all digits × 10^-scale.
    let scale: Int
    /// The value is 0.d₁d₂d₃… × 10^leadingExponent with d₁ not zero. 0 for zero.
    let leadingExponent: Int

    var isZero: Bool { first > last }

    /// Nil when `bytes` isn't a JSON number from its first to its last byte (leading zeros are let pass).
    /// Exponents beyond ±10^17 count as ±10^17.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return nil }
        let count = bytes.count
        var i = 0
        negative = count > 0 && start[0] == UInt8(ascii: "-")
        if negative { i = 1 }
        var firstDigit = Int.max
        var lastDigit = -1
        let wholeStart = i
        while i < count, start[i] &- 48 <= 9 {
            if start[i] != 48 {
                firstDigit = min(firstDigit, i)
                lastDigit = i
            }
            i += 1
        }
        guard i > wholeStart else { return nil }
        point = i
        var decimals = 0
        if i < count, start[i] == UInt8(ascii: ".") {
            i += 1
            while i < count, start[i] &- 48 <= 9 {
                if start[i] != 48 {
                    firstDigit = min(firstDigit, i)
                    lastDigit = i
                }
                i += 1
            }
            decimals = i - point - 1
            guard decimals > 0 else { return nil }
        }
        var exponent = 0
        if i < count, start[i] | 0x20 == UInt8(ascii: "e") {
            i += 1
            let minus = i < count && start[i] == UInt8(ascii: "-")
            if minus || (i < count && start[i] == UInt8(ascii: "+")) { i += 1 }
            let exponentStart = i
            while i < count, start[i] &- 48 <= 9 {
                exponent = min(exponent * 10 + Int(start[i] &- 48), 100_000_000_000_000_000)
                i += 1
            }
            guard i > exponentStart else { return nil }
            if minus { exponent = -exponent }
        }
        guard i == count else { return nil }
        text = start
        first = firstDigit
        last = lastDigit
        scale = decimals - exponent
        if firstDigit == Int.max {
            leadingExponent = 0
        } else {
            leadingExponent = exponent + (firstDigit < point ? point - firstDigit : point + 1 - firstDigit)
        }
    }
}

/// Exact decimals from the digits of JSON numbers.
public enum DecimalText {
    public enum Exact: Equatable, Sendable {
        /// The value is unscaled / 10^scale, with the scale as written where it fits.
        case value(unscaled: Int64, scale: UInt16)
        /// A number, but not one of Int64 and a scale of at most 65,535.
        case doesNotFit
        case notANumber
    }

    /// `12.50` is 1250 with scale 2, `1e3` is 1000 with scale 0, exactly.
    public static func exact(_ text: UnsafeRawBufferPointer) -> Exact {
        guard let parts = DecimalParts(text) else { return .notANumber }
        if parts.isZero { return .value(unscaled: 0, scale: UInt16(min(max(parts.scale, 0), 65535))) }
        var unscaled: UInt64 = 0
        for i in parts.first...parts.last where i != parts.point {
            let (product, over) = unscaled.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(parts.text[i] &- 48))
            if over || carry { return .doesNotFit }
            unscaled = sum
        }
        let limit = parts.negative ? UInt64(1) << 63 : UInt64(Int64.max)
        if unscaled > limit { return .doesNotFit }
        // Without its trailing zeros the value is unscaled / 10^smallest; zeros come back up to the scale as written.
        let digits = parts.last - parts.first + (parts.first < parts.point && parts.point < parts.last ? 0 : 1)
        let smallest = digits - parts.leadingExponent
        if smallest > 65535 { return .doesNotFit }
        var scale = smallest
        let wanted = min(max(parts.scale, 0), 65535)
        while scale < wanted {
            let (product, over) = unscaled.multipliedReportingOverflow(by: 10)
            if over || product > limit {
                if scale < 0 { return .doesNotFit }
                break
            }
            unscaled = product
            scale += 1
        }
        return .value(unscaled: parts.negative ? Int64(truncatingIfNeeded: 0 &- unscaled) : Int64(unscaled), scale: UInt16(scale))
    }

    /// Whether `text` is a JSON number (leading zeros are let pass).
    public static func isNumber(_ text: UnsafeRawBufferPointer) -> Bool { DecimalParts(text) != nil }

    /// -1, 0 or 1 as `a` is below, equal to or above `b`, exactly, whatever their length and exponent (exponents beyond
    /// ±10^17 count as ±10^17); nil when one of them isn't a number. Allocates nothing.
    public static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int? {
        guard let left = DecimalParts(a), let right = DecimalParts(b) else { return nil }
        if left.isZero { return right.isZero ? 0 : (right.negative ? 1 : -1) }
        if right.isZero { return left.negative ? -1 : 1 }
        if left.negative != right.negative { return left.negative ? -1 : 1 }
        let magnitude = compareMagnitudes(left, right)
        return left.negative ? -magnitude : magnitude
    }

    private static func compareMagnitudes(_ a: DecimalParts, _ b: DecimalParts) -> Int {
        if a.leadingExponent != b.leadingExponent { return a.leadingExponent < b.leadingExponent ? -1 : 1 }
        var i = a.first
        var j = b.first
        while i <= a.last && j <= b.last {
            if i == a.point { i += 1 }
            if j == b.point { j += 1 }
            if a.text[i] != b.text[j] { return a.text[i] < b.text[j] ? -1 : 1 }
            i += 1
            j += 1
        }
        // What is left ends in a digit that isn't zero.
        if i <= a.last { return 1 }
        return j <= b.last ? -1 : 0
    }
}
