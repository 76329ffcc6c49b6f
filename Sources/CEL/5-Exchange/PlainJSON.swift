package import Bytes
package import JSON

/// Values as JSON for people, by the language definition's table: what JSON has no form for is text.
package enum PlainJSON {
    /// Appends any value but absent and error. Bytes are base64, times are RFC 3339 text and seconds, a double that isn't finite is
    /// its name, a type its name, a map's keys their text, an optional its value or null.
    ///
    /// - Parameters:
    ///   - record: what raw values and digits in `value` refer to.
    ///   - arena: takes what is made on the way.
    package static func write(
        _ value: Value, record: UnsafeRawBufferPointer, arena: inout Arena, to writer: inout JSONWriter
    ) {
        if JSONWriter.canWrite(value) {
            writer.append(value, record: record)
            return
        }
        switch value.tag {
        case .optional:
            guard value.length == 1, let content = value.pointer?.assumingMemoryBound(to: Value.self) else {
                writer.raw("null")
                return
            }
            write(content.pointee, record: record, arena: &arena, to: &writer)
        case .list, .map:
            let isMap = value.tag == .map
            writer.raw(isMap ? "{" : "[")
            let open = materialize(value, record: record, arena: &arena)
            if let items = open.pointer?.assumingMemoryBound(to: Value.self) {
                for index in 0..<Int(open.length) {
                    if index > 0 { writer.raw(",") }
                    if isMap {
                        text(items[index * 2], record, &arena, &writer)
                        writer.raw(":")
                    }
                    write(items[isMap ? index * 2 + 1 : index], record: record, arena: &arena, to: &writer)
                }
            }
            writer.raw(isMap ? "}" : "]")
        default: text(value, record, &arena, &writer)
        }
    }

    /// A scalar as a JSON string.
    private static func text(
        _ value: Value, _ record: UnsafeRawBufferPointer, _ arena: inout Arena, _ writer: inout JSONWriter
    ) {
        withUnsafeMutablePointer(to: &arena) { arena in
            var output = Output(arena: arena)
            switch value.tag {
            case .string: output.append(value.bytes)
            case .bool: output.append(value.isTrue ? "true" : "false")
            case .int, .uint: output.append(value.asInt128)
            case .double: output.append(value.double)
            case .timestamp: TimestampText.append(value.int, value.length, to: &output)
            case .duration: DurationText.append(value.int, to: &output)
            case .type:
                var name = Tag(rawValue: UInt8(truncatingIfNeeded: value.aux))?.typeName ?? "unknown"
                name.withUTF8 { output.append(UnsafeRawBufferPointer($0)) }
            default: break
            }
            writer.string(output.bytes)
        }
    }
}
