package import Bytes
package import JSON

extension TypedValue {
    /// Appends a value, which must be none of absent and error, as typed JSON.
    ///
    /// - Parameters:
    ///   - record: what raw values and digits in `value` refer to.
    ///   - arena: takes what is made on the way.
    package static func write(
        _ value: Value, record: UnsafeRawBufferPointer, arena: inout Arena, to writer: inout JSONWriter
    ) {
        switch value.tag {
        case .null, .absent, .error: writer.raw("{\"null\":null}")
        case .bool: writer.raw(value.isTrue ? "{\"bool\":true}" : "{\"bool\":false}")
        case .string: member("string", value.bytes, &writer)
        case .int: member("int", "\(value.int)", &writer)
        case .uint: member("uint", "\(value.bits)", &writer)
        case .double: member("double", double(value, record), &writer)
        case .decimal, .timestamp, .duration:
            let name: StaticString = value.tag == .decimal ? "decimal" : value.tag == .timestamp ? "timestamp" : "duration"
            let text = withUnsafeMutablePointer(to: &arena) { arena in
                var output = Output(arena: arena)
                switch value.tag {
                case .decimal: output.append(decimal: value)
                case .timestamp: TimestampText.append(value.int, value.length, to: &output)
                default: DurationText.append(value.int, to: &output)
                }
                return output.bytes
            }
            member(name, text, &writer)
        case .type: member("type", Tag(rawValue: UInt8(truncatingIfNeeded: value.aux))?.typeName ?? "unknown", &writer)
        case .bytes:
            writer.raw("{\"bytes\":")
            writer.append(value, record: record)
            writer.raw("}")
        case .list, .map:
            let isMap = value.tag == .map
            writer.raw(isMap ? "{\"map\":[" : "{\"list\":[")
            let open = materialize(value, record: record, arena: &arena)
            if let items = open.pointer?.assumingMemoryBound(to: Value.self) {
                for index in 0..<Int(open.length) {
                    if index > 0 { writer.raw(",") }
                    if isMap {
                        writer.raw("[")
                        write(items[index * 2], record: record, arena: &arena, to: &writer)
                        writer.raw(",")
                    }
                    write(items[isMap ? index * 2 + 1 : index], record: record, arena: &arena, to: &writer)
                    if isMap { writer.raw("]") }
                }
            }
            writer.raw("]}")
        case .optional:
            writer.raw("{\"optional\":")
            if value.length == 1, let content = value.pointer?.assumingMemoryBound(to: Value.self) {
                write(content.pointee, record: record, arena: &arena, to: &writer)
            } else {
                writer.raw("null")
            }
            writer.raw("}")
        }
    }

    /// The shortest text that reads back the same.
    private static func double(_ value: Value, _ record: UnsafeRawBufferPointer) -> String {
        if value.flags & Value.Flags.outOfRange != 0 { return String(decoding: digits(of: value, record: record), as: UTF8.self) }
        guard value.double.isFinite else { return value.double.isNaN ? "NaN" : value.double < 0 ? "-Infinity" : "Infinity" }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberText.maxDoubleBytes) { room in
            // The capacity isn't 0.
            let count = NumberText.write(value.double, to: room.baseAddress.unsafelyUnwrapped)
            return String(decoding: room[..<count], as: UTF8.self)
        }
    }

    private static func member(_ name: StaticString, _ content: UnsafeRawBufferPointer, _ writer: inout JSONWriter) {
        writer.raw("{\"")
        writer.raw(name)
        writer.raw("\":")
        writer.string(content)
        writer.raw("}")
    }

    private static func member(_ name: StaticString, _ content: String, _ writer: inout JSONWriter) {
        var content = content
        content.withUTF8 { member(name, UnsafeRawBufferPointer($0), &writer) }
    }
}
