// Hot path: per record.
import Bytes
import JSON

/// The functions of CEL's strings extension (https://pkg.go.dev/github.com/google/cel-go/ext#Strings), positions in code points.
extension Machine {
    func charAt(_ text: Value, _ position: Value, _ index: UInt32) -> Value {
        let bytes = text.bytes
        guard let start = bytes.byteOffset(ofCodePoint: position.int) else { return fail(.indexOutOfBounds, Position.node(index)) }
        var end = min(start + 1, bytes.count)
        while end < bytes.count, bytes[end] & 0xc0 == 0x80 { end += 1 }
        return .string(bytes.slice(start, end))
    }

    func substring(_ text: Value, _ from: Value, _ to: Value?, _ index: UInt32) -> Value {
        let bytes = text.bytes
        guard let start = bytes.byteOffset(ofCodePoint: from.int),
            let end = to.map({ bytes.byteOffset(ofCodePoint: $0.int) }) ?? bytes.count, start <= end
        else { return fail(.indexOutOfBounds, Position.node(index)) }
        return .string(bytes.slice(start, end))
    }

    func indexOf(_ text: Value, _ part: Value, from: Value?, _ index: UInt32) -> Value {
        let bytes = text.bytes
        guard let start = from.map({ bytes.byteOffset(ofCodePoint: $0.int) }) ?? 0 else {
            return fail(.indexOutOfBounds, Position.node(index))
        }
        guard let found = find(part.bytes, in: bytes, from: start) else { return .int(-1) }
        return .int(Int64(bytes.slice(0, found).codePointCount))
    }

    func lastIndexOf(_ text: Value, _ part: Value, upTo: Value?, _ index: UInt32) -> Value {
        let (bytes, part) = (text.bytes, part.bytes)
        guard let limit = upTo.map({ bytes.byteOffset(ofCodePoint: $0.int) }) ?? bytes.count else {
            return fail(.indexOutOfBounds, Position.node(index))
        }
        var start = min(limit, bytes.count - part.count)
        while start >= 0 {
            // A match begins at a code point because the part does.
            if equalBytes(bytes.baseAddress.map { $0 + start }, part.baseAddress, part.count) {
                return .int(Int64(bytes.slice(0, start).codePointCount))
            }
            start -= 1
        }
        return .int(-1)
    }

    /// Letters from `first` on, 26 of them, change their case; every other byte stays.
    mutating func changeCase(_ text: Value, from first: UInt8) -> Value {
        let bytes = text.bytes
        let target = arena.pointee.allocate(bytes.count)
        for index in 0..<bytes.count {
            let byte = bytes[index]
            target.storeBytes(of: byte &- first < 26 ? byte ^ 0x20 : byte, toByteOffset: index, as: UInt8.self)
        }
        return self.text(target, bytes.count)
    }

    /// Without the white space (as Unicode has it) at both ends.
    func trim(_ text: Value) -> Value {
        let bytes = text.bytes
        var start = 0
        while start < bytes.count, let width = Machine.spaceWidth(bytes, at: start) { start += width }
        var end = bytes.count
        while end > start {
            var last = end - 1
            while last > start, bytes[last] & 0xc0 == 0x80 { last -= 1 }
            guard Machine.spaceWidth(bytes, at: last) != nil else { break }
            end = last
        }
        return .string(bytes.slice(start, end))
    }

    /// Bytes of the white space character at an offset; nil: there is another character. Unicode's White_Space property.
    private static func spaceWidth(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Int? {
        let first = bytes[index]
        if first == 0x20 || (first >= 0x09 && first <= 0x0d) { return 1 }
        guard first >= 0xc2, index + 1 < bytes.count else { return nil }
        let second = bytes[index + 1]
        if first == 0xc2 { return second == 0x85 || second == 0xa0 ? 2 : nil }
        guard index + 2 < bytes.count else { return nil }
        let third = bytes[index + 2]
        return switch (first, second) {
        case (0xe1, 0x9a): third == 0x80 ? 3 : nil
        case (0xe2, 0x80): (0x80...0x8a).contains(third) || third == 0xa8 || third == 0xa9 || third == 0xaf ? 3 : nil
        case (0xe2, 0x81): third == 0x9f ? 3 : nil
        case (0xe3, 0x80): third == 0x80 ? 3 : nil
        default: nil
        }
    }

    /// At most `limit` occurrences of `old` replaced (negative: all). An empty `old` stands before each code point and at the end.
    mutating func replace(_ text: Value, _ old: Value, _ new: Value, limit: Int64, _ index: UInt32) -> Value {
        let (bytes, old) = (text.bytes, old.bytes)
        var left = limit
        var output = Output(arena: arena)
        var position = 0
        while left != 0, output.count <= Machine.maxLength {
            if old.isEmpty {
                output.append(new.bytes)
                left -= 1
                if position == bytes.count { break }
                var end = position + 1
                while end < bytes.count, bytes[end] & 0xc0 == 0x80 { end += 1 }
                output.append(bytes.slice(position, end))
                position = end
            } else {
                guard let found = find(old, in: bytes, from: position) else { break }
                output.append(bytes.slice(position, found))
                output.append(new.bytes)
                position = found + old.count
                left -= 1
            }
        }
        output.append(bytes.slice(position, bytes.count))
        guard output.count <= Machine.maxLength else { return fail(.tooLarge, Position.node(index)) }
        return self.text(output.start, output.count)
    }

    /// The pieces between separators, at most `limit` of them (negative: all); an empty separator splits into code points.
    mutating func split(_ text: Value, _ separator: Value, limit: Int64) -> Value {
        let (bytes, separator) = (text.bytes, separator.bytes)
        let most = limit < 0 ? Int.max : Int(limit)
        var pieces = 0
        // Two passes, so that the elements have their final place at once.
        Machine.eachPiece(bytes, separator, most) { _ in pieces += 1 }
        let target = allocateValues(pieces)
        var index = 0
        Machine.eachPiece(bytes, separator, most) { piece in
            target[index] = .string(piece)
            index += 1
        }
        return Value(.list, length: UInt32(truncatingIfNeeded: pieces), bits: UInt64(UInt(bitPattern: target)))
    }

    @inline(__always)
    private static func eachPiece(
        _ bytes: UnsafeRawBufferPointer, _ separator: UnsafeRawBufferPointer, _ most: Int, _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        if most == 0 || (separator.isEmpty && bytes.isEmpty) { return }
        var start = 0
        var pieces = 1
        while pieces < most {
            var end = start
            if separator.isEmpty {
                end += 1
                while end < bytes.count, bytes[end] & 0xc0 == 0x80 { end += 1 }
                if end >= bytes.count { break }
            } else {
                guard let found = find(separator, in: bytes, from: start) else { break }
                end = found
            }
            body(bytes.slice(start, end))
            start = end + separator.count
            pieces += 1
        }
        body(bytes.slice(start, bytes.count))
    }

    /// The strings of a list with a separator between them.
    mutating func join(_ list: Value, _ separator: Value?, _ index: UInt32) -> Value {
        let items = elements(list)
        var output = Output(arena: arena)
        for position in 0..<items.count {
            guard items[position].tag == .string else { return noOverload(items[position], at: Position.node(index)) }
            if position > 0, let separator { output.append(separator.bytes) }
            output.append(items[position].bytes)
            if output.count > Machine.maxLength { return fail(.tooLarge, Position.node(index)) }
        }
        return text(output.start, output.count)
    }
}
