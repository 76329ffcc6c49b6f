// Hot path: per record.
import Bytes
import JSON

/// What conversions need besides the value: the record the digits stand in, and memory for lists and for strings of jsonb.
struct ConversionMemory: ~Copyable {
    var arena = Arena()
    var json = JSONWriter()
}

extension CopyBuffer {
    /// Appends one field in the binary format of its column, exactly, or refuses it (then what was appended is to be taken back).
    ///
    /// | column | takes |
    /// |---|---|
    /// | boolean | true, false |
    /// | smallint, integer, bigint | a number written without fraction and exponent, in range (`3.0` is refused) |
    /// | real, double precision | a number; the nearest one there is. Beyond the largest, or so small that 0 is nearest: refused |
    /// | numeric | a number, digit by digit; more digits than the column keeps are refused unless they are zeros |
    /// | text, varchar, char, citext, enums | a string |
    /// | date, time | a string: 2026-12-31, 23:59:59.999999 |
    /// | timestamptz, timestamp | a string by RFC 3339, with an offset or Z, without one |
    /// | uuid, bytea | a string: hexadecimal digits, base64 |
    /// | json, jsonb | any value, as its text |
    /// | arrays | a list of one dimension |
    ///
    /// null and a missing field are NULL, in a json column too.
    @inline(__always)
    mutating func putValue(_ value: Value, _ column: TargetColumn, record: UnsafeRawBufferPointer,
                           _ memory: inout ConversionMemory) -> Refusal {
        if value.tag == .null || value.tag == .absent {
            if column.notNull { return .null }
            putNull()
            return .none
        }
        if column.isArray { return putArray(value, column, record, &memory) }
        return putScalar(value, column, record: record, &memory)
    }

    @inline(__always)
    private mutating func putScalar(_ value: Value, _ column: TargetColumn, record: UnsafeRawBufferPointer,
                                    _ memory: inout ConversionMemory) -> Refusal {
        switch column.type {
        case .text:
            guard value.tag == .string else { return .notString }
            return putText(value.bytes, limit: column.modifier < 4 ? -1 : column.modifier - 4)
        case .int2: return putInteger(value, as: Int16.self)
        case .int4: return putInteger(value, as: Int32.self)
        case .int8: return putInteger(value, as: Int64.self)
        case .numeric:
            guard value.tag == .int || value.tag == .double else { return .notNumber }
            return putNumeric(digits(of: value, record: record), modifier: column.modifier)
        case .timestamptz, .timestamp:
            guard value.tag == .string else { return .notString }
            return putTimestamp(value.bytes, withZone: column.type == .timestamptz, modifier: column.modifier)
        case .bool:
            guard value.tag == .bool else { return .notBoolean }
            put(Int32(1))
            put(UInt8(value.isTrue ? 1 : 0))
            return .none
        case .float8: return putDouble(value, record: record)
        case .float4: return putFloat(value, record: record)
        case .date:
            guard value.tag == .string else { return .notString }
            return putDate(value.bytes)
        case .time:
            guard value.tag == .string else { return .notString }
            return putTime(value.bytes, modifier: column.modifier)
        case .uuid:
            guard value.tag == .string else { return .notString }
            return putUUID(value.bytes)
        case .bytea:
            guard value.tag == .string else { return .notString }
            return putBase64(value.bytes)
        case .json, .jsonb: return putJSON(value, isBinary: column.type == .jsonb, record: record, &memory)
        }
    }

    @inline(__always)
    private mutating func putInteger<Integer: FixedWidthInteger>(_ value: Value, as: Integer.Type) -> Refusal {
        guard value.tag == .int else { return Self.integerRefusal(value) }
        guard let integer = Integer(exactly: value.int) else { return .range }
        putField(integer)
        return .none
    }

    /// An integer beyond 64 bits comes as a double that is finite and out of range.
    @inline(never)
    private static func integerRefusal(_ value: Value) -> Refusal {
        value.tag == .double && value.flags & Value.Flags.outOfRange != 0 && value.double.isFinite ? .range : .notInteger
    }

    private mutating func putDouble(_ value: Value, record: UnsafeRawBufferPointer) -> Refusal {
        guard value.tag == .int || value.tag == .double else { return .notNumber }
        let number = value.tag == .int ? Double(value.int) : value.double
        guard number.isFinite, number != 0 || Self.isZero(digits(of: value, record: record)) else { return .range }
        putField(number.bitPattern)
        return .none
    }

    private mutating func putFloat(_ value: Value, record: UnsafeRawBufferPointer) -> Refusal {
        guard value.tag == .int || value.tag == .double else { return .notNumber }
        let text = digits(of: value, record: record)
        let wide = value.tag == .int ? Double(value.int) : value.double
        var number = Float(wide)
        // Rounding twice (to double, then to float) can go wrong only where the double stands exactly between two floats.
        if wide.isFinite, wide.bitPattern & 0x1fff_ffff == 0x1000_0000 || wide.magnitude < 1e-37 {
            number = Float(String(decoding: text, as: UTF8.self)) ?? number
        }
        guard number.isFinite, number != 0 || Self.isZero(text) else { return .range }
        putField(number.bitPattern)
        return .none
    }

    @inline(never)
    private static func isZero(_ digits: UnsafeRawBufferPointer) -> Bool {
        for byte in digits {
            if byte | 0x20 == UInt8(ascii: "e") { return true }
            if byte >= UInt8(ascii: "1"), byte <= UInt8(ascii: "9") { return false }
        }
        return true
    }

    /// json and jsonb: the text (jsonb behind a version byte). The scanner has checked it.
    @inline(never)
    private mutating func putJSON(_ value: Value, isBinary: Bool, record: UnsafeRawBufferPointer,
                                  _ memory: inout ConversionMemory) -> Refusal {
        var text = value.bytes
        if value.flags & Value.Flags.raw == 0 || (value.tag != .list && value.tag != .map) {
            memory.json.reset()
            memory.json.append(value, record: record)
            text = memory.json.bytes
        }
        if isBinary, Self.holdsZeroEscape(text) { return .zeroCharacter }
        let start = count
        put(Int32(0))
        if isBinary { put(UInt8(1)) }
        put(text)
        patchLength(at: start)
        return .none
    }

    /// Whether JSON text has a \u0000, which jsonb can't hold. A backslash before it may belong to another one: \\u0000 is text.
    static func holdsZeroEscape(_ text: UnsafeRawBufferPointer) -> Bool {
        var at = 0
        while at + 6 <= text.count {
            guard text[at] == UInt8(ascii: "\\") else {
                at += 1
                continue
            }
            if text[at + 1] == UInt8(ascii: "u"), text[at + 2] == 48, text[at + 3] == 48, text[at + 4] == 48, text[at + 5] == 48 {
                return true
            }
            at += 2
        }
        return false
    }

    /// Arrays: dimensions, whether there are nulls, the element type, then the elements as fields. src/backend/utils/adt/arrayfuncs.c
    @inline(never)
    private mutating func putArray(_ value: Value, _ column: TargetColumn, _ record: UnsafeRawBufferPointer,
                                   _ memory: inout ConversionMemory) -> Refusal {
        guard value.tag == .list else { return .notList }
        let list = materialize(value, record: record, arena: &memory.arena)
        let elements = UnsafeBufferPointer(start: list.pointer?.assumingMemoryBound(to: Value.self), count: Int(list.length))
        let start = count
        put(Int32(0))
        put(Int32(elements.isEmpty ? 0 : 1))
        let nulls = count
        put(Int32(0))
        put(column.elementOID)
        if !elements.isEmpty {
            put(Int32(truncatingIfNeeded: elements.count))
            put(Int32(1))  // the first index
        }
        for element in elements {
            if element.tag == .null {
                patch(1, at: nulls)
                putNull()
                continue
            }
            if element.tag == .list, column.type != .json, column.type != .jsonb { return .nestedList }
            let refusal = putScalar(element, column, record: record, &memory)
            if refusal != .none { return refusal }
        }
        patchLength(at: start)
        return .none
    }
}
