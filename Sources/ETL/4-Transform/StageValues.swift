// Hot path: per record.
internal import Bytes
internal import JSON

extension StageProgram {
    /// Whether `set` can write a value: what JSON has no form for is refused rather than turned into something else, so bytes
    /// are (base64 is the expression's to ask for).
    func hasJSONForm(_ value: Value) -> Bool {
        switch value.tag {
        case .null, .bool, .int, .uint, .decimal, .string: true
        case .double: value.double.isFinite || value.flags & Value.Flags.digits != 0
        case .list, .map: value.flags & Value.Flags.raw != 0 || (JSONWriter.canWrite(value) && !Self.holdsBytes(value))
        case .absent, .bytes, .timestamp, .duration, .type, .optional, .error: false
        }
    }

    /// Whether there are bytes anywhere in a computed list or map that `JSONWriter.canWrite` takes, which bounds its depth.
    private static func holdsBytes(_ value: Value) -> Bool {
        switch value.tag {
        case .bytes: return true
        case .list, .map:
            guard value.flags & Value.Flags.raw == 0, let items = value.pointer?.assumingMemoryBound(to: Value.self) else {
                return false
            }
            return (0..<Int(value.length) * (value.tag == .map ? 2 : 1)).contains { holdsBytes(items[$0]) }
        default: return false
        }
    }

    @inline(never)
    mutating func failValue(_ instruction: Instruction, _ value: Value) -> Verdict {
        fail(value.tag == .error ? .expressionError : .setNotJSON, instruction, value)
    }

    /// A scalar as the text of a key: integers and decimals in plain notation, `true`, `false`. Good until the next call.
    mutating func plainText(_ value: Value) -> UnsafeRawBufferPointer {
        scratch.reset()
        scratch.append(value.tag == .int ? .int(value.int) : value, record: text)
        return scratch.bytes
    }

    /// An integer beyond Int64 as it was written; nil: the value is none.
    func wideInteger(_ value: Value) -> UnsafeRawBufferPointer? {
        guard value.flags & (Value.Flags.digits | Value.Flags.outOfRange) == Value.Flags.digits | Value.Flags.outOfRange else {
            return nil
        }
        let written = digits(of: value, record: text)
        return written.contains { $0 | 0x20 == UInt8(ascii: "e") || $0 == UInt8(ascii: ".") } ? nil : written
    }

    /// A value as JSON text; good until the next call.
    mutating func jsonText(_ value: Value) -> UnsafeRawBufferPointer {
        if value.flags & Value.Flags.raw != 0 { return value.bytes }
        scratch.reset()
        scratch.append(value, record: text)
        return scratch.bytes
    }

    /// A number's exact digits, for one read from the record `text`; good until the next call.
    mutating func numberText(_ value: Value) -> UnsafeRawBufferPointer { numberText(value, text) }

    mutating func numberText(_ value: Value, _ record: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        if value.flags & Value.Flags.digits != 0 { return digits(of: value, record: record) }
        scratch.reset()
        scratch.append(value, record: record)
        return scratch.bytes
    }
}
