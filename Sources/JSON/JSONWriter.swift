// Hot path: per record.
public import Bytes
import CBytes

/// Appends values as JSON text to a buffer of its own, which grows and stays grown. Not thread-safe.
///
/// Numbers with digits are written as they were read, doubles in the shortest text that reads back the same (with a point or an
/// exponent: `3.0`), decimals in plain notation with their scale, raw lists and maps as their text, bytes as base64.
public struct JSONWriter: ~Copyable {
    /// What was written since `reset`.
    public var buffer: ByteBuffer

    public init(capacity: Int = 1024) { buffer = ByteBuffer(capacity: capacity) }

    public var bytes: UnsafeRawBufferPointer { buffer.bytes }

    public mutating func reset() { buffer.reset() }

    /// Whether a value has a JSON form. Absent values, non-finite doubles without digits, timestamps, durations, types and errors
    /// have none, nor have lists and maps that hold such a value or are nested more than 512 deep, nor maps with keys that
    /// are no strings.
    public static func canWrite(_ value: Value) -> Bool { canWrite(value, depth: 0) }

    /// Appends `value`. `record` is what digits refer to. Returns false, with nothing appended, where it has no JSON form.
    @discardableResult
    public mutating func append(_ value: Value, record: UnsafeRawBufferPointer) -> Bool {
        switch value.tag {
        case .null: text("null")
        case .bool: text(value.isTrue ? "true" : "false")
        case .string: string(value.bytes, plain: value.flags & Value.Flags.plain != 0)
        case .int where value.flags & Value.Flags.digits == 0:
            buffer.advance(NumberText.write(value.int, to: buffer.reserve(NumberText.maxIntBytes)))
        case .int: buffer.append(digits(of: value, record: record))
        case .uint: buffer.advance(NumberText.write(value.bits, to: buffer.reserve(NumberText.maxIntBytes)))
        case .double where value.flags & Value.Flags.digits != 0: buffer.append(digits(of: value, record: record))
        case .double:
            guard value.double.isFinite else { return false }
            buffer.advance(NumberText.write(value.double, to: buffer.reserve(NumberText.maxDoubleBytes)))
        case .decimal: NumberText.append(decimal: value.unscaled, scale: Int(value.aux), to: &buffer)
        case .list, .map:
            if value.flags & Value.Flags.raw != 0 {
                buffer.append(value.bytes)
            } else {
                guard Self.canWrite(value) else { return false }
                elements(value, record)
            }
        case .bytes: base64(value.bytes)
        case .absent, .timestamp, .duration, .type, .optional, .error: return false
        }
        return true
    }

    /// Appends a JSON string with its quotes. `plain`: the content needs no escapes.
    public mutating func string(_ content: UnsafeRawBufferPointer, plain: Bool = false) {
        buffer.append(UInt8(ascii: "\""))
        if plain { buffer.append(content) } else { escaped(content) }
        buffer.append(UInt8(ascii: "\""))
    }

    /// Appends JSON text as it is.
    public mutating func raw(_ text: UnsafeRawBufferPointer) { buffer.append(text) }

    public mutating func raw(_ byte: UInt8) { buffer.append(byte) }

    /// Appends JSON text of the program's own.
    public mutating func raw(_ text: StaticString) { self.text(text) }

    private mutating func text(_ text: StaticString) {
        buffer.append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Only what must be escaped is: the quote, the backslash, control characters.
    private mutating func escaped(_ content: UnsafeRawBufferPointer) {
        guard let base = content.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        let end = base + content.count
        var run = base
        var p = base
        while p < end {
            if end - p >= 16 {
                let plain = Int(cb_string_stop(p))
                if plain > 0 {
                    p += plain
                    continue
                }
            }
            if p[0] >= 0x20, p[0] != UInt8(ascii: "\""), p[0] != UInt8(ascii: "\\") {
                p += 1
                continue
            }
            buffer.append(UnsafeRawBufferPointer(start: run, count: p - run))
            escape(p[0])
            p += 1
            run = p
        }
        buffer.append(UnsafeRawBufferPointer(start: run, count: end - run))
    }

    private mutating func escape(_ byte: UInt8) {
        let target = buffer.reserve(6)
        target[0] = UInt8(ascii: "\\")
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): target[1] = byte
        case 0x08: target[1] = UInt8(ascii: "b")
        case 0x09: target[1] = UInt8(ascii: "t")
        case 0x0a: target[1] = UInt8(ascii: "n")
        case 0x0c: target[1] = UInt8(ascii: "f")
        case 0x0d: target[1] = UInt8(ascii: "r")
        default:
            target[1] = UInt8(ascii: "u")
            target[2] = 48
            target[3] = 48
            target[4] = 48 + byte >> 4
            target[5] = byte & 15 < 10 ? 48 + byte & 15 : 87 + byte & 15
            return buffer.advance(6)
        }
        buffer.advance(2)
    }

    /// A computed list or map whose every value has been checked by `canWrite`.
    private mutating func elements(_ value: Value, _ record: UnsafeRawBufferPointer) {
        let isMap = value.tag == .map
        buffer.append(isMap ? UInt8(ascii: "{") : UInt8(ascii: "["))
        if let items = value.pointer?.assumingMemoryBound(to: Value.self) {
            for i in 0..<Int(value.length) {
                if i > 0 { buffer.append(UInt8(ascii: ",")) }
                if isMap {
                    append(items[i * 2], record: record)
                    buffer.append(UInt8(ascii: ":"))
                }
                let item = items[isMap ? i * 2 + 1 : i]
                if item.flags & Value.Flags.raw == 0, item.tag == .list || item.tag == .map {
                    elements(item, record)
                } else {
                    append(item, record: record)
                }
            }
        }
        buffer.append(isMap ? UInt8(ascii: "}") : UInt8(ascii: "]"))
    }

    private static func canWrite(_ value: Value, depth: Int) -> Bool {
        switch value.tag {
        case .null, .bool, .int, .uint, .decimal, .string, .bytes: return true
        case .double: return value.double.isFinite || value.flags & Value.Flags.digits != 0
        case .absent, .timestamp, .duration, .type, .optional, .error: return false
        case .list, .map:
            if value.flags & Value.Flags.raw != 0 { return true }
            guard depth < 512 else { return false }
            guard let items = value.pointer?.assumingMemoryBound(to: Value.self) else { return true }
            let step = value.tag == .map ? 2 : 1
            for i in 0..<Int(value.length) {
                if step == 2, items[i * 2].tag != .string { return false }
                if !canWrite(items[i * step + step - 1], depth: depth + 1) { return false }
            }
            return true
        }
    }

    private mutating func base64(_ content: UnsafeRawBufferPointer) {
        let count = Base64.encodedCount(content.count)
        let target = buffer.reserve(count + 2)
        target[0] = UInt8(ascii: "\"")
        Base64.encode(content, to: target + 1)
        target[count + 1] = UInt8(ascii: "\"")
        buffer.advance(count + 2)
    }
}
