// Hot path: per record.

/// What JSON Schema's `multipleOf` divides by: a positive decimal, exactly, whatever exponents are on either side.
public struct DecimalDivisor: BitwiseCopyable, Sendable {
    /// Significant digits a divisor may have: what a step of the division holds must fit in 128 bits.
    public static let maxDigits = 37

    /// Without trailing zeros: the divisor is `digits` × 10^`exponent`.
    private let digits: UInt128
    private let exponent: Int

    /// Nil: not a number, not above zero, or of more than `maxDigits` significant digits.
    public init?(_ text: UnsafeRawBufferPointer) {
        guard let parts = DecimalParts(text), !parts.isZero, !parts.negative, parts.digitCount <= Self.maxDigits else { return nil }
        var digits: UInt128 = 0
        for i in parts.first...parts.last where i != parts.point { digits = digits * 10 + UInt128(parts.text[i] &- 48) }
        self.digits = digits
        exponent = parts.leadingExponent - parts.digitCount
    }

    /// Whether `text` is a whole multiple; false as well where it is no number.
    public func divides(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let parts = DecimalParts(text) else { return false }
        if parts.isZero { return true }
        // Its last digit isn't zero, so it has decimals that no multiple has.
        let zeros = parts.leadingExponent - parts.digitCount - exponent
        if zeros < 0 { return false }
        // Divisors have at most 37 digits, so at most 122 times the factor 2: more zeros than that change nothing.
        return digits <= UInt128(UInt64.max / 10 - 1)
            ? remainder(parts, min(zeros, 128), UInt64(digits)) == 0 : remainder(parts, min(zeros, 128), digits) == 0
    }

    @inline(__always)
    private func remainder<Word: FixedWidthInteger>(_ parts: DecimalParts, _ zeros: Int, _ divisor: Word) -> Word {
        var rest: Word = 0
        for i in parts.first...parts.last where i != parts.point {
            rest = (rest * 10 + Word(truncatingIfNeeded: parts.text[i] &- 48)) % divisor
        }
        for _ in 0..<zeros where rest != 0 { rest = rest * 10 % divisor }
        return rest
    }
}

extension DecimalParts {
    /// From the first digit that isn't zero to the last one; 0 for zero.
    var digitCount: Int { isZero ? 0 : last - first + (first < point && point < last ? 0 : 1) }
}

extension DecimalText {
    /// The same for texts of the same value (`1`, `1.0`, `10e-1`), and most likely for no others. `mix` folds two words.
    public static func hash(_ text: UnsafeRawBufferPointer, mix: (UInt64, UInt64) -> UInt64) -> UInt64 {
        guard let parts = DecimalParts(text), !parts.isZero else { return 0 }
        var hash = mix(UInt64(bitPattern: Int64(parts.leadingExponent)), parts.negative ? 1 : 2)
        var word: UInt64 = 0
        var count = 0
        for i in parts.first...parts.last where i != parts.point {
            word = word &* 10 &+ UInt64(parts.text[i] &- 48)
            count &+= 1
            if count == 19 {
                hash = mix(hash, word)
                word = 0
                count = 0
            }
        }
        return mix(hash, word)
    }
}
