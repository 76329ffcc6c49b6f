// Hot path: per record.

/// Mail addresses (RFC 5321, RFC 6531), IP addresses (RFC 2673, RFC 4291), UUIDs (RFC 4122).
enum AddressText {
    static func isEmail(_ text: UnsafeRawBufferPointer, international: Bool) -> Bool {
        var cursor = ByteCursor(text)
        guard cursor.peek == UInt8(ascii: "\"") ? quoted(&cursor, international) : dotted(&cursor, international),
            cursor.take(UInt8(ascii: "@")), !cursor.isAtEnd
        else { return false }
        let domain = UnsafeRawBufferPointer(rebasing: text[cursor.index...])
        if cursor.take(UInt8(ascii: "[")) {
            guard text[text.count - 1] == UInt8(ascii: "]") else { return false }
            let literal = UnsafeRawBufferPointer(rebasing: text[cursor.index..<(text.count - 1)])
            let tag: StaticString = "IPv6:"
            if literal.count > 5, (0..<5).allSatisfy({ literal[$0] | 0x20 == tag.utf8Start[$0] | 0x20 }) {
                return isIPv6(UnsafeRawBufferPointer(rebasing: literal[5...]))
            }
            return isIPv4(literal)
        }
        return HostText.isHostname(domain, international: international)
    }

    private static func dotted(_ cursor: inout ByteCursor, _ international: Bool) -> Bool {
        repeat {
            let start = cursor.index
            while isAtomText(cursor.peek) || (international && cursor.peek >= 0x80) { cursor.index += 1 }
            if cursor.index == start { return false }
        } while cursor.take(UInt8(ascii: "."))
        return true
    }

    private static func isAtomText(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"),
            UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "?"), UInt8(ascii: "^")...UInt8(ascii: "`"),
            UInt8(ascii: "{")...UInt8(ascii: "~"):
            true
        default: byte.isDigit || byte.isLetter
        }
    }

    private static func quoted(_ cursor: inout ByteCursor, _ international: Bool) -> Bool {
        guard cursor.take(UInt8(ascii: "\"")) else { return false }
        while !cursor.isAtEnd {
            if cursor.take(UInt8(ascii: "\"")) { return true }
            if cursor.take(UInt8(ascii: "\\")), cursor.isAtEnd { return false }
            let byte = cursor.peek
            guard byte >= 0x20, byte != 0x7f, byte < 0x80 || international else { return false }
            cursor.index += 1
        }
        return false
    }

    static func isIPv4(_ text: UnsafeRawBufferPointer) -> Bool {
        var cursor = ByteCursor(text)
        return ipv4(&cursor) && cursor.isAtEnd
    }

    private static func ipv4(_ cursor: inout ByteCursor) -> Bool {
        for part in 0..<4 {
            if part > 0, !cursor.take(UInt8(ascii: ".")) { return false }
            let start = cursor.index
            var value = 0
            while cursor.peek.isDigit, cursor.index - start < 4 {
                value = value * 10 + Int(cursor.peek &- 48)
                cursor.index += 1
            }
            let count = cursor.index - start
            // A leading zero would read as octal elsewhere.
            guard count >= 1, count <= 3, value <= 255, count == 1 || cursor.text[start] != 48 else { return false }
        }
        return true
    }

    static func isIPv6(_ text: UnsafeRawBufferPointer) -> Bool {
        var cursor = ByteCursor(text)
        var groups = 0
        var hasGap = false
        if cursor.take(UInt8(ascii: ":")) {
            guard cursor.take(UInt8(ascii: ":")) else { return false }
            hasGap = true
        }
        while !cursor.isAtEnd {
            let start = cursor
            var count = 0
            while cursor.peek.isHexDigit, count < 5 {
                cursor.index += 1
                count += 1
            }
            guard count >= 1, count <= 4 else { return false }
            if cursor.peek == UInt8(ascii: ".") {
                cursor = start
                guard ipv4(&cursor), cursor.isAtEnd else { return false }
                groups += 2
                break
            }
            groups += 1
            if cursor.isAtEnd { break }
            guard cursor.take(UInt8(ascii: ":")), !cursor.isAtEnd else { return false }
            if cursor.take(UInt8(ascii: ":")) {
                if hasGap { return false }
                hasGap = true
            }
        }
        return hasGap ? groups <= 7 : groups == 8
    }

    static func isUUID(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count == 36 else { return false }
        for index in 0..<36 {
            switch index {
            case 8, 13, 18, 23: if text[index] != UInt8(ascii: "-") { return false }
            default: if !text[index].isHexDigit { return false }
            }
        }
        return true
    }
}
