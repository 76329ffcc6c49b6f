// Hot path: per record.

/// What JSON Schema's `integer` and bounds need to know of a number's text (RFC 8259's grammar), exactly.
public enum WholeNumber {
    /// Whether the number has no fraction: `3`, `3.0` and `30e-1` have none.
    public static func isWhole(_ text: UnsafeRawBufferPointer) -> Bool {
        var point = -1
        var last = -1  // the last digit that isn't 0
        var index = 0
        while index < text.count, text[index] | 0x20 != UInt8(ascii: "e") {
            if text[index] == UInt8(ascii: ".") { point = index } else if text[index] &- UInt8(ascii: "1") < 9 { last = index }
            index += 1
        }
        if last < 0 { return true }
        if point < 0 { point = index }
        // Digits behind the point; negative: zeros before it.
        let decimals = last > point ? last - point : last + 1 - point
        return decimals <= exponent(text, from: index + 1)
    }

    /// The digits from `start` on with their sign, at most ±10^17; 0 where there are none.
    private static func exponent(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard start < text.count else { return 0 }
        let negative = text[start] == UInt8(ascii: "-")
        var value = 0
        for byte in text[start...] where byte &- UInt8(ascii: "0") <= 9 {
            value = min(value * 10 + Int(byte &- UInt8(ascii: "0")), 100_000_000_000_000_000)
        }
        return negative ? -value : value
    }

    /// The greatest Int64 not above the number; nil: there is none, or its digits are more than Int64 and a scale hold.
    public static func floor(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard case .value(let unscaled, let scale) = DecimalText.exact(text) else { return nil }
        var whole = unscaled
        var rest = false
        for _ in 0..<min(scale, 20) {
            rest = rest || whole % 10 != 0
            whole /= 10
        }
        return rest && unscaled < 0 ? whole - 1 : whole
    }
}
