// Hot path: per record.

/// Reads RFC 3339 (https://www.rfc-editor.org/rfc/rfc3339#section-5.6) from left to right. `at` stops where something is wrong.
private struct TimeReader {
    let text: UnsafeRawBufferPointer
    var at = 0

    init(_ text: UnsafeRawBufferPointer) { self.text = text }

    var isAtEnd: Bool { at == text.count }

    /// `count` digits; -1: something else.
    @inline(__always)
    mutating func number(_ count: Int) -> Int {
        guard text.count - at >= count else { return -1 }
        var value = 0
        for _ in 0..<count {
            let digit = text[at] &- 48
            if digit > 9 { return -1 }
            value = value * 10 + Int(digit)
            at += 1
        }
        return value
    }

    @inline(__always)
    mutating func skip(_ byte: UInt8) -> Bool {
        guard at < text.count, text[at] == byte else { return false }
        at += 1
        return true
    }

    /// Days since 2000-01-01; nil: no date of the (proleptic Gregorian) calendar.
    @inline(__always)
    mutating func days() -> Int? {
        let year = number(4)
        guard year >= 0, skip(UInt8(ascii: "-")) else { return nil }
        let month = number(2)
        guard month >= 1, month <= 12, skip(UInt8(ascii: "-")) else { return nil }
        let day = number(2)
        guard day >= 1, day <= Self.lastDay(month, year) else { return nil }
        // Howard Hinnant, days_from_civil: https://howardhinnant.github.io/date_algorithms.html
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 730_425
    }

    private static func lastDay(_ month: Int, _ year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Microseconds since midnight.
    @inline(__always)
    mutating func microseconds(_ refusal: inout Refusal, modifier: Int32, else wrong: Refusal) -> Int {
        refusal = wrong
        let hour = number(2)
        guard hour >= 0, hour <= 23, skip(UInt8(ascii: ":")) else { return 0 }
        let minute = number(2)
        guard minute >= 0, minute <= 59, skip(UInt8(ascii: ":")) else { return 0 }
        let second = number(2)
        if second == 60 { refusal = .leapSecond }
        guard second >= 0, second <= 59 else { return 0 }
        var micros = 0
        var exact = true
        if skip(UInt8(ascii: ".")) {
            let start = at
            var unit = 100_000
            while at < text.count, text[at] &- 48 <= 9 {
                micros += Int(text[at] &- 48) * unit
                if unit == 0, text[at] != 48 { exact = false }
                unit /= 10
                at += 1
            }
            if at == start { return 0 }
        }
        if modifier >= 0, modifier < 6, micros % Self.microseconds(ofDigit: modifier) != 0 { exact = false }
        refusal = exact ? .none : .fraction
        return ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros
    }
}

extension TimeReader {
    /// What one unit of the last of `count` digits of a second's fraction is.
    fileprivate static func microseconds(ofDigit count: Int32) -> Int {
        var unit = 1_000_000
        for _ in 0..<count { unit /= 10 }
        return unit
    }
}

/// `modifier`: how many digits of a second's fraction the column keeps; -1: six.
extension CopyBuffer {
    /// date: days since 2000-01-01.
    mutating func putDate(_ text: UnsafeRawBufferPointer) -> Refusal {
        var reader = TimeReader(text)
        guard let days = reader.days(), reader.isAtEnd else { return .notDate }
        putField(Int32(truncatingIfNeeded: days))
        return .none
    }

    /// time: microseconds since midnight.
    mutating func putTime(_ text: UnsafeRawBufferPointer, modifier: Int32) -> Refusal {
        var reader = TimeReader(text)
        var refusal = Refusal.none
        let micros = reader.microseconds(&refusal, modifier: modifier, else: .notTime)
        if refusal != .none { return refusal }
        guard reader.isAtEnd else { return .notTime }
        putField(Int64(micros))
        return .none
    }

    /// timestamp and timestamptz: microseconds since 2000-01-01T00:00:00 (UTC).
    mutating func putTimestamp(_ text: UnsafeRawBufferPointer, withZone: Bool, modifier: Int32) -> Refusal {
        var reader = TimeReader(text)
        guard let days = reader.days() else { return .notTimestamp }
        guard reader.skip(UInt8(ascii: "T")) || reader.skip(UInt8(ascii: "t")) || reader.skip(UInt8(ascii: " ")) else {
            return .notTimestamp
        }
        var refusal = Refusal.none
        var micros = reader.microseconds(&refusal, modifier: modifier, else: .notTimestamp) + days * 86_400_000_000
        if refusal != .none { return refusal }
        if reader.isAtEnd {
            if withZone { return .offsetMissing }
        } else {
            if !reader.skip(UInt8(ascii: "Z")), !reader.skip(UInt8(ascii: "z")) {
                let east = reader.skip(UInt8(ascii: "+"))
                guard east || reader.skip(UInt8(ascii: "-")) else { return .notTimestamp }
                let hours = reader.number(2)
                guard hours >= 0, hours <= 23, reader.skip(UInt8(ascii: ":")) else { return .notTimestamp }
                let minutes = reader.number(2)
                guard minutes >= 0, minutes <= 59 else { return .notTimestamp }
                micros -= (east ? 1 : -1) * (hours * 60 + minutes) * 60_000_000
            }
            guard reader.isAtEnd else { return .notTimestamp }
            if !withZone { return .offsetGiven }
        }
        putField(Int64(micros))
        return .none
    }
}
