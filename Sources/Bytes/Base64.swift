// Hot path: per record.

/// Base64 by RFC 4648, the standard alphabet.
public enum Base64 {
    /// Characters that so many bytes become, padding included.
    public static func encodedCount(_ byteCount: Int) -> Int { (byteCount + 2) / 3 * 4 }

    /// Writes `encodedCount` characters.
    public static func encode(_ content: UnsafeRawBufferPointer, to target: UnsafeMutablePointer<UInt8>) {
        let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        let letters = alphabet.utf8Start
        var out = 0
        var i = 0
        while i < content.count {
            let left = content.count - i
            let second = left > 1 ? UInt32(content[i + 1]) << 8 : 0
            let word = UInt32(content[i]) << 16 | second | (left > 2 ? UInt32(content[i + 2]) : 0)
            target[out] = letters[Int(word >> 18)]
            target[out + 1] = letters[Int(word >> 12 & 63)]
            target[out + 2] = left > 1 ? letters[Int(word >> 6 & 63)] : UInt8(ascii: "=")
            target[out + 3] = left > 2 ? letters[Int(word & 63)] : UInt8(ascii: "=")
            out += 4
            i += 3
        }
    }

    /// Writes the bytes, fewer than there are characters, and returns how many; nil: it isn't base64. Padding may be left out; what
    /// is there must be right. Bits beyond the last byte count for nothing.
    public static func decode(_ text: UnsafeRawBufferPointer, to target: UnsafeMutablePointer<UInt8>) -> Int? {
        var count = text.count
        var padding = 0
        while padding < 2, count > 0, text[count - 1] == UInt8(ascii: "=") {
            padding += 1
            count -= 1
        }
        if padding > 0, text.count % 4 != 0 { return nil }
        if count % 4 == 1 { return nil }
        var bits: UInt32 = 0
        var held = 0
        var out = 0
        for i in 0..<count {
            guard let value = value(of: text[i]) else { return nil }
            bits = bits << 6 | value
            held += 6
            if held >= 8 {
                held -= 8
                target[out] = UInt8(truncatingIfNeeded: bits >> UInt32(held))
                out += 1
            }
        }
        return out
    }

    private static func value(of letter: UInt8) -> UInt32? {
        switch letter {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(letter - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(letter - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(letter - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
