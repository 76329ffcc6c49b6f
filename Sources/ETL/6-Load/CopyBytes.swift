// Hot path: per record.
import Glibc

extension CopyBuffer {
    /// text, varchar(n), char(n), an enum's label. `limit`: characters (code points, as Postgres counts them); -1: none.
    @inline(__always)
    mutating func putText(_ text: UnsafeRawBufferPointer, limit: Int32) -> Refusal {
        if let base = text.baseAddress, memchr(base, 0, text.count) != nil { return .zeroCharacter }
        if limit >= 0, text.count > Int(limit), Self.isLonger(text, than: Int(limit)) { return .tooLong }
        putField(text)
        return .none
    }

    @inline(never)
    private static func isLonger(_ text: UnsafeRawBufferPointer, than limit: Int) -> Bool {
        var characters = 0
        for byte in text where byte & 0xc0 != 0x80 { characters += 1 }
        return characters > limit
    }

    /// uuid: 16 bytes, from 8-4-4-4-12 hexadecimal digits.
    mutating func putUUID(_ text: UnsafeRawBufferPointer) -> Refusal {
        guard text.count == 36 else { return .notUUID }
        var high: UInt64 = 0
        var low: UInt64 = 0
        var nibbles = 0
        for at in 0..<36 {
            let byte = text[at]
            if at == 8 || at == 13 || at == 18 || at == 23 {
                if byte != UInt8(ascii: "-") { return .notUUID }
                continue
            }
            let digit = byte &- 48
            let letter = (byte | 0x20) &- UInt8(ascii: "a")
            guard digit <= 9 || letter <= 5 else { return .notUUID }
            let nibble = UInt64(digit <= 9 ? digit : letter + 10)
            if nibbles < 16 { high = high << 4 | nibble } else { low = low << 4 | nibble }
            nibbles += 1
        }
        put(Int32(16))
        put(high)
        put(low)
        return .none
    }

    /// bytea, from base64 with its padding (RFC 4648 section 4). Bits that the padding leaves over must be zero, so that
    /// different strings never give the same bytes.
    mutating func putBase64(_ text: UnsafeRawBufferPointer) -> Refusal {
        guard text.count % 4 == 0 else { return .notBase64 }
        let start = count
        put(Int32(0))
        var at = 0
        while at < text.count {
            var word: UInt32 = 0
            var padding = 0
            for offset in at..<(at + 4) {
                let byte = text[offset]
                if byte == UInt8(ascii: "="), offset >= text.count - 2 {
                    padding += 1
                    word <<= 6
                    continue
                }
                let six = Self.sixBits(byte)
                if six > 63 || padding > 0 { return .notBase64 }
                word = word << 6 | UInt32(six)
            }
            if padding == 0 || padding == 1 { put(UInt16(truncatingIfNeeded: word >> 8)) } else { put(UInt8(truncatingIfNeeded: word >> 16)) }
            if padding == 0 {
                put(UInt8(truncatingIfNeeded: word))
            } else if word & (padding == 1 ? 0xff : 0xffff) != 0 {
                return .notBase64
            }
            at += 4
        }
        patchLength(at: start)
        return .none
    }

    @inline(__always)
    private static func sixBits(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte + 4
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: 255
        }
    }
}
