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
    private var escapes = Escapes()

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
            escapes = Escapes()
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
        if masks.backslashes | escapes.pending != 0 { quotes &= ~escapes.escaped(masks.backslashes) }
        let inside = csv_parity(quotes) ^ within
        within = 0 &- inside >> 63
        brackets = masks.brackets & ~inside
    }
}

/// The escapes of checked text, 64 bytes at a time.
struct Escapes {
    /// 1 where the last byte was a backslash that escapes what follows.
    private(set) var pending: UInt64 = 0
    /// Whether the string that goes on behind the last byte has escapes.
    private(set) var isOpen = false
    /// 1 where the last byte closed a string with escapes.
    private(set) var closed: UInt64 = 0

    /// Whether there is more to say of what follows, whatever it is.
    @inline(__always) var isBusy: Bool { isOpen || closed != 0 }

    /// The bytes that stand behind an escaping backslash.
    @inline(never)
    mutating func escaped(_ backslashes: UInt64) -> UInt64 {
        var result = pending
        var left = backslashes & ~pending
        pending = 0
        while left != 0 {
            let first = left & (0 &- left)
            let next = first << 1
            if next == 0 { pending = 1 }
            result |= next
            left &= ~(first | next)
        }
        return result
    }

    /// The bytes that stand behind a string with escapes. Leaves only those quotes that open or close a string.
    @inline(never)
    mutating func behindStrings(_ backslashes: UInt64, _ quotes: inout UInt64) -> UInt64 {
        quotes &= ~escaped(backslashes)
        var closing: UInt64 = 0
        var left = isOpen ? backslashes | 1 : backslashes
        isOpen = false
        while left != 0 {
            let behind = quotes & (0 &- (left & (0 &- left)))
            if behind == 0 {
                isOpen = true
                break
            }
            let close = behind & (0 &- behind)
            closing |= close
            left &= ~(close | (close &- 1))
        }
        let result = closing << 1 | closed
        closed = closing >> 63
        return result
    }
}
