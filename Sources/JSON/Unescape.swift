// Hot path: per record.
import CBytes
import Glibc

/// Writes the content of a JSON string (what stands between its quotes, already checked) without its escapes to `target`, which
/// has room for as many bytes. Returns how many there are: never more than `count`.
@inline(never)
func unescape(_ text: UnsafePointer<UInt8>, _ count: Int, to target: UnsafeMutablePointer<UInt8>) -> Int {
    let end = text + count
    var p = text
    var out = target
    while let slash = memchr(p, 0x5c, end - p) {
        let run = UnsafePointer(slash.assumingMemoryBound(to: UInt8.self)) - p
        memcpy(out, p, run)
        out += run
        p += run
        guard end - p >= 2 else { return out - target }  // can't be in checked text
        var byte = p[1]
        p += 2
        switch byte {
        case UInt8(ascii: "b"): byte = 0x08
        case UInt8(ascii: "f"): byte = 0x0c
        case UInt8(ascii: "n"): byte = 0x0a
        case UInt8(ascii: "r"): byte = 0x0d
        case UInt8(ascii: "t"): byte = 0x09
        case UInt8(ascii: "u"):
            guard end - p >= 4 else { return out - target }
            var scalar = codeUnit(p)
            p += 4
            if scalar & 0xfc00 == 0xd800, end - p >= 6 {
                scalar = 0x10000 + (scalar & 0x3ff) << 10 + codeUnit(p + 2) & 0x3ff
                p += 6
            }
            out = encode(scalar, to: out)
            continue
        default: break  // the quote, the backslash and the solidus stand for themselves
        }
        out[0] = byte
        out += 1
    }
    memcpy(out, p, end - p)
    return out + (end - p) - target
}

/// Four hexadecimal digits.
private func codeUnit(_ p: UnsafePointer<UInt8>) -> UInt32 {
    var unit: UInt32 = 0
    for i in 0..<4 { unit = unit << 4 | (hexDigit(p[i]) ?? 0) }
    return unit
}

private func encode(_ scalar: UInt32, to out: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
    func tail(_ shift: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: 0x80 | (scalar >> shift) & 0x3f) }
    if scalar < 0x80 {
        out[0] = UInt8(truncatingIfNeeded: scalar)
        return out + 1
    }
    if scalar < 0x800 {
        out[0] = UInt8(truncatingIfNeeded: 0xc0 | scalar >> 6)
        out[1] = tail(0)
        return out + 2
    }
    if scalar < 0x10000 {
        out[0] = UInt8(truncatingIfNeeded: 0xe0 | scalar >> 12)
        out[1] = tail(6)
        out[2] = tail(0)
        return out + 3
    }
    out[0] = UInt8(truncatingIfNeeded: 0xf0 | scalar >> 18)
    out[1] = tail(12)
    out[2] = tail(6)
    out[3] = tail(0)
    return out + 4
}
