import Bytes

/// Timestamps as RFC 3339 has them.
enum TimestampText {
    /// The years 1 to 9999, in seconds since 1970.
    static let range: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

    /// `2026-01-31T12:34:56.789+01:00` or with Z; nil: no such time. At most nine decimals: nothing is cut off.
    static func parse(_ text: UnsafeRawBufferPointer) -> (seconds: Int64, nanoseconds: UInt32)? {
        var reader = DigitReader(text)
        guard let year = reader.number(4), reader.skip("-"), let month = reader.number(2), reader.skip("-"),
            let day = reader.number(2), reader.skip("T") || reader.skip("t"), let hour = reader.number(2), reader.skip(":"),
            let minute = reader.number(2), reader.skip(":"), let second = reader.number(2)
        else { return nil }
        guard (1...12).contains(month), day >= 1, day <= CivilTime.daysInMonth(year, month), hour < 24, minute < 60, second < 60
        else { return nil }
        var nanoseconds: Int64 = 0
        if reader.skip(".") {
            guard let fraction = reader.fraction() else { return nil }
            nanoseconds = fraction
        }
        var offset: Int64 = 0
        if !reader.skip("Z"), !reader.skip("z") {
            let negative = reader.skip("-")
            guard negative || reader.skip("+"), let hours = reader.number(2), reader.skip(":"), let minutes = reader.number(2),
                hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 3600 + minutes * 60) * (negative ? -1 : 1)
        }
        guard reader.isAtEnd else { return nil }
        let days = CivilTime.days(year, month, day)
        let seconds = days * CivilTime.secondsPerDay + hour * 3600 + minute * 60 + second - offset
        return range.contains(seconds) ? (seconds, UInt32(nanoseconds)) : nil
    }

    /// In UTC, with as many decimals as there are.
    static func append(_ seconds: Int64, _ nanoseconds: UInt32, to output: inout Output) {
        let time = CivilTime(seconds)
        output.append(padded: time.year, 4)
        output.append("-")
        output.append(padded: time.month, 2)
        output.append("-")
        output.append(padded: time.day, 2)
        output.append("T")
        output.append(padded: time.hour, 2)
        output.append(":")
        output.append(padded: time.minute, 2)
        output.append(":")
        output.append(padded: time.second, 2)
        output.append(fraction: Int64(nanoseconds))
        output.append("Z")
    }
}

/// Durations as numbers with units: `1h30m`, `-1.5s`.
enum DurationText {
    /// Nanoseconds; nil: no duration, or one of more than 64 bits. What is smaller than a nanosecond is cut off.
    static func parse(_ text: UnsafeRawBufferPointer) -> Int64? {
        var reader = DigitReader(text)
        let negative = reader.skip("-")
        if !negative { _ = reader.skip("+") }
        if reader.isLast("0") { return 0 }
        var total: Int128 = 0
        repeat {
            guard let (whole, fraction, scale) = reader.decimal(), let unit = reader.unit() else { return nil }
            total += Int128(whole) * unit + Int128(fraction) * unit / scale
            if total > Int128(Int64.max) + 1 { return nil }
        } while !reader.isAtEnd
        return Int64(exactly: negative ? -total : total)
    }

    /// In seconds, as JSON has durations: `90s`, `-0.5s`.
    static func append(_ nanoseconds: Int64, to output: inout Output) {
        if nanoseconds < 0 { output.append("-") }
        output.append(Int128(nanoseconds.magnitude / 1_000_000_000))
        output.append(fraction: Int64(nanoseconds.magnitude % 1_000_000_000))
        output.append("s")
    }
}

extension Output {
    mutating func append(padded number: Int64, _ width: Int) { append(digits: UInt128(number.magnitude), atLeast: width) }

    /// A point and the decimals of a second; nothing where there are none.
    mutating func append(fraction nanoseconds: Int64) {
        guard nanoseconds > 0 else { return }
        var (digits, width) = (nanoseconds, 9)
        while digits % 10 == 0 {
            digits /= 10
            width -= 1
        }
        append(".")
        append(padded: digits, width)
    }
}

/// Walks through digits and the signs between them.
private struct DigitReader {
    let text: UnsafeRawBufferPointer
    var index = 0

    init(_ text: UnsafeRawBufferPointer) { self.text = text }

    var isAtEnd: Bool { index == text.count }

    func isLast(_ byte: Unicode.Scalar) -> Bool { index + 1 == text.count && text[index] == UInt8(ascii: byte) }

    mutating func skip(_ byte: Unicode.Scalar) -> Bool {
        guard index < text.count, text[index] == UInt8(ascii: byte) else { return false }
        index += 1
        return true
    }

    /// Exactly so many digits.
    mutating func number(_ width: Int) -> Int64? {
        guard text.count - index >= width else { return nil }
        var value: Int64 = 0
        for _ in 0..<width {
            guard text[index].isDigit else { return nil }
            value = value * 10 + Int64(text[index] - UInt8(ascii: "0"))
            index += 1
        }
        return value
    }

    /// One to nine digits, as billionths.
    mutating func fraction() -> Int64? {
        var (value, width): (Int64, Int) = (0, 0)
        while index < text.count, text[index].isDigit {
            guard width < 9 else { return nil }
            value = value * 10 + Int64(text[index] - UInt8(ascii: "0"))
            width += 1
            index += 1
        }
        guard width > 0 else { return nil }
        for _ in width..<9 { value *= 10 }
        return value
    }

    /// Digits with or without a fraction; digits of the fraction beyond the fifteenth count for nothing.
    mutating func decimal() -> (whole: Int64, fraction: Int64, scale: Int128)? {
        var whole: Int64 = 0
        var digits = 0
        while index < text.count, text[index].isDigit {
            let (shifted, overflow) = whole.multipliedReportingOverflow(by: 10)
            let (sum, carry) = shifted.addingReportingOverflow(Int64(text[index] - UInt8(ascii: "0")))
            if overflow || carry { return nil }
            whole = sum
            digits += 1
            index += 1
        }
        var (fraction, scale): (Int64, Int128) = (0, 1)
        if skip(".") {
            while index < text.count, text[index].isDigit {
                if scale < 1_000_000_000_000_000 {
                    fraction = fraction * 10 + Int64(text[index] - UInt8(ascii: "0"))
                    scale *= 10
                }
                digits += 1
                index += 1
            }
        }
        return digits > 0 ? (whole, fraction, scale) : nil
    }

    /// A unit, in nanoseconds.
    mutating func unit() -> Int128? {
        if skip("h") { return 3_600_000_000_000 }
        if skip("m") { return skip("s") ? 1_000_000 : 60_000_000_000 }
        if skip("s") { return 1_000_000_000 }
        if skip("n") { return skip("s") ? 1 : nil }
        if skip("u") { return skip("s") ? 1_000 : nil }
        // µs, with either of the two characters for micro.
        guard text.count - index >= 3 else { return nil }
        let character = (text[index], text[index + 1])
        guard character == (0xc2, 0xb5) || character == (0xce, 0xbc) else { return nil }
        index += 2
        return skip("s") ? 1_000 : nil
    }
}
