// Hot path: per record.

/// Checks of typed fields. All take the field's bytes without quotes, none with doubled quotes in it.
/// Nothing is changed on the way: what isn't the type's own form (white space, a plus sign, leading zeros, "yes") is refused.
enum CSVValue {
    typealias Bytes = UnsafeBufferPointer<UInt8>

    /// RFC 8259's `int`: an optional minus, then digits without leading zeros; as many as there are.
    static func isInteger(_ bytes: Bytes) -> Bool { integerEnd(bytes) == bytes.count }

    /// Where the integer part of a JSON number ends; -1: there is none.
    private static func integerEnd(_ bytes: Bytes) -> Int {
        let start = bytes.first == 0x2d ? 1 : 0
        let end = digitsEnd(bytes, start)
        if end == start || (bytes[start] == 0x30 && end > start + 1) { return -1 }
        return end
    }

    private static func digitsEnd(_ bytes: Bytes, _ start: Int) -> Int {
        var at = start
        while at < bytes.count, bytes[at] &- 0x30 < 10 { at += 1 }
        return at
    }

    /// RFC 8259's `number`.
    static func isNumber(_ bytes: Bytes) -> Bool {
        var at = integerEnd(bytes)
        if at < 0 { return false }
        if at < bytes.count, bytes[at] == 0x2e {
            let end = digitsEnd(bytes, at + 1)
            if end == at + 1 { return false }
            at = end
        }
        if at < bytes.count, bytes[at] | 0x20 == 0x65 {
            at += 1
            if at < bytes.count, bytes[at] == 0x2b || bytes[at] == 0x2d { at += 1 }
            let end = digitsEnd(bytes, at)
            if end == at { return false }
            at = end
        }
        return at == bytes.count
    }

    /// True or false in any case; nil: neither.
    static func bool(_ bytes: Bytes) -> Bool? {
        if equalsIgnoringCase(bytes, "true") { return true }
        if equalsIgnoringCase(bytes, "false") { return false }
        return nil
    }

    private static func equalsIgnoringCase(_ bytes: Bytes, _ word: StaticString) -> Bool {
        guard bytes.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<bytes.count where bytes[index] | 0x20 != word.utf8Start[index] { return false }
        return true
    }

    /// RFC 3339's `full-date`: YYYY-MM-DD, a day that exists.
    static func isDate(_ bytes: Bytes) -> Bool {
        guard bytes.count == 10, bytes[4] == 0x2d, bytes[7] == 0x2d else { return false }
        let year = number(bytes, 0, 4)
        let month = number(bytes, 5, 2)
        let day = number(bytes, 8, 2)
        guard year >= 0, month >= 1, month <= 12, day >= 1 else { return false }
        let isLeapYear = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = month == 2 ? (isLeapYear ? 29 : 28) : (month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31)
        return day <= days
    }

    /// RFC 3339's `date-time`: 2026-01-31T10:00:00.123Z or with an offset; a leap second only where there can be one.
    static func isTimestamp(_ bytes: Bytes) -> Bool {
        guard bytes.count >= 20, isDate(Bytes(rebasing: bytes[..<10])), bytes[10] | 0x20 == 0x74, bytes[13] == 0x3a, bytes[16] == 0x3a
        else { return false }
        let hour = number(bytes, 11, 2)
        let minute = number(bytes, 14, 2)
        let second = number(bytes, 17, 2)
        guard hour >= 0, hour <= 23, minute >= 0, minute <= 59, second >= 0, second <= 60 else { return false }
        var at = 19
        if bytes[at] == 0x2e {
            at = digitsEnd(bytes, 20)
            if at == 20 || at == bytes.count { return false }
        }
        var offset = 0
        if bytes[at] | 0x20 != 0x7a {
            guard bytes.count == at + 6, bytes[at] == 0x2b || bytes[at] == 0x2d, bytes[at + 3] == 0x3a else { return false }
            let hours = number(bytes, at + 1, 2)
            let minutes = number(bytes, at + 4, 2)
            guard hours >= 0, hours <= 23, minutes >= 0, minutes <= 59 else { return false }
            offset = (bytes[at] == 0x2b ? 1 : -1) * (hours * 60 + minutes)
        } else if bytes.count != at + 1 {
            return false
        }
        return second < 60 || (hour * 60 + minute - offset + 2880) % 1440 == 1439
    }

    /// A number of exactly `count` digits; -1: it isn't one.
    private static func number(_ bytes: Bytes, _ start: Int, _ count: Int) -> Int {
        var result = 0
        for index in start..<start + count {
            let digit = bytes[index] &- 0x30
            if digit > 9 { return -1 }
            result = result * 10 + Int(digit)
        }
        return result
    }

    /// Whether the bytes are well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
    static func isUTF8(_ bytes: Bytes) -> Bool {
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if byte < 0x80 { continue }
            // The first continuation byte's range excludes overlong forms, surrogates and what is too large.
            var low: UInt8 = 0x80
            var high: UInt8 = 0xbf
            let more: Int
            switch byte {
            case 0xc2...0xdf: more = 1
            case 0xe0: (more, low) = (2, 0xa0)
            case 0xed: (more, high) = (2, 0x9f)
            case 0xe1...0xef: more = 2
            case 0xf0: (more, low) = (3, 0x90)
            case 0xf4: (more, high) = (3, 0x8f)
            case 0xf1...0xf3: more = 3
            default: return false
            }
            guard bytes.count - at >= more, bytes[at] >= low, bytes[at] <= high else { return false }
            for index in at + 1..<at + max(1, more) where bytes[index] & 0xc0 != 0x80 { return false }
            at += more
        }
        return true
    }
}
