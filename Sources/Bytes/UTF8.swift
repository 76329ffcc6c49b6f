// Hot path: per record.
import CBytes

/// Well-formed UTF-8 by the Unicode standard's table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
public enum UTF8Text {
    /// Byte count (2 to 4) of the multi-byte sequence at `p`; 0 when it is malformed or cut off by `end`.
    public static func sequenceLength(at p: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>) -> Int {
        let left = end - p
        let first = p[0]
        switch first {
        case 0xc2...0xdf:
            return left >= 2 && isContinuation(p[1]) ? 2 : 0
        case 0xe0...0xef:
            guard left >= 3, isContinuation(p[1]), isContinuation(p[2]) else { return 0 }
            if first == 0xe0 && p[1] < 0xa0 { return 0 }
            if first == 0xed && p[1] > 0x9f { return 0 }
            return 3
        case 0xf0...0xf4:
            guard left >= 4, isContinuation(p[1]), isContinuation(p[2]), isContinuation(p[3]) else { return 0 }
            if first == 0xf0 && p[1] < 0x90 { return 0 }
            if first == 0xf4 && p[1] > 0x8f { return 0 }
            return 4
        default:
            return 0
        }
    }

    /// Offset of the first byte of the first malformed sequence; nil when all is well-formed.
    public static func firstError(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let start = bytes.baseAddress else { return nil }
        let base = start.assumingMemoryBound(to: UInt8.self)
        let end = base + bytes.count
        var p = base
        while p < end {
            if end - p >= 16 {
                let run = cb_ascii_stop(p)
                p += Int(run)
                if run == 16 { continue }
            }
            if p[0] < 0x80 {
                p += 1
                continue
            }
            let length = sequenceLength(at: p, end: end)
            if length == 0 { return p - base }
            p += length
        }
        return nil
    }

    private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xc0 == 0x80 }
}
