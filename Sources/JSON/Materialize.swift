// Hot path: per record.
public import Bytes

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

extension TrustedReader {
    /// Up to so many elements a list is read in one go; of longer ones the rest is counted first.
    private static var firstElements: Int { 16 }

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
}
