internal import Bytes
internal import JSON
package import Log

/// Writes a record as one JSON line that loses nothing: texts as strings, bytes that aren't UTF-8 as base64 under another name,
/// null as null. What `etl dlq show --raw --format=json` prints and what `discard` keeps.
package struct LetterJSON: ~Copyable {
    private var writer = JSONWriter(capacity: 4096)

    package init() {}

    /// The line with its newline; good until the next call.
    package mutating func line(_ record: LogRecord, topic: String) -> UnsafeRawBufferPointer {
        writer.reset()
        text("{\"topic\":\"\(topic)\",\"partition\":\(record.partition),\"offset\":\(record.offset)")
        text(",\"timestamp\":\(record.timestamp),")
        member("key", record.key)
        text(",")
        member("value", record.value)
        text(",\"headers\":[")
        for (index, header) in record.headers.enumerated() {
            text(index == 0 ? "{" : ",{")
            member("name", header.name)
            text(",")
            member("value", header.value)
            text("}")
        }
        text("]}\n")
        return writer.bytes
    }

    private mutating func member(_ name: String, _ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return text("\"\(name)\":null") }
        if UTF8Text.firstError(in: bytes) == nil {
            text("\"\(name)\":")
            writer.string(bytes)
        } else {
            text("\"\(name)_base64\":")
            let value = Value(.bytes, length: UInt32(truncatingIfNeeded: bytes.count), bits: UInt64(UInt(bitPattern: start)))
            writer.append(value, record: bytes)
        }
    }

    private mutating func text(_ text: String) {
        var text = text
        text.withUTF8 { writer.raw(UnsafeRawBufferPointer($0)) }
    }
}
