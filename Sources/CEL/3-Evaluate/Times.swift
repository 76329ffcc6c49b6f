// Hot path: per record.
import Bytes
import JSON

/// Timestamps (seconds and nanoseconds since 1970, the years 1 to 9999) and durations (nanoseconds in 64 bits).
extension Machine {
    func timestamp(_ seconds: Int64, _ nanoseconds: Int64, _ index: UInt32) -> Value {
        TimestampText.range.contains(seconds)
            ? .timestamp(seconds: seconds, nanoseconds: UInt32(truncatingIfNeeded: nanoseconds))
            : fail(.timeOutOfRange, Position.node(index))
    }

    func toTimestamp(_ value: Value, _ index: UInt32) -> Value {
        switch value.tag {
        case .timestamp: return value
        case .int: return timestamp(value.int, 0, index)
        case .string:
            guard let (seconds, nanoseconds) = TimestampText.parse(value.bytes) else {
                return fail(.conversion, Position.node(index))
            }
            return .timestamp(seconds: seconds, nanoseconds: nanoseconds)
        default: return noOverload(value, index)
        }
    }

    func toDuration(_ value: Value, _ index: UInt32) -> Value {
        switch value.tag {
        case .duration: return value
        case .string: return DurationText.parse(value.bytes).map { .duration($0) } ?? fail(.conversion, Position.node(index))
        default: return noOverload(value, index)
        }
    }

    /// `+` and `-` of timestamps and durations.
    func times(_ operation: Operation, _ left: Value, _ right: Value, _ index: UInt32) -> Value {
        switch (operation, left.tag, right.tag) {
        case (.add, .timestamp, .duration): return shifted(left, by: Int128(right.int), index)
        case (.add, .duration, .timestamp): return shifted(right, by: Int128(left.int), index)
        case (.subtract, .timestamp, .duration): return shifted(left, by: -Int128(right.int), index)
        case (.add, .duration, .duration): return duration(Int128(left.int) + Int128(right.int), index)
        case (.subtract, .duration, .duration): return duration(Int128(left.int) - Int128(right.int), index)
        case (.subtract, .timestamp, .timestamp): return duration(nanoseconds(left) - nanoseconds(right), index)
        default: return noOverload(left, right, index)
        }
    }

    private func nanoseconds(_ timestamp: Value) -> Int128 { Int128(timestamp.int) * 1_000_000_000 + Int128(timestamp.length) }

    private func duration(_ nanoseconds: Int128, _ index: UInt32) -> Value {
        Int64(exactly: nanoseconds).map { .duration($0) } ?? fail(.timeOutOfRange, Position.node(index))
    }

    private func shifted(_ timestamp: Value, by nanoseconds: Int128, _ index: UInt32) -> Value {
        let sum = self.nanoseconds(timestamp) + nanoseconds
        var (seconds, rest) = sum.quotientAndRemainder(dividingBy: 1_000_000_000)
        if rest < 0 {
            seconds -= 1
            rest += 1_000_000_000
        }
        return self.timestamp(Int64(truncatingIfNeeded: seconds), Int64(truncatingIfNeeded: rest), index)
    }

    /// `getHours()` and the like.
    @inline(never)
    mutating func timePart(_ node: Node, _ index: UInt32) -> Value {
        let value = load(node.a)
        if let failure = failure(value, Position.node(index, operand: 1)) { return failure }
        if value.tag == .duration, node.count == 1 { return durationPart(node.operation, value, index) }
        guard value.tag == .timestamp else { return noOverload(value, index) }
        var seconds = value.int
        if node.c.raw != 0 {
            seconds += tables.zones[Int(node.c.raw) - 1].pointee.offset(at: seconds)
        } else if node.count == 2 {
            let name = load(node.b)
            guard name.tag == .string else { return noOverload(value, name, index) }
            guard let zone = TimeZone.named(name.bytes) else {
                return fail(.unknownTimeZone, Position.node(index, operand: 2))
            }
            seconds += zone.pointee.offset(at: seconds)
        }
        let time = CivilTime(seconds)
        switch node.operation {
        case .fullYear: return .int(time.year)
        case .month: return .int(time.month - 1)
        case .date: return .int(time.day)
        case .dayOfMonth: return .int(time.day - 1)
        case .dayOfWeek: return .int(time.dayOfWeek)
        case .dayOfYear: return .int(time.dayOfYear)
        case .hours: return .int(time.hour)
        case .minutes: return .int(time.minute)
        case .seconds: return .int(time.second)
        case .milliseconds: return .int(Int64(value.length) / 1_000_000)
        default: return noOverload(value, index)
        }
    }

    /// The whole duration in a unit, towards zero; of milliseconds only those of the second.
    private func durationPart(_ operation: Operation, _ value: Value, _ index: UInt32) -> Value {
        switch operation {
        case .hours: .int(value.int / 3_600_000_000_000)
        case .minutes: .int(value.int / 60_000_000_000)
        case .seconds: .int(value.int / 1_000_000_000)
        case .milliseconds: .int(value.int / 1_000_000 % 1000)
        default: noOverload(value, index)
        }
    }
}

extension Value {
    var isTime: Bool { tag == .timestamp || tag == .duration }

    static func timestamp(seconds: Int64, nanoseconds: UInt32) -> Value {
        Value(.timestamp, length: nanoseconds, bits: UInt64(bitPattern: seconds))
    }

    static func duration(_ nanoseconds: Int64) -> Value { Value(.duration, bits: UInt64(bitPattern: nanoseconds)) }
}
