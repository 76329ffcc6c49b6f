// Hot path: per record.
import Bytes
import CBytes

/// Checks JSON text byte by byte: each function takes where something starts and returns where it ends, or nil with `failure`
/// set. Nothing reads at or behind `end`. Nothing recurses.
struct Reader {
    typealias Pointer = UnsafePointer<UInt8>

    let base: Pointer
    let end: Pointer
    /// Kind of each open container while one is skipped; room for `maxDepth` bytes.
    let kinds: UnsafeMutablePointer<UInt8>
    let maxDepth: Int
    /// Containers open around what is being read.
    var depth = 0
    var failure = ScanResult(code: .ok, offset: 0)

    @inline(never)
    mutating func fail(_ code: ScanCode, at p: Pointer) -> Pointer? {
        failure = ScanResult(code: code, offset: p - base)
        return nil
    }

    /// The text ended, or something stands where it can't.
    @inline(never)
    mutating func unexpected(at p: Pointer) -> Pointer? { fail(p >= end ? .truncated : .syntax, at: p) }

    // MARK: White space and literals

    @inline(__always)
    func skipWhite(_ p: Pointer) -> Pointer { JSON.skipWhite(p, end) }

    /// `true`, `false` or `null`, whose first byte is at `p`.
    @inline(__always)
    mutating func literal(_ p: Pointer) -> Pointer? {
        if end - p >= 5 {
            let word = cb_load32(p)
            if word == 0x6575_7274 || word == 0x6c6c_756e { return p + 4 }
            if word == 0x736c_6166 && p[4] == UInt8(ascii: "e") { return p + 5 }
        }
        return literalSlowly(p)
    }

    @inline(never)
    private mutating func literalSlowly(_ p: Pointer) -> Pointer? {
        let text: StaticString
        switch p[0] {
        case UInt8(ascii: "t"): text = "true"
        case UInt8(ascii: "f"): text = "false"
        case UInt8(ascii: "n"): text = "null"
        default: return fail(.syntax, at: p)
        }
        for i in 0..<text.utf8CodeUnitCount {
            if p + i == end || p[i] != text.utf8Start[i] { return unexpected(at: p + i) }
        }
        return p + text.utf8CodeUnitCount
    }

    // MARK: Strings

    /// From behind the opening quote to the closing one, and whether there are escapes between them.
    @inline(__always)
    mutating func string(_ start: Pointer) -> (close: Pointer?, escaped: Bool) {
        var p = start
        while end - p >= 16 {
            let run = Int(cb_string_stop(p))
            p += run
            if run < 16 {
                if p[0] == UInt8(ascii: "\"") { return (p, false) }
                return stringSlowly(p)
            }
        }
        // The record's last bytes: its last sixteen, less those before p.
        if end - base >= 16 {
            p += Int(cb_string_stop_from(end - 16, Int32(truncatingIfNeeded: 16 &- (end - p))))
            if p < end, p[0] == UInt8(ascii: "\"") { return (p, false) }
        }
        return stringSlowly(p)
    }

    @inline(never)
    private mutating func stringSlowly(_ start: Pointer) -> (close: Pointer?, escaped: Bool) {
        var p = start
        var escaped = false
        while p < end {
            if end - p >= 16 {
                let run = Int(cb_string_stop(p))
                p += run
                if run == 16 { continue }
            }
            let byte = p[0]
            if byte == UInt8(ascii: "\"") { return (p, escaped) }
            if byte >= 0x80 {
                let length = UTF8Text.sequenceLength(at: p, end: end)
                if length == 0 { return (fail(.utf8, at: p), escaped) }
                p += length
            } else if byte == UInt8(ascii: "\\") {
                escaped = true
                guard let next = escape(p) else { return (nil, escaped) }
                p = next
            } else if byte < 0x20 {
                return (fail(.control, at: p), escaped)
            } else {
                p += 1
            }
        }
        return (fail(.truncated, at: end), escaped)
    }

    /// Checks the escape whose backslash is at `p`. Surrogates must come in pairs: a lone one has no UTF-8 form.
    private mutating func escape(_ p: Pointer) -> Pointer? {
        if end - p < 2 { return fail(.truncated, at: end) }
        switch p[1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
             UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return p + 2
        case UInt8(ascii: "u"):
            guard let unit = hex4(p + 2) else { return badHex(p) }
            if unit & 0xf800 != 0xd800 { return p + 6 }
            if unit >= 0xdc00 { return fail(.escape, at: p) }
            let second = p + 6
            if end - second < 2 { return truncatedOrEscape(second, "\\u", escape: p) }
            guard second[0] == UInt8(ascii: "\\"), second[1] == UInt8(ascii: "u") else { return fail(.escape, at: p) }
            guard let low = hex4(second + 2) else { return badHex(second) }
            return low & 0xfc00 == 0xdc00 ? second + 6 : fail(.escape, at: p)
        default:
            return fail(.escape, at: p)
        }
    }

    private mutating func badHex(_ backslash: Pointer) -> Pointer? {
        var p = backslash + 2
        while p < end, p < backslash + 6, hexDigit(p[0]) != nil { p += 1 }
        return p == end && p < backslash + 6 ? fail(.truncated, at: end) : fail(.escape, at: backslash)
    }

    private mutating func truncatedOrEscape(_ p: Pointer, _ wanted: StaticString, escape: Pointer) -> Pointer? {
        p == end || p[0] == wanted.utf8Start[0] ? fail(.truncated, at: end) : fail(.escape, at: escape)
    }

    private func hex4(_ p: Pointer) -> UInt32? {
        guard end - p >= 4, let a = hexDigit(p[0]), let b = hexDigit(p[1]), let c = hexDigit(p[2]), let d = hexDigit(p[3])
        else { return nil }
        return a << 12 | b << 8 | c << 4 | d
    }

    // MARK: Containers

    /// From the opening bracket at `open` to behind its closing one, everything between checked. `depth` is as before.
    @inline(never)
    mutating func container(_ open: Pointer) -> Pointer? {
        let outer = depth
        var p = open
        let object = UInt8(ascii: "{")
        value: while true {
            // p is where a value must start.
            guard p < end else { return fail(.truncated, at: end) }
            switch p[0] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                if depth == maxDepth { return fail(.depth, at: p) }
                let kind = p[0]
                kinds[depth] = kind
                depth += 1
                p = skipWhite(p + 1)
                if p < end, p[0] == kind &+ 2 {  // { } and [ ] are two apart
                    p += 1
                    depth -= 1
                } else if kind == object {
                    guard let next = key(p) else { return nil }
                    p = next
                    continue value
                } else {
                    continue value
                }
            case UInt8(ascii: "\""):
                guard let close = string(p + 1).close else { return nil }
                p = close + 1
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                guard let next = numberEnd(p) else { return nil }
                p = next
            default:
                guard let next = literal(p) else { return nil }
                p = next
            }
            // p is behind a value: close what ends here, or go on to the next value.
            while depth > outer {
                p = skipWhite(p)
                let kind = kinds[depth - 1]
                guard p < end else { return fail(.truncated, at: end) }
                if p[0] == UInt8(ascii: ",") {
                    p = skipWhite(p + 1)
                    if kind == object {
                        guard let next = key(p) else { return nil }
                        p = next
                    }
                    continue value
                }
                guard p[0] == kind &+ 2 else { return fail(.syntax, at: p) }
                p += 1
                depth -= 1
            }
            return p
        }
    }

    /// A key whose quote must be at `p`, and its colon; returns where the value starts.
    @inline(__always)
    private mutating func key(_ p: Pointer) -> Pointer? {
        guard p < end, p[0] == UInt8(ascii: "\"") else { return unexpected(at: p) }
        guard let close = string(p + 1).close else { return nil }
        let colon = skipWhite(close + 1)
        guard colon < end, colon[0] == UInt8(ascii: ":") else { return unexpected(at: colon) }
        return skipWhite(colon + 1)
    }

    /// From the first byte of any value to behind it.
    @inline(__always)
    mutating func skip(_ p: Pointer) -> Pointer? {
        guard p < end else { return fail(.truncated, at: end) }
        switch p[0] {
        case UInt8(ascii: "\""):
            guard let close = string(p + 1).close else { return nil }
            return close + 1
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return numberEnd(p)
        case UInt8(ascii: "{"), UInt8(ascii: "["): return container(p)
        default: return literal(p)
        }
    }
}

/// Behind white space: JSON's four characters, no others.
@inline(__always)
func skipWhite(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
    if p < end, p[0] <= 0x20 { return skipWhiteRun(p, end) }
    return p
}

@inline(never)
private func skipWhiteRun(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
    var p = start
    while p < end, p[0] == 0x20 || p[0] == 0x0a || p[0] == 0x0d || p[0] == 0x09 { p += 1 }
    return p
}

@inline(__always)
func hexDigit(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte &- 48)
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte &- 87)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte &- 55)
    default: nil
    }
}
