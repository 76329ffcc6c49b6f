// Hot path: per record.
import Bytes
import JSON

/// `base64.encode`, `base64.decode`, `strings.quote` and `reverse`.
extension Machine {
    mutating func base64Encoded(_ value: Value) -> Value {
        let count = Base64.encodedCount(value.bytes.count)
        let target = arena.pointee.allocate(count)
        Base64.encode(value.bytes, to: target.assumingMemoryBound(to: UInt8.self))
        return text(target, count)
    }

    /// With or without padding.
    mutating func base64Decoded(_ value: Value, _ index: UInt32) -> Value {
        let target = arena.pointee.allocate(value.bytes.count)
        guard let count = Base64.decode(value.bytes, to: target.assumingMemoryBound(to: UInt8.self)) else {
            return fail(.conversion, Position.node(index))
        }
        return text(target, count, tag: .bytes)
    }

    /// Between quotes and with escapes, as a literal that gives the same text.
    mutating func quoted(_ value: Value) -> Value {
        let bytes = value.bytes
        var output = Output(arena: arena, capacity: bytes.count + 16)
        output.append("\"")
        var start = 0
        for position in 0..<bytes.count {
            let escape: StaticString
            switch bytes[position] {
            case 0x07: escape = "\\a"
            case 0x08: escape = "\\b"
            case 0x09: escape = "\\t"
            case 0x0a: escape = "\\n"
            case 0x0b: escape = "\\v"
            case 0x0c: escape = "\\f"
            case 0x0d: escape = "\\r"
            case UInt8(ascii: "\""): escape = "\\\""
            case UInt8(ascii: "\\"): escape = "\\\\"
            default: continue
            }
            output.append(bytes.slice(start, position))
            output.append(escape)
            start = position + 1
        }
        output.append(bytes.slice(start, bytes.count))
        output.append("\"")
        return text(output.start, output.count)
    }

    /// The code points from the last to the first.
    mutating func reversedText(_ value: Value) -> Value {
        let bytes = value.bytes
        let target = arena.pointee.allocate(bytes.count)
        var start = 0
        while start < bytes.count {
            var end = start + 1
            while end < bytes.count, bytes[end] & 0xc0 == 0x80 { end += 1 }
            for index in start..<end {
                target.storeBytes(of: bytes[index], toByteOffset: bytes.count - end + index - start, as: UInt8.self)
            }
            start = end
        }
        return text(target, bytes.count)
    }
}
