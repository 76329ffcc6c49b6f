// Hot path: per record.
public import Bytes
import CBytes
import Glibc

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
    var count = 0
    let found = reader.member(key, &count) ?? reader.anyMember(key, &count, &arena)
    guard found < reader.end else { return MapMember(value: .absent, count: count) }
    var value = Value.null
    _ = reader.element(found, into: &value, &arena)
    return MapMember(value: value, count: count)
}

/// Both go over all members: only the last one with the key counts.
extension TrustedReader {
    /// Where the key's value starts; `end`: there is no such key; nil: that can't be told so simply, as a key has escapes, or white
    /// space before its colon. Looks at 64 bytes at a time, and compares what stands before each colon.
    func member(_ key: Value, _ count: inout Int) -> Pointer? {
        guard key.tag == .string else { return nil }
        let length = Int(key.length)
        var found = end
        var members = 0
        var depth = 0
        var within: UInt64 = 0
        var lastIsQuote: UInt64 = 0
        var escapes = Escapes()
        var block = start
        while true {
            let masks = limit - block >= 64 ? cb_json_scan64(block) : cb_json_scan_few(block, limit - block)
            var quotes = masks.quotes
            var behindEscapes: UInt64 = 0
            if masks.backslashes != 0 || escapes.isBusy { behindEscapes = escapes.behindStrings(masks.backslashes, &quotes) }
            let inside = csv_parity(quotes) ^ within
            within = 0 &- inside >> 63
            var colons = masks.colons & ~inside
            let other = colons & (~(quotes << 1 | lastIsQuote) | behindEscapes)
            if other != 0, end - block >= 64 || other << UInt64(truncatingIfNeeded: 64 &- (end - block)) != 0 { return nil }
            lastIsQuote = quotes >> 63
            var brackets = masks.brackets & ~inside
            while true {
                // Up to the next bracket.
                let bracket = brackets & (0 &- brackets)
                if depth == 1 {
                    var here = colons & (bracket &- 1)
                    while here != 0 {
                        let colon = block + here.trailingZeroBitCount
                        here &= here &- 1
                        members += 1
                        let open = colon - (length + 2)
                        if open > start, open[0] == UInt8(ascii: "\""), isSame(key.pointer, open + 1, length) { found = colon }
                    }
                }
                if bracket == 0 { break }
                colons &= 0 &- bracket
                brackets &= brackets &- 1
                // Opening brackets have this bit, closing ones don't.
                depth += Int(block[bracket.trailingZeroBitCount] & 2) - 1
                if depth <= 0 {
                    count = members
                    // No key of this text has a quote in it: what is the same then are two strings and what is between them.
                    return found == end || hasQuote(key) ? end : reader.skipWhite(found + 1)
                }
            }
            guard end - block > 64 else { return end }  // not in checked text
            block += 64
        }
    }

    @inline(__always)
    private func hasQuote(_ key: Value) -> Bool {
        guard key.length > 0, let content = key.pointer else { return false }
        return memchr(content, Int32(UInt8(ascii: "\"")), Int(key.length)) != nil
    }

    /// The same in any text, and for any key.
    @inline(never)
    mutating func anyMember(_ key: Value, _ count: inout Int, _ arena: inout Arena) -> Pointer {
        let wanted = key.tag == .string ? Int(key.length) : -1
        var found = end
        count = 0
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
        return found
    }

    /// Whether a key written with escapes is this one.
    @inline(never)
    private func isEscaped(_ key: Value, _ content: Pointer, _ close: Pointer, _ arena: inout Arena) -> Bool {
        // An escape is never shorter than what it stands for, and at most six times as long.
        let length = close - content
        guard key.tag == .string, length >= Int(key.length), length <= Int(key.length) * 6 else { return false }
        let target = arena.allocate(length)
        let count = unescape(content, length, to: target.assumingMemoryBound(to: UInt8.self))
        arena.shrinkLast(target, to: 0)
        return count == Int(key.length) && isSame(key.pointer, target.assumingMemoryBound(to: UInt8.self), count)
    }

    /// Short keys, the usual case, are compared in two overlapping words rather than by a call.
    @inline(__always)
    private func isSame(_ key: UnsafeRawPointer?, _ text: Pointer, _ length: Int) -> Bool {
        guard length > 0, let key = key?.assumingMemoryBound(to: UInt8.self) else { return true }  // both are empty
        if length > 16 { return memcmp(key, text, length) == 0 }
        if length >= 8 {
            return cb_load64(key) == cb_load64(text) && cb_load64(key + (length - 8)) == cb_load64(text + (length - 8))
        }
        if length >= 4 {
            return cb_load32(key) == cb_load32(text) && cb_load32(key + (length - 4)) == cb_load32(text + (length - 4))
        }
        return key[0] == text[0] && key[length - 1] == text[length - 1] && key[length >> 1] == text[length >> 1]
    }
}
