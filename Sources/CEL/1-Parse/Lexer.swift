/// Source text to tokens, by the lexis of the CEL language definition
/// (https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax).
struct Lexer {
    let source: [UInt8]
    private(set) var offset = 0

    init(_ source: [UInt8]) { self.source = source }

    private func byte(_ index: Int) -> UInt8 { index < source.count ? source[index] : 0 }

    mutating func next() throws(CELError) -> Token {
        skipSpace()
        let start = offset
        guard start < source.count else { return Token(kind: .end, start: start, end: start) }
        let first = source[start]
        if let prefix = stringPrefix(start) { return try string(start, prefix) }
        if first.isNameStart { return name(start) }
        if first.isDigit || (first == UInt8(ascii: ".") && byte(start + 1).isDigit) { return try number(start) }
        if first == UInt8(ascii: "`") { return try quotedName(start) }
        return try punctuation(start)
    }

    private mutating func skipSpace() {
        while offset < source.count {
            switch source[offset] {
            case 0x20, 0x09, 0x0a, 0x0c, 0x0d: offset += 1
            case UInt8(ascii: "/") where byte(offset + 1) == UInt8(ascii: "/"):
                while offset < source.count, source[offset] != 0x0a { offset += 1 }
            default: return
            }
        }
    }

    private mutating func token(_ kind: Token.Kind, _ start: Int, _ end: Int) -> Token {
        offset = end
        return Token(kind: kind, start: start, end: end)
    }

    private mutating func name(_ start: Int) -> Token {
        var end = start + 1
        while byte(end).isNamePart { end += 1 }
        let isIn = end - start == 2 && source[start] == UInt8(ascii: "i") && source[start + 1] == UInt8(ascii: "n")
        return token(isIn ? .in : .identifier, start, end)
    }

    /// A field name between backticks, for names that aren't identifiers: message.`order-id`.
    private mutating func quotedName(_ start: Int) throws(CELError) -> Token {
        var end = start + 1
        while end < source.count, source[end] != UInt8(ascii: "`"), source[end] >= 0x20 { end += 1 }
        guard byte(end) == UInt8(ascii: "`"), end > start + 1 else {
            throw CELError("expected a field name and a closing '`'", at: start)
        }
        return token(.quotedIdentifier, start, end + 1)
    }

    private mutating func number(_ start: Int) throws(CELError) -> Token {
        var end = start
        var kind = Token.Kind.int
        if source[start] == UInt8(ascii: "0"), byte(start + 1) | 0x20 == UInt8(ascii: "x") {
            end += 2
            guard byte(end).hexValue != nil else { throw CELError("expected hexadecimal digits after '0x'", at: start) }
            while byte(end).hexValue != nil { end += 1 }
        } else {
            while byte(end).isDigit { end += 1 }
            if byte(end) == UInt8(ascii: "."), byte(end + 1).isDigit {
                kind = .double
                end += 1
                while byte(end).isDigit { end += 1 }
            }
            if byte(end) | 0x20 == UInt8(ascii: "e") {
                kind = .double
                end += 1
                if byte(end) == UInt8(ascii: "+") || byte(end) == UInt8(ascii: "-") { end += 1 }
                guard byte(end).isDigit else { throw CELError("expected digits in the exponent", at: end) }
                while byte(end).isDigit { end += 1 }
            }
        }
        if kind == .int, byte(end) | 0x20 == UInt8(ascii: "u") {
            kind = .uint
            end += 1
        }
        if byte(end).isNamePart { throw CELError("expected an operator after a number", at: end) }
        return token(kind, start, end)
    }

    private struct StringPrefix {
        var length: Int
        var raw = false
        var bytes = false
    }

    /// r, b, rb or br in either case and then a quote; nil: no string begins here.
    private func stringPrefix(_ start: Int) -> StringPrefix? {
        var prefix = StringPrefix(length: 0)
        while prefix.length < 3 {
            switch byte(start + prefix.length) {
            case UInt8(ascii: "'"), UInt8(ascii: "\""): return prefix
            case UInt8(ascii: "r"), UInt8(ascii: "R"): if prefix.raw { return nil } else { prefix.raw = true }
            case UInt8(ascii: "b"), UInt8(ascii: "B"): if prefix.bytes { return nil } else { prefix.bytes = true }
            default: return nil
            }
            prefix.length += 1
        }
        return nil
    }

    private mutating func string(_ start: Int, _ prefix: StringPrefix) throws(CELError) -> Token {
        let open = start + prefix.length
        let quote = source[open]
        let triple = byte(open + 1) == quote && byte(open + 2) == quote
        var end = open + (triple ? 3 : 1)
        while end < source.count {
            let next = source[end]
            if next == UInt8(ascii: "\\"), !prefix.raw {
                end += 2
            } else if next == quote {
                if !triple { return token(prefix.bytes ? .bytes : .string, start, end + 1) }
                if byte(end + 1) == quote, byte(end + 2) == quote { return token(prefix.bytes ? .bytes : .string, start, end + 3) }
                end += 1
            } else if !triple, next == 0x0a || next == 0x0d {
                break
            } else {
                end += 1
            }
        }
        throw CELError("expected a closing \(triple ? "triple " : "")quote", at: start)
    }

    private mutating func punctuation(_ start: Int) throws(CELError) -> Token {
        let second = byte(start + 1)
        switch source[start] {
        case UInt8(ascii: "("): return token(.leftParenthesis, start, start + 1)
        case UInt8(ascii: ")"): return token(.rightParenthesis, start, start + 1)
        case UInt8(ascii: "["): return token(.leftBracket, start, start + 1)
        case UInt8(ascii: "]"): return token(.rightBracket, start, start + 1)
        case UInt8(ascii: "{"): return token(.leftBrace, start, start + 1)
        case UInt8(ascii: "}"): return token(.rightBrace, start, start + 1)
        case UInt8(ascii: "."): return token(.dot, start, start + 1)
        case UInt8(ascii: ","): return token(.comma, start, start + 1)
        case UInt8(ascii: ":"): return token(.colon, start, start + 1)
        case UInt8(ascii: "?"): return token(.question, start, start + 1)
        case UInt8(ascii: "+"): return token(.plus, start, start + 1)
        case UInt8(ascii: "-"): return token(.minus, start, start + 1)
        case UInt8(ascii: "*"): return token(.star, start, start + 1)
        case UInt8(ascii: "/"): return token(.slash, start, start + 1)
        case UInt8(ascii: "%"): return token(.percent, start, start + 1)
        case UInt8(ascii: "!"):
            return second == UInt8(ascii: "=") ? token(.notEqual, start, start + 2) : token(.not, start, start + 1)
        case UInt8(ascii: "<"):
            return second == UInt8(ascii: "=") ? token(.lessEqual, start, start + 2) : token(.less, start, start + 1)
        case UInt8(ascii: ">"):
            return second == UInt8(ascii: "=") ? token(.greaterEqual, start, start + 2) : token(.greater, start, start + 1)
        case UInt8(ascii: "="):
            if second == UInt8(ascii: "=") { return token(.equal, start, start + 2) }
            throw CELError("'=' isn't an operator", at: start, suggestion: "==")
        case UInt8(ascii: "&"):
            if second == UInt8(ascii: "&") { return token(.and, start, start + 2) }
            throw CELError("'&' isn't an operator", at: start, suggestion: "&&")
        case UInt8(ascii: "|"):
            if second == UInt8(ascii: "|") { return token(.or, start, start + 2) }
            throw CELError("'|' isn't an operator", at: start, suggestion: "||")
        default: throw CELError("unexpected character \(quoted(start))", at: start)
        }
    }

    /// The character at an offset, for a message.
    private func quoted(_ start: Int) -> String {
        var end = start + 1
        while end < source.count, source[end] & 0xc0 == 0x80 { end += 1 }
        let text = String(decoding: source[start..<end], as: UTF8.self)
        return source[start] < 0x20 || source[start] == 0x7f ? "with code \(source[start])" : "'\(text)'"
    }
}

extension UInt8 {
    var isDigit: Bool { self &- UInt8(ascii: "0") < 10 }
    var isNameStart: Bool { (self | 0x20) &- UInt8(ascii: "a") < 26 || self == UInt8(ascii: "_") }
    var isNamePart: Bool { isNameStart || isDigit }
    var hexValue: UInt32? {
        if isDigit { return UInt32(self &- UInt8(ascii: "0")) }
        let letter = (self | 0x20) &- UInt8(ascii: "a")
        return letter < 6 ? UInt32(letter) + 10 : nil
    }
}
