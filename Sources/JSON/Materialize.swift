// Hot path: per record.
public import Bytes
import CBytes
import Glibc

/// One level of a raw list or map as elements in the arena (map: key, value, key, value …; each key once, in the order keys come
/// first, with its last duplicate's value); any other value unchanged. Elements that are lists or maps are raw themselves.
///
/// The raw text must be what a scanner checked. Numbers that stand in `record` keep their digits; where the raw text is
/// elsewhere (a lookup's row), they have none.
public func materialize(_ value: Value, record: UnsafeRawBufferPointer, arena: inout Arena) -> Value {
    guard value.flags & Value.Flags.raw != 0, value.length >= 2, let text = value.pointer else { return value }
    let start = text.assumingMemoryBound(to: UInt8.self)
    var reader = TrustedReader(start, count: Int(value.length), record: record)
    switch value.tag {
    case .list: return reader.list(&arena)
    case .map: return reader.map(&arena)
    default: return value
    }
}

/// Walks text that a scanner has checked. Never reads behind its end, whatever the text.
private struct TrustedReader {
    private let start: UnsafePointer<UInt8>
    private let end: UnsafePointer<UInt8>
    private var reader: Reader
    private let inRecord: Bool

    init(_ start: UnsafePointer<UInt8>, count: Int, record: UnsafeRawBufferPointer) {
        self.start = start
        end = start + count
        // Digits' offsets count from the record's start.
        let base = record.baseAddress?.assumingMemoryBound(to: UInt8.self)
        if let base, start >= base, end <= base + record.count {
            inRecord = true
            reader = Reader(base: base, end: end, kinds: Self.noKinds, maxDepth: 0)
        } else {
            inRecord = false
            reader = Reader(base: start, end: end, kinds: Self.noKinds, maxDepth: 0)
        }
    }

    /// Numbers and strings, all that the reader is used for, need none; with `maxDepth` 0 it never looks.
    private static var noKinds: UnsafeMutablePointer<UInt8> { UnsafeMutablePointer(bitPattern: 1).unsafelyUnwrapped }

    mutating func list(_ arena: inout Arena) -> Value {
        let count = countElements()
        let elements = arena.allocate(max(count, 1) * MemoryLayout<Value>.stride).assumingMemoryBound(to: Value.self)
        var p = reader.skipWhite(start + 1)
        var i = 0
        while i < count, p < end {
            p = element(p, into: elements + i, &arena)
            i += 1
            p = reader.skipWhite(p)
            if p < end { p = reader.skipWhite(p + 1) }  // the comma
        }
        return Value(.list, length: UInt32(i), bits: UInt64(UInt(bitPattern: elements)))
    }

    mutating func map(_ arena: inout Arena) -> Value {
        let most = countElements()
        let pairs = arena.allocate(max(most, 1) * 2 * MemoryLayout<Value>.stride).assumingMemoryBound(to: Value.self)
        var index = KeyIndex(capacity: most, &arena)
        var count = 0
        var p = reader.skipWhite(start + 1)
        var i = 0
        while i < most, p < end, p[0] == UInt8(ascii: "\"") {
            let (close, escaped) = trustedStringEnd(p + 1, end)
            let key = escaped ? Scanner.unescaped(p + 1, close, &arena) : Scanner.plain(p + 1, close)
            let at = index.find(key.bytes, count) { pairs[$0 * 2].bytes }
            p = reader.skipWhite(close + 1)
            if p < end { p = reader.skipWhite(p + 1) }  // the colon
            if at == count {
                pairs[at * 2] = key
                count += 1
            }
            p = element(p, into: pairs + (at * 2 + 1), &arena)
            i += 1
            p = reader.skipWhite(p)
            if p < end { p = reader.skipWhite(p + 1) }
        }
        return Value(.map, length: UInt32(count), bits: UInt64(UInt(bitPattern: pairs)))
    }

    private mutating func element(_ p: UnsafePointer<UInt8>, into target: UnsafeMutablePointer<Value>,
                                  _ arena: inout Arena) -> UnsafePointer<UInt8> {
        target.pointee = .null
        guard p < end else { return end }
        switch p[0] {
        case UInt8(ascii: "\""):
            let (close, escaped) = trustedStringEnd(p + 1, end)
            target.pointee = escaped ? Scanner.unescaped(p + 1, close, &arena) : Scanner.plain(p + 1, close)
            return min(close + 1, end)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            let last = trustedContainerEnd(p, end)
            target.pointee = Scanner.raw(p[0] == UInt8(ascii: "{") ? .map : .list, p, last)
            return last
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
            if p[0] != UInt8(ascii: "n") { target.pointee = .bool(p[0] == UInt8(ascii: "t")) }
            return min(p + (p[0] == UInt8(ascii: "f") ? 5 : 4), end)
        default:
            guard let last = reader.number(p, into: target) else { return end }
            if !inRecord { target.pointee = Value(target.pointee.tag, flags: target.pointee.flags & ~Value.Flags.digits,
                                                  bits: target.pointee.bits) }
            return last
        }
    }

    private func countElements() -> Int {
        var p = reader.skipWhite(start + 1)
        guard p < end, p[0] != UInt8(ascii: "]"), p[0] != UInt8(ascii: "}") else { return 0 }
        var count = 1
        while p < end {
            switch p[0] {
            case UInt8(ascii: "\""): p = min(trustedStringEnd(p + 1, end).close + 1, end)
            case UInt8(ascii: "{"), UInt8(ascii: "["): p = trustedContainerEnd(p, end)
            case UInt8(ascii: ","):
                count += 1
                p += 1
            default: p += 1
            }
        }
        return count
    }
}

/// From behind the opening quote of checked text to the closing quote, and whether there are escapes.
func trustedStringEnd(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> (close: UnsafePointer<UInt8>, escaped: Bool) {
    var p = start
    var escaped = false
    while p < end, p[0] != UInt8(ascii: "\"") {
        if end - p >= 16 {
            let run = Int(cb_string_stop(p))
            if run > 0 {
                p += run
                continue
            }
        }
        if p[0] == UInt8(ascii: "\\") {
            escaped = true
            p += 1
            if p == end { break }
        }
        p += 1
    }
    return (p, escaped)
}

/// From an opening bracket of checked text to behind its closing one.
func trustedContainerEnd(_ open: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
    var p = open
    var depth = 0
    while p < end {
        switch p[0] {
        case UInt8(ascii: "\""): p = trustedStringEnd(p + 1, end).close
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            depth -= 1
            if depth == 0 { return p + 1 }
        default: break
        }
        if p < end { p += 1 }
    }
    return end
}
