/// The rule for times after a zone's last listed change, as POSIX writes it in the TZ variable: `CET-1CEST,M3.5.0,M10.5.0/3`.
struct DaylightRule: BitwiseCopyable, Equatable {
    /// Seconds to add to UTC in winter, and in summer.
    var standard: Int64
    var daylight: Int64
    /// When summer begins and ends, in the time that holds until then; nil: there is none.
    var start: Change?
    var end: Change?

    /// A day of every year, and the seconds from its midnight.
    struct Change: BitwiseCopyable, Equatable {
        enum Day: BitwiseCopyable, Equatable {
            /// 1 to 365; the 29th of February is never counted.
            case withoutLeapDay(Int64)
            /// 0 to 365.
            case ofYear(Int64)
            /// The week-th such weekday (0: Sunday) of a month; 5: the last one.
            case weekday(Int64, week: Int64, month: Int64)
        }
        var day: Day
        var time: Int64

        /// In seconds since 1970, as if the local time were UTC.
        func seconds(in year: Int64) -> Int64 {
            let days: Int64
            switch day {
            case .withoutLeapDay(let number):
                days = CivilTime.days(year, 1, 1) + number - 1 + (CivilTime.isLeap(year) && number >= 60 ? 1 : 0)
            case .ofYear(let number): days = CivilTime.days(year, 1, 1) + number
            case .weekday(let weekday, let week, let month):
                let firstOfMonth = CivilTime.days(year, month, 1)
                let first = CivilTime(firstOfMonth * CivilTime.secondsPerDay).dayOfWeek
                var date = (weekday - first + 7) % 7 + (week - 1) * 7
                while date >= CivilTime.daysInMonth(year, month) { date -= 7 }
                days = firstOfMonth + date
            }
            return days * CivilTime.secondsPerDay + time
        }
    }

    func offset(at seconds: Int64) -> Int64 {
        guard let start, let end else { return standard }
        let year = CivilTime(seconds + standard).year
        let (summer, winter) = (start.seconds(in: year) - standard, end.seconds(in: year) - daylight)
        let isSummer = summer < winter ? seconds >= summer && seconds < winter : seconds >= summer || seconds < winter
        return isSummer ? daylight : standard
    }

    /// Nil: no such rule.
    init?(_ text: [UInt8]) {
        var reader = RuleReader(rest: text[...])
        guard reader.name(), let west = reader.time() else { return nil }
        standard = -west
        daylight = standard + 3600
        guard !reader.rest.isEmpty else { return }
        guard reader.name() else { return nil }
        if let next = reader.rest.first, next != UInt8(ascii: ",") {
            guard let west = reader.time() else { return nil }
            daylight = -west
        }
        guard let first = reader.change(), let second = reader.change(), reader.rest.isEmpty else { return nil }
        (start, end) = (first, second)
    }
}

/// Reads the parts of a rule.
private struct RuleReader {
    var rest: ArraySlice<UInt8>

    mutating func skip(_ byte: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: byte) else { return false }
        rest = rest.dropFirst()
        return true
    }

    /// Letters, or anything between angle brackets.
    mutating func name() -> Bool {
        if skip("<") {
            rest = rest.drop { $0 != UInt8(ascii: ">") }
            return skip(">")
        }
        let letters = rest.prefix { ($0 | 0x20) &- UInt8(ascii: "a") < 26 }
        rest = rest.dropFirst(letters.count)
        return letters.count >= 3
    }

    mutating func number() -> Int64? {
        let digits = rest.prefix { $0.isDigit }
        guard !digits.isEmpty, digits.count <= 3 else { return nil }
        rest = rest.dropFirst(digits.count)
        return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func time() -> Int64? {
        let negative = skip("-")
        if !negative { _ = skip("+") }
        guard var seconds = number().map({ $0 * 3600 }) else { return nil }
        if skip(":") {
            guard let minutes = number() else { return nil }
            seconds += minutes * 60
            if skip(":") {
                guard let more = number() else { return nil }
                seconds += more
            }
        }
        return negative ? -seconds : seconds
    }

    /// `,M10.5.0/3`
    mutating func change() -> DaylightRule.Change? {
        guard skip(",") else { return nil }
        let day: DaylightRule.Change.Day
        if skip("M") {
            guard let month = number(), skip("."), let week = number(), skip("."), let weekday = number(),
                (1...12).contains(month), (1...5).contains(week), weekday < 7
            else { return nil }
            day = .weekday(weekday, week: week, month: month)
        } else if skip("J") {
            guard let number = number() else { return nil }
            day = .withoutLeapDay(number)
        } else {
            guard let number = number() else { return nil }
            day = .ofYear(number)
        }
        guard skip("/") else { return .init(day: day, time: 7200) }
        return time().map { .init(day: day, time: $0) }
    }
}
