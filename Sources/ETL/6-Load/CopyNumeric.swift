// Hot path: per record.

/// A decimal number taken apart without computing with it: any length, exactly.
private struct DecimalDigits {
    let text: UnsafeRawBufferPointer
    let negative: Bool
    let wholeStart: Int
    let wholeCount: Int
    let fractionStart: Int
    let fractionCount: Int
    let exponent: Int

    /// Of a text that a scanner found to be a JSON number. Exponents beyond a billion count as a billion.
    @inline(__always)
    init(_ text: UnsafeRawBufferPointer) {
        self.text = text
        let end = text.count
        var at = 0
        negative = end > 0 && text[0] == UInt8(ascii: "-")
        if negative { at = 1 }
        wholeStart = at
        while at < end, text[at] &- 48 <= 9 { at += 1 }
        wholeCount = at - wholeStart
        if at < end, text[at] == UInt8(ascii: ".") { at += 1 }
        fractionStart = at
        while at < end, text[at] &- 48 <= 9 { at += 1 }
        fractionCount = at - fractionStart
        exponent = at < end ? Self.readExponent(text, at + 1) : 0
    }

    @inline(never)
    private static func readExponent(_ text: UnsafeRawBufferPointer, _ start: Int) -> Int {
        var at = start
        let minus = at < text.count && text[at] == UInt8(ascii: "-")
        if minus || (at < text.count && text[at] == UInt8(ascii: "+")) { at += 1 }
        var value = 0
        while at < text.count {
            value = min(value * 10 + Int(text[at] &- 48), 1_000_000_000)
            at += 1
        }
        return minus ? -value : value
    }

    var count: Int { wholeCount + fractionCount }

    @inline(__always)
    func digit(_ index: Int) -> Int16 {
        Int16(text[index < wholeCount ? wholeStart + index : fractionStart + index - wholeCount] &- 48)
    }
}

extension CopyBuffer {
    /// numeric: groups of four decimal digits, of which `weight` counts those before the point less one; dscale keeps the digits
    /// after the point as they were written. src/backend/utils/adt/numeric.c, numeric_recv.
    /// - Parameter modifier: the column's type modifier, which holds precision and scale; -1: none.
    mutating func putNumeric(_ text: UnsafeRawBufferPointer, modifier: Int32) -> Refusal {
        let digits = DecimalDigits(text)
        var first = 0
        while first < digits.count, digits.digit(first) == 0 { first += 1 }
        var last = digits.count - 1
        while last >= first, digits.digit(last) == 0 { last -= 1 }
        // How many of the digits stand before the point once the exponent is applied: negative or beyond `count` too.
        let point = digits.wholeCount + digits.exponent
        var scale = max(0, digits.fractionCount - digits.exponent)
        let isZero = first > last
        if modifier >= 4 {
            let precision = Int((modifier - 4) >> 16 & 0xffff)
            let columnScale = Int((modifier - 4) & 0x7ff ^ 1024) - 1024  // eleven bits with a sign
            if !isZero {
                if last + 1 - point > columnScale { return .scale }
                if point - first > precision - columnScale { return .precision }
            }
            scale = max(0, columnScale)
        }
        // What the type takes: 131072 digits before the point, 16383 after.
        if scale > 16383 { return .scale }
        if isZero {
            put(Int32(8))
            put(UInt64(scale))
            return .none
        }
        if point - first > 131_072 { return .precision }
        let weight = (point - 1 - first) >> 2  // arithmetic shift: rounds down below the point too
        let lowest = (point - 1 - last) >> 2
        let groups = weight - lowest + 1
        put(Int32(truncatingIfNeeded: 8 + 2 * groups))
        put(UInt16(truncatingIfNeeded: groups))
        put(Int16(truncatingIfNeeded: weight))
        put(UInt16(digits.negative ? 0x4000 : 0))
        put(UInt16(truncatingIfNeeded: scale))
        var index = point - 4 - weight * 4  // the first digit of the first group; may lie before the first digit there is
        for _ in 0..<groups {
            var group: Int16 = 0
            for _ in 0..<4 {
                group = group &* 10
                if index >= first, index <= last { group = group &+ digits.digit(index) }
                index += 1
            }
            put(group)
        }
        return .none
    }
}
