// Hot path: per record.
public import Bytes
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

/// What `lookUp` found in a map.
@frozen
public struct MapMember: BitwiseCopyable {
    /// `.absent`: the map has no such key.
    public var value: Value
    /// How many members the map has; a key that comes again counts again.
    public var count: Int

    @usableFromInline
    init(value: Value, count: Int) {
        self.value = value
        self.count = count
    }
}

/// The value that `materialize` would give a key of a raw map, without making the others: its last duplicate's. Keys are strings;
/// there is none that is anything else. What is said there of text and numbers holds here too; the value may point into the arena.
public func lookUp(_ key: Value, in map: Value, record: UnsafeRawBufferPointer, arena: inout Arena) -> MapMember {
    guard map.flags & Value.Flags.raw != 0, map.tag == .map, map.length >= 2, let text = map.pointer else {
        return MapMember(value: .absent, count: 0)
    }
    var reader = TrustedReader(text.assumingMemoryBound(to: UInt8.self), count: Int(map.length), record: record)
    return reader.member(key, &arena)
}

/// Walks text that a scanner has checked. Never reads behind its end, whatever the text; in a record, never behind the record's.
private struct TrustedReader {
    typealias Pointer = UnsafePointer<UInt8>

    private let start: Pointer
    private let end: Pointer
    /// Behind the last byte that may be read: text in a record needn't be taken byte by byte at its end.
    private let limit: Pointer
    private var reader: Reader
    private var brackets: Brackets
    private let inRecord: Bool

    /// Up to so many elements a list is read in one go; of longer ones the rest is counted first.
    private static let firstElements = 16

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

    mutating func list(_ arena: inout Arena) -> Value {
        // An element and its comma are two bytes.
        var capacity = min((end - start) / 2, Self.firstElements)
        var elements = arena.allocate(capacity * MemoryLayout<Value>.stride).assumingMemoryBound(to: Value.self)
        var count = 0
        var p = reader.skipWhite(start + 1)
        while p < end, p[0] != UInt8(ascii: "]") {
            if count == capacity {
                capacity += countElements(p)
                let all = arena.allocate(capacity * MemoryLayout<Value>.stride).assumingMemoryBound(to: Value.self)
                all.update(from: elements, count: count)
                elements = all
                if count == capacity { break }  // not in checked text
            }
            p = element(p, into: elements + count, &arena)
            count += 1
            p = behindComma(p)
        }
        return Value(.list, length: UInt32(count), bits: UInt64(UInt(bitPattern: elements)))
    }

    mutating func map(_ arena: inout Arena) -> Value {
        let most = countElements(reader.skipWhite(start + 1))
        let pairs = arena.allocate(max(most, 1) * 2 * MemoryLayout<Value>.stride).assumingMemoryBound(to: Value.self)
        var index = KeyIndex(capacity: most, &arena)
        var count = 0
        var p = reader.skipWhite(start + 1)
        var i = 0
        while i < most, p < end, p[0] == UInt8(ascii: "\"") {
            let (close, escaped) = trustedStringEnd(p + 1, end, limit: limit)
            let key = escaped ? Scanner.unescaped(p + 1, close, &arena) : Scanner.plain(p + 1, close)
            let at = index.find(key.bytes, count) { pairs[$0 * 2].bytes }
            if at == count {
                pairs[at * 2] = key
                count += 1
            }
            p = element(behindColon(close), into: pairs + (at * 2 + 1), &arena)
            i += 1
            p = behindComma(p)
        }
        return Value(.map, length: UInt32(count), bits: UInt64(UInt(bitPattern: pairs)))
    }

    /// One pass over all members: only the last one with the key counts.
    mutating func member(_ key: Value, _ arena: inout Arena) -> MapMember {
        let wanted = key.tag == .string ? Int(key.length) : -1
        var found: Pointer?
        var count = 0
        var p = reader.skipWhite(start + 1)
        while p < end, p[0] == UInt8(ascii: "\"") {
            let (close, escaped) = trustedStringEnd(p + 1, end, limit: limit)
            let value = behindColon(close)
            let length = close - (p + 1)
            if escaped ? isEscaped(key, p + 1, close, &arena) : length == wanted && isSame(key.pointer, p + 1, length) {
                found = value
            }
            count += 1
            p = behindComma(behind(value))
        }
        guard let found else { return MapMember(value: .absent, count: count) }
        var value = Value.null
        _ = element(found, into: &value, &arena)
        return MapMember(value: value, count: count)
    }

    @inline(__always)
    private func isSame(_ key: UnsafeRawPointer?, _ text: Pointer, _ length: Int) -> Bool {
        guard length > 0, let key else { return true }  // both are empty
        return memcmp(key, text, length) == 0
    }

    /// Whether a key written with escapes is this one.
    @inline(never)
    private func isEscaped(_ key: Value, _ content: Pointer, _ close: Pointer, _ arena: inout Arena) -> Bool {
        // An escape is shorter than what it stands for never, and at most six times as long.
        let length = close - content
        guard key.tag == .string, length >= Int(key.length), length <= Int(key.length) * 6 else { return false }
        let target = arena.allocate(length)
        let count = unescape(content, length, to: target.assumingMemoryBound(to: UInt8.self))
        arena.shrinkLast(target, to: 0)
        return count == Int(key.length) && isSame(key.pointer, target.assumingMemoryBound(to: UInt8.self), count)
    }

    /// From a key's closing quote to its value.
    @inline(__always)
    private func behindColon(_ close: Pointer) -> Pointer {
        let p = reader.skipWhite(close + 1)
        return p < end ? reader.skipWhite(p + 1) : end
    }

    /// From behind an element to the next one, or to behind the closing bracket.
    @inline(__always)
    private func behindComma(_ last: Pointer) -> Pointer {
        let p = reader.skipWhite(last)
        return p < end ? reader.skipWhite(p + 1) : end
    }

    /// From a value's first byte to behind it.
    @inline(__always)
    private mutating func behind(_ p: Pointer) -> Pointer {
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

    private mutating func element(_ p: Pointer, into target: UnsafeMutablePointer<Value>, _ arena: inout Arena) -> Pointer {
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
            if !inRecord { target.pointee = Value(target.pointee.tag, flags: target.pointee.flags & ~Value.Flags.digits,
                                                  bits: target.pointee.bits) }
            return last
        }
    }

    /// How many elements there are from the one at `p` on. (Has a copy of the brackets: they are asked for again.)
    private func countElements(_ start: Pointer) -> Int {
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
