// Hot path: per record.

/// URIs (RFC 3986), IRIs (RFC 3987) and URI templates (RFC 6570).
enum URIText {
    static func isURI(_ text: UnsafeRawBufferPointer, relative: Bool, international: Bool) -> Bool {
        var cursor = ByteCursor(text)
        let hasScheme = scheme(&cursor)
        if !hasScheme {
            if !relative { return false }
            cursor.index = 0
        }
        var hasAuthority = false
        if cursor.peek == UInt8(ascii: "/"), cursor.index + 1 < text.count, text[cursor.index + 1] == UInt8(ascii: "/") {
            cursor.index += 2
            guard authority(&cursor, international) else { return false }
            hasAuthority = true
            if !cursor.isAtEnd, ![UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#")].contains(cursor.peek) { return false }
        }
        let start = cursor.index
        let allowed = Allowed(international: international)
        while allowed.isPath(&cursor) {
            // Without a scheme, a colon in the first segment would make one of it.
            if !hasScheme, !hasAuthority, text[cursor.index - 1] == UInt8(ascii: ":"),
                !text[start..<(cursor.index - 1)].contains(UInt8(ascii: "/"))
            {
                return false
            }
        }
        if cursor.take(UInt8(ascii: "?")) { while allowed.isQuery(&cursor, isPrivate: true) {} }
        if cursor.take(UInt8(ascii: "#")) { while allowed.isQuery(&cursor, isPrivate: false) {} }
        return cursor.isAtEnd
    }

    private static func scheme(_ cursor: inout ByteCursor) -> Bool {
        guard cursor.peek.isLetter else { return false }
        while cursor.peek.isLetter || cursor.peek.isDigit || cursor.peek == UInt8(ascii: "+") || cursor.peek == UInt8(ascii: "-")
            || cursor.peek == UInt8(ascii: ".")
        {
            cursor.index += 1
        }
        return cursor.take(UInt8(ascii: ":"))
    }

    private static func authority(_ cursor: inout ByteCursor, _ international: Bool) -> Bool {
        let allowed = Allowed(international: international)
        // User information ends in the only `@` an authority may have.
        let start = cursor
        while allowed.isUser(&cursor) {}
        if !cursor.take(UInt8(ascii: "@")) { cursor = start }
        if cursor.take(UInt8(ascii: "[")) {
            let first = cursor.index
            while !cursor.isAtEnd, cursor.peek != UInt8(ascii: "]") { cursor.index += 1 }
            let literal = UnsafeRawBufferPointer(rebasing: cursor.text[first..<cursor.index])
            guard cursor.take(UInt8(ascii: "]")), AddressText.isIPv6(literal) || isFutureAddress(literal) else { return false }
        } else {
            while cursor.peek != UInt8(ascii: ":"), allowed.isUser(&cursor) {}
        }
        if cursor.take(UInt8(ascii: ":")) { _ = cursor.skipDigits() }
        return true
    }

    /// `v7.anything`
    private static func isFutureAddress(_ text: UnsafeRawBufferPointer) -> Bool {
        var cursor = ByteCursor(text)
        guard cursor.take(letter: UInt8(ascii: "v")) else { return false }
        let start = cursor.index
        while cursor.peek.isHexDigit { cursor.index += 1 }
        guard cursor.index > start, cursor.take(UInt8(ascii: ".")), !cursor.isAtEnd else { return false }
        while Allowed.isUnreserved(cursor.peek) || Allowed.isDelimiter(cursor.peek) || cursor.peek == UInt8(ascii: ":") {
            cursor.index += 1
        }
        return cursor.isAtEnd
    }

    /// Which characters may stand where. Each function goes behind one, if it is there.
    private struct Allowed {
        let international: Bool

        static func isUnreserved(_ byte: UInt8) -> Bool {
            byte.isLetter || byte.isDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: "~")
        }

        static func isDelimiter(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"),
                UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="):
                true
            default: false
            }
        }

        func isUser(_ cursor: inout ByteCursor) -> Bool { isCharacter(&cursor) || cursor.take(UInt8(ascii: ":")) }

        func isPath(_ cursor: inout ByteCursor) -> Bool {
            isUser(&cursor) || cursor.take(UInt8(ascii: "@")) || cursor.take(UInt8(ascii: "/"))
        }

        func isQuery(_ cursor: inout ByteCursor, isPrivate: Bool) -> Bool {
            if isPath(&cursor) || cursor.take(UInt8(ascii: "?")) { return true }
            return isPrivate && international && scalar(&cursor) { URIText.isPrivate($0) }
        }

        private func isCharacter(_ cursor: inout ByteCursor) -> Bool {
            let byte = cursor.peek
            if Self.isUnreserved(byte) || Self.isDelimiter(byte) {
                cursor.index += 1
                return true
            }
            if byte == UInt8(ascii: "%"), cursor.text.count - cursor.index >= 3, cursor.text[cursor.index + 1].isHexDigit,
                cursor.text[cursor.index + 2].isHexDigit
            {
                cursor.index += 3
                return true
            }
            return international && scalar(&cursor) { URIText.isInternational($0) }
        }

        private func scalar(_ cursor: inout ByteCursor, _ isAllowed: (UInt32) -> Bool) -> Bool {
            guard let (scalar, length) = URIText.scalar(cursor), isAllowed(scalar) else { return false }
            cursor.index += length
            return true
        }
    }

    /// The character of two or more bytes at the cursor.
    private static func scalar(_ cursor: ByteCursor) -> (UInt32, length: Int)? {
        let first = cursor.peek
        guard first >= 0xc2 else { return nil }
        let length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
        guard cursor.text.count - cursor.index >= length else { return nil }
        var value = UInt32(first) & (length == 2 ? 0x1f : length == 3 ? 0x0f : 0x07)
        for offset in 1..<length { value = value << 6 | UInt32(cursor.text[cursor.index + offset] & 0x3f) }
        return (value, length)
    }

    /// RFC 3987's ucschar.
    private static func isInternational(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0xa0...0xd7ff, 0xf900...0xfdcf, 0xfdf0...0xffef: true
        case 0x10000...0xeffff: scalar & 0xffff <= 0xfffd && (scalar < 0xe0000 || scalar >= 0xe1000)
        default: false
        }
    }

    /// RFC 3987's iprivate.
    private static func isPrivate(_ scalar: UInt32) -> Bool {
        (0xe000...0xf8ff).contains(scalar) || (0xf0000...0xffffd).contains(scalar) || (0x100000...0x10fffd).contains(scalar)
    }

    /// RFC 6570 (with erratum 6937, which lets the apostrophe be): literals and expressions in braces.
    static func isTemplate(_ text: UnsafeRawBufferPointer) -> Bool {
        var cursor = ByteCursor(text)
        while !cursor.isAtEnd {
            if cursor.take(UInt8(ascii: "{")) {
                guard expression(&cursor) else { return false }
                continue
            }
            switch cursor.peek {
            case 0...0x20, 0x7f, UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\\"),
                UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: "}"):
                return false
            case UInt8(ascii: "%"):
                guard text.count - cursor.index >= 3, text[cursor.index + 1].isHexDigit, text[cursor.index + 2].isHexDigit else {
                    return false
                }
                cursor.index += 3
            default: cursor.index += 1
            }
        }
        return true
    }

    /// Behind the brace, up to the closing one.
    private static func expression(_ cursor: inout ByteCursor) -> Bool {
        switch cursor.peek {
        case UInt8(ascii: "+"), UInt8(ascii: "#"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: ";"), UInt8(ascii: "?"),
            UInt8(ascii: "&"), UInt8(ascii: "="), UInt8(ascii: ","), UInt8(ascii: "!"), UInt8(ascii: "@"), UInt8(ascii: "|"):
            cursor.index += 1
        default: break
        }
        repeat {
            guard variable(&cursor) else { return false }
            if cursor.take(UInt8(ascii: "*")) { continue }
            if cursor.take(UInt8(ascii: ":")) {
                let start = cursor.index
                let count = cursor.skipDigits()
                guard count >= 1, count <= 4, cursor.text[start] != 48 else { return false }
            }
        } while cursor.take(UInt8(ascii: ","))
        return cursor.take(UInt8(ascii: "}"))
    }

    private static func variable(_ cursor: inout ByteCursor) -> Bool {
        repeat {
            let start = cursor.index
            while true {
                let byte = cursor.peek
                if byte.isLetter || byte.isDigit || byte == UInt8(ascii: "_") {
                    cursor.index += 1
                } else if byte == UInt8(ascii: "%"), cursor.text.count - cursor.index >= 3,
                    cursor.text[cursor.index + 1].isHexDigit,
                    cursor.text[cursor.index + 2].isHexDigit
                {
                    cursor.index += 3
                } else {
                    break
                }
            }
            if cursor.index == start { return false }
        } while cursor.take(UInt8(ascii: "."))
        return true
    }
}
