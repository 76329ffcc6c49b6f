/// Numbers and quoted strings of the source, decoded.
extension Literal {
    /// A number token, with the minus sign before it where there is one (so that the smallest int can be written).
    static func number(_ token: Token, in source: [UInt8], negative: Bool) throws(CELError) -> Literal {
        var text = source[token.start..<token.end]
        switch token.kind {
        case .double:
            let written = (negative ? [UInt8(ascii: "-")] : []) + text
            guard let value = Double(String(decoding: written, as: UTF8.self)), value.isFinite else {
                throw CELError("double literal out of range", at: token.start)
            }
            return .double(value, text: written)
        case .uint:
            if negative { throw CELError("an unsigned integer can't be negative", at: token.start) }
            text.removeLast()
            guard let value = magnitude(text) else { throw CELError("uint literal out of range", at: token.start) }
            return .uint(value)
        default:
            guard let value = magnitude(text), value <= UInt64(Int64.max) + (negative ? 1 : 0) else {
                throw CELError("int literal out of range; as a string in decimal('…') it can be larger", at: token.start)
            }
            return .int(negative ? Int64(truncatingIfNeeded: 0 &- value) : Int64(value))
        }
    }

    private static func magnitude(_ text: ArraySlice<UInt8>) -> UInt64? {
        let hex = text.count > 2 && text[text.startIndex + 1] | 0x20 == UInt8(ascii: "x")
        var value: UInt64 = 0
        for byte in hex ? text.dropFirst(2) : text {
            guard let digit = byte.hexValue else { return nil }
            let (shifted, overflow) = value.multipliedReportingOverflow(by: hex ? 16 : 10)
            let (sum, carry) = shifted.addingReportingOverflow(UInt64(digit))
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }

    /// A string or bytes token: prefix, quotes and escapes taken away.
    static func quoted(_ token: Token, in source: [UInt8]) throws(CELError) -> Literal {
        var start = token.start
        var raw = false
        while source[start] != UInt8(ascii: "'"), source[start] != UInt8(ascii: "\"") {
            if source[start] | 0x20 == UInt8(ascii: "r") { raw = true }
            start += 1
        }
        let quote = source[start]
        let triple = token.end - start >= 6 && source[start + 1] == quote && source[start + 2] == quote
        let content = (start + (triple ? 3 : 1))..<(token.end - (triple ? 3 : 1))
        let isBytes = token.kind == .bytes
        let decoded = raw ? Array(source[content]) : try unescape(source, content, isBytes: isBytes)
        return isBytes ? .bytes(decoded) : .string(decoded)
    }

    private static func unescape(_ source: [UInt8], _ range: Range<Int>, isBytes: Bool) throws(CELError) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            guard source[index] == UInt8(ascii: "\\") else {
                result.append(source[index])
                index += 1
                continue
            }
            let escape = source[index..<range.upperBound]
            index += try decodeEscape(escape, isBytes: isBytes, into: &result)
        }
        return result
    }

    /// Decodes the escape that begins at the slice's start; returns its length.
    private static func decodeEscape(
        _ text: ArraySlice<UInt8>, isBytes: Bool, into result: inout [UInt8]
    ) throws(CELError) -> Int {
        let start = text.startIndex
        guard text.count > 1 else { throw CELError("expected an escape after '\\'", at: start) }
        let letter = text[start + 1]
        if let plain = simpleEscapes[letter] {
            result.append(plain)
            return 2
        }
        let (digits, radix, skip): (Int, UInt32, Int) =
            switch letter {
            case UInt8(ascii: "x"), UInt8(ascii: "X"): (2, 16, 2)
            case UInt8(ascii: "u"): (4, 16, 2)
            case UInt8(ascii: "U"): (8, 16, 2)
            case UInt8(ascii: "0")...UInt8(ascii: "3"): (3, 8, 1)
            default: throw CELError("unknown escape in a string; for a backslash write '\\\\', or r'…' for a raw string", at: start)
            }
        if isBytes, letter | 0x20 == UInt8(ascii: "u") { throw CELError("bytes have no \\u escapes; write \\x", at: start) }
        var code: UInt32 = 0
        for position in 0..<digits {
            let index = start + skip + position
            guard index < text.endIndex, let digit = text[index].hexValue, digit < radix else {
                throw CELError("expected \(digits) \(radix == 8 ? "octal" : "hexadecimal") digits in an escape", at: start)
            }
            code = code &* radix &+ digit
        }
        if isBytes {
            result.append(UInt8(truncatingIfNeeded: code))
        } else if let scalar = Unicode.Scalar(code) {
            result.append(contentsOf: Array(Character(scalar).utf8))
        } else {
            throw CELError("the escape isn't a Unicode code point", at: start)
        }
        return skip + digits
    }

    private static let simpleEscapes: [UInt8: UInt8] = [
        UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12, UInt8(ascii: "n"): 10, UInt8(ascii: "r"): 13,
        UInt8(ascii: "t"): 9, UInt8(ascii: "v"): 11, UInt8(ascii: "\\"): 0x5c, UInt8(ascii: "?"): 0x3f, UInt8(ascii: "\""): 0x22,
        UInt8(ascii: "'"): 0x27, UInt8(ascii: "`"): 0x60,
    ]
}
