// Hot path: per record.
import CBytes

/// From behind the opening quote of checked text to the closing quote, and whether there are escapes. Bytes from `end` to `limit`
/// may be read, and nothing comes of them.
@inline(__always)
func trustedStringEnd(
    _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, limit: UnsafePointer<UInt8>
) -> (close: UnsafePointer<UInt8>, escaped: Bool) {
    if limit - start >= 16 {
        let run = Int(cb_json_string_stop(start))
        if run < 16, start + run < end, start[run] == UInt8(ascii: "\"") { return (start + run, false) }
    }
    return trustedLongStringEnd(start, end, limit: limit)
}

@inline(never)
private func trustedLongStringEnd(
    _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, limit: UnsafePointer<UInt8>
) -> (close: UnsafePointer<UInt8>, escaped: Bool) {
    var p = start
    var escaped = false
    while p < end {
        if limit - p >= 16 {
            let run = Int(cb_json_string_stop(p))
            p += run
            if run == 16 { continue }
            if p >= end { break }
        }
        if p[0] == UInt8(ascii: "\"") { return (p, escaped) }
        if p[0] == UInt8(ascii: "\\") {
            escaped = true
            p += 1
        }
        p += 1
    }
    return (end, escaped)
}

/// The brackets of checked text, 64 bytes at a time: where containers end. Made for going from the text's start to its end: what
/// was found out about the bytes behind one container is kept for the next.
struct Brackets {
    typealias Pointer = UnsafePointer<UInt8>

    /// Behind the text, and behind the last byte that may be read.
    private let end: Pointer
    private let limit: Pointer
    /// The 64 bytes looked at last; `limit`: none.
    private var block: Pointer
    /// Which of them are brackets outside of strings, from `passed` on.
    private var brackets: UInt64 = 0
    private var passed: Pointer
    /// All ones where the block ends within a string.
    private var within: UInt64 = 0
    /// 1 where the block's last byte is a backslash that escapes what follows.
    private var escaping: UInt64 = 0

    init(end: Pointer, limit: Pointer) {
        self.end = end
        self.limit = limit
        block = limit
        passed = limit
    }

    /// From an opening bracket to behind its closing one.
    mutating func containerEnd(_ open: Pointer) -> Pointer {
        if open >= passed, open - block < 64 {
            brackets &= ~0 << UInt64(truncatingIfNeeded: open - block)
        } else {
            block = open
            within = 0
            escaping = 0
            look()
        }
        var depth = 0
        while true {
            while brackets != 0 {
                let p = block + brackets.trailingZeroBitCount
                brackets &= brackets &- 1
                // Opening brackets have this bit, closing ones don't.
                depth += Int(p[0] & 2) - 1
                if depth <= 0 {
                    passed = p + 1
                    return min(passed, end)
                }
            }
            guard end - block > 64 else {
                passed = limit
                return end
            }
            block += 64
            look()
        }
    }

    @inline(__always)
    private mutating func look() {
        let masks = limit - block >= 64 ? cb_json_scan64(block) : cb_json_scan_few(block, limit - block)
        var quotes = masks.quotes
        if masks.backslashes | escaping != 0 { quotes &= ~escaped(masks.backslashes) }
        let inside = csv_parity(quotes) ^ within
        within = 0 &- inside >> 63
        brackets = masks.brackets & ~inside
    }

    /// The bytes that stand behind an escaping backslash.
    @inline(never)
    private mutating func escaped(_ backslashes: UInt64) -> UInt64 {
        var result = escaping
        var left = backslashes & ~escaping
        escaping = 0
        while left != 0 {
            let first = left & (0 &- left)
            let next = first << 1
            if next == 0 { escaping = 1 }
            result |= next
            left &= ~(first | next)
        }
        return result
    }
}
