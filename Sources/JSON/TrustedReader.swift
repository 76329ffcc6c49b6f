// Hot path: per record.
import Bytes

/// Walks text that a scanner has checked. Never reads behind its end, whatever the text; in a record, never behind the record's.
struct TrustedReader {
    typealias Pointer = UnsafePointer<UInt8>

    let start: Pointer
    let end: Pointer
    /// Behind the last byte that may be read: text in a record needn't be taken byte by byte at its end.
    let limit: Pointer
    var reader: Reader
    var brackets: Brackets
    private let inRecord: Bool

    init(_ start: Pointer, count: Int, record: UnsafeRawBufferPointer) {
        self.start = start
        end = start + count
        // Digits' offsets count from the record's start.
        let base = record.baseAddress?.assumingMemoryBound(to: UInt8.self)
        if let base, start >= base, end <= base + record.count {
            inRecord = true
            limit = base + record.count
            reader = Reader(base: base, end: end, kinds: Self.noKinds, maxDepth: 0)
        } else {
            inRecord = false
            limit = end
            reader = Reader(base: start, end: end, kinds: Self.noKinds, maxDepth: 0)
        }
        brackets = Brackets(end: end, limit: limit)
    }

    /// Numbers and strings, all that the reader is used for, need none; with `maxDepth` 0 it never looks.
    private static var noKinds: UnsafeMutablePointer<UInt8> { UnsafeMutablePointer(bitPattern: 1).unsafelyUnwrapped }

    /// From a key's closing quote to its value.
    @inline(__always)
    func behindColon(_ close: Pointer) -> Pointer {
        let p = reader.skipWhite(close + 1)
        return p < end ? reader.skipWhite(p + 1) : end
    }

    /// From behind an element to the next one, or to behind the closing bracket.
    @inline(__always)
    func behindComma(_ last: Pointer) -> Pointer {
        let p = reader.skipWhite(last)
        return p < end ? reader.skipWhite(p + 1) : end
    }

    /// From a value's first byte to behind it.
    @inline(__always)
    mutating func behind(_ p: Pointer) -> Pointer {
        guard p < end else { return end }
        switch p[0] {
        case UInt8(ascii: "\""): return min(trustedStringEnd(p + 1, end, limit: limit).close + 1, end)
        case UInt8(ascii: "{"), UInt8(ascii: "["): return brackets.containerEnd(p)
        default:
            // A number or a literal ends where white space, a comma or a bracket does; its own bytes are none of these.
            var q = p + 1
            while q < end, q[0] > 0x20, q[0] != UInt8(ascii: ","), q[0] | 0x20 != UInt8(ascii: "}") { q += 1 }
            return q
        }
    }

    mutating func element(_ p: Pointer, into target: UnsafeMutablePointer<Value>, _ arena: inout Arena) -> Pointer {
        target.pointee = .null
        guard p < end else { return end }
        switch p[0] {
        case UInt8(ascii: "\""):
            let (close, escaped) = trustedStringEnd(p + 1, end, limit: limit)
            target.pointee = escaped ? Scanner.unescaped(p + 1, close, &arena) : Scanner.plain(p + 1, close)
            return min(close + 1, end)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            let last = brackets.containerEnd(p)
            target.pointee = Scanner.raw(p[0] == UInt8(ascii: "{") ? .map : .list, p, last)
            return last
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
            if p[0] != UInt8(ascii: "n") { target.pointee = .bool(p[0] == UInt8(ascii: "t")) }
            return min(p + (p[0] == UInt8(ascii: "f") ? 5 : 4), end)
        default:
            guard let last = reader.number(p, into: target) else { return end }
            if !inRecord {
                target.pointee = Value(
                    target.pointee.tag, flags: target.pointee.flags & ~Value.Flags.digits,
                    bits: target.pointee.bits)
            }
            return last
        }
    }

    /// How many elements there are from the one at `p` on. (Has a copy of the brackets: they are asked for again.)
    func countElements(_ start: Pointer) -> Int {
        var p = start
        var brackets = brackets
        guard p < end, p[0] != UInt8(ascii: "]"), p[0] != UInt8(ascii: "}") else { return 0 }
        var count = 1
        while p < end {
            switch p[0] {
            case UInt8(ascii: "\""): p = min(trustedStringEnd(p + 1, end, limit: limit).close + 1, end)
            case UInt8(ascii: "{"), UInt8(ascii: "["): p = brackets.containerEnd(p)
            case UInt8(ascii: ","):
                count += 1
                p += 1
            default: p += 1
            }
        }
        return count
    }
}
