// Hot path: per record.

/// Dates and times by RFC 3339.
enum DateTimeText {
    static func isDateTime(_ text: UnsafeRawBufferPointer) -> Bool {
        var cursor = ByteCursor(text)
        return date(&cursor) && cursor.take(letter: UInt8(ascii: "t")) && time(&cursor) && cursor.isAtEnd
    }

    static func isDate(_ text: UnsafeRawBufferPointer) -> Bool {
        var cursor = ByteCursor(text)
        return date(&cursor) && cursor.isAtEnd
    }

    static func isTime(_ text: UnsafeRawBufferPointer) -> Bool {
        var cursor = ByteCursor(text)
        return time(&cursor) && cursor.isAtEnd
    }

    private static func date(_ cursor: inout ByteCursor) -> Bool {
        guard let year = cursor.number(digits: 4), cursor.take(UInt8(ascii: "-")), let month = cursor.number(digits: 2),
            cursor.take(UInt8(ascii: "-")), let day = cursor.number(digits: 2), month >= 1, month <= 12, day >= 1
        else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let last = month == 2 ? (isLeap ? 29 : 28) : (month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31)
        return day <= last
    }

    /// With its offset. A leap second is there only at 23:59:60 UTC.
    private static func time(_ cursor: inout ByteCursor) -> Bool {
        guard let hour = cursor.number(digits: 2), cursor.take(UInt8(ascii: ":")), let minute = cursor.number(digits: 2),
            cursor.take(UInt8(ascii: ":")), let second = cursor.number(digits: 2), hour <= 23, minute <= 59, second <= 60
        else { return false }
        if cursor.take(UInt8(ascii: ".")), cursor.skipDigits() == 0 { return false }
        var minutes = hour * 60 + minute
        if !cursor.take(letter: UInt8(ascii: "z")) {
            let isAhead = cursor.take(UInt8(ascii: "+"))
            guard isAhead || cursor.take(UInt8(ascii: "-")), let hours = cursor.number(digits: 2), cursor.take(UInt8(ascii: ":")),
                let rest = cursor.number(digits: 2), hours <= 23, rest <= 59
            else { return false }
            minutes += isAhead ? -(hours * 60 + rest) : hours * 60 + rest
        }
        return second < 60 || (minutes + 2 * 1440) % 1440 == 1439
    }

    /// RFC 3339's appendix A: `P3Y6M4DT12H30M5S`, `P2W`.
    static func isDuration(_ text: UnsafeRawBufferPointer) -> Bool {
        var cursor = ByteCursor(text)
        guard cursor.take(UInt8(ascii: "P")) else { return false }
        if let weeks = parts("W", cursor), weeks.isAtEnd, weeks.index > cursor.index { return true }
        guard let date = parts("YMD", cursor) else { return false }
        let hasDate = date.index > cursor.index
        cursor = date
        guard cursor.take(UInt8(ascii: "T")) else { return hasDate && cursor.isAtEnd }
        guard let time = parts("HMS", cursor) else { return false }
        return time.index > cursor.index && time.isAtEnd
    }

    /// Numbers with these units, in this order, without a gap between the first and the last.
    private static func parts(_ units: StaticString, _ start: ByteCursor) -> ByteCursor? {
        var cursor = start
        var unit = 0
        var previous = -1
        while cursor.peek.isDigit {
            _ = cursor.skipDigits()
            while unit < units.utf8CodeUnitCount, units.utf8Start[unit] != cursor.peek { unit += 1 }
            guard unit < units.utf8CodeUnitCount, previous < 0 || unit == previous + 1 else { return nil }
            previous = unit
            unit += 1
            cursor.index += 1
        }
        return cursor
    }
}
