// Hot path: per record.
import Bytes
import JSON

/// `format`: clauses of a text filled with the elements of a list, without regard to any locale.
extension Machine {
    @inline(never)
    mutating func format(_ text: Value, _ arguments: Value, _ index: UInt32) -> Value {
        let bytes = text.bytes
        let items = elements(arguments)
        var output = Output(arena: arena)
        var next = 0
        var position = 0
        while position < bytes.count {
            guard bytes[position] == UInt8(ascii: "%") else {
                let start = position
                while position < bytes.count, bytes[position] != UInt8(ascii: "%") { position += 1 }
                output.append(bytes.slice(start, position))
                continue
            }
            position += 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "%") {
                output.append("%")
                position += 1
                continue
            }
            var precision = 6
            if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
                position += 1
                let start = position
                precision = 0
                while position < bytes.count, bytes[position].isDigit {
                    precision = min(precision * 10 + Int(bytes[position] - UInt8(ascii: "0")), 1000)
                    position += 1
                }
                if position == start || precision > 100 { return fail(.invalidFormat, Position.node(index)) }
            }
            guard position < bytes.count else { return fail(.invalidFormat, Position.node(index)) }
            guard next < items.count else { return fail(.missingArgument, Position.node(index)) }
            if let failure = append(clause: bytes[position], precision, items[next], to: &output, index) { return failure }
            if output.count > Machine.maxLength { return fail(.tooLarge, Position.node(index)) }
            next += 1
            position += 1
        }
        return self.text(output.start, output.count)
    }

    private mutating func append(
        clause: UInt8, _ precision: Int, _ value: Value, to output: inout Output, _ index: UInt32
    ) -> Value? {
        switch clause {
        case UInt8(ascii: "s"): return append(text: value, depth: 0, to: &output, index)
        case UInt8(ascii: "d"):
            switch value.tag {
            case .int, .uint, .decimal, .double:
                if value.tag == .double, value.double.isFinite || value.isOutOfRange {
                    return noOverload(value, at: Position.node(index))
                }
                return append(text: value, depth: 0, to: &output, index)
            default: return noOverload(value, at: Position.node(index))
            }
        case UInt8(ascii: "f"), UInt8(ascii: "e"):
            guard value.isNumber else { return noOverload(value, at: Position.node(index)) }
            let number = toDouble(value, index)
            if number.tag == .error { return number }
            if number.double.isFinite {
                output.append(number.double, precision: precision, scientific: clause == UInt8(ascii: "e"))
            } else {
                output.append(number.double)
            }
            return nil
        case UInt8(ascii: "b"):
            if value.tag == .bool {
                output.append(value.isTrue ? "1" : "0")
                return nil
            }
            return append(integer: value, shift: 1, upper: false, to: &output, index)
        case UInt8(ascii: "o"): return append(integer: value, shift: 3, upper: false, to: &output, index)
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            let upper = clause == UInt8(ascii: "X")
            guard value.tag == .string || value.tag == .bytes else {
                return append(integer: value, shift: 4, upper: upper, to: &output, index)
            }
            for byte in value.bytes {
                output.append(digit: byte >> 4, upper: upper)
                output.append(digit: byte & 15, upper: upper)
            }
            return nil
        default: return fail(.invalidFormat, Position.node(index))
        }
    }

    private func append(integer value: Value, shift: UInt64, upper: Bool, to output: inout Output, _ index: UInt32) -> Value? {
        guard value.tag == .int || value.tag == .uint else { return noOverload(value, at: Position.node(index)) }
        let magnitude = value.tag == .int ? value.int.magnitude : value.bits
        if value.tag == .int, value.int < 0 { output.append("-") }
        var place: UInt64 = 0
        while place + shift < 64, magnitude >> (place + shift) != 0 { place += shift }
        while true {
            output.append(digit: UInt8(truncatingIfNeeded: magnitude >> place & (1 << shift - 1)), upper: upper)
            if place == 0 { return nil }
            place -= shift
        }
    }

    /// As `%s` has values: lists and maps with their elements, a map's entries in the order of their keys' texts.
    private mutating func append(text value: Value, depth: Int, to output: inout Output, _ index: UInt32) -> Value? {
        switch value.tag {
        case .null: output.append("null")
        case .type:
            guard let tag = Tag(rawValue: UInt8(truncatingIfNeeded: value.aux)) else { return nil }
            output.append(typeName: tag)
        case .bytes: output.append(value.bytes)
        case .string: output.append(value.bytes)
        case .list, .map:
            guard depth < 64 else { return fail(.tooLarge, Position.node(index)) }
            return append(elements: value, depth: depth + 1, to: &output, index)
        case .optional, .absent, .error: return noOverload(value, at: Position.node(index))
        default:
            // The text may not move what was written so far: it is made after it in the arena, and copied behind it.
            let text = toString(value, index)
            if text.tag == .error { return text }
            output.append(text.bytes)
        }
        return nil
    }

    private mutating func append(elements value: Value, depth: Int, to output: inout Output, _ index: UInt32) -> Value? {
        var items = elements(value)
        let isMap = value.tag == .map
        if isMap {
            guard let ordered = orderedByText(items, index) else { return noOverload(value, at: Position.node(index)) }
            items = ordered
        }
        output.append(isMap ? "{" : "[")
        for position in 0..<items.count {
            if position > 0 { output.append(isMap && position & 1 == 1 ? ": " : ", ") }
            if let failure = append(text: items[position], depth: depth, to: &output, index) { return failure }
            if output.count > Machine.maxLength { return fail(.tooLarge, Position.node(index)) }
        }
        output.append(isMap ? "}" : "]")
        return nil
    }

    /// A map's pairs sorted by their keys as text.
    private mutating func orderedByText(_ items: UnsafeBufferPointer<Value>, _ index: UInt32) -> UnsafeBufferPointer<Value>? {
        let count = items.count / 2
        let pairs = allocateValues(count * 2)
        for pair in 0..<count {
            let text = toString(items[pair * 2], index)
            guard text.tag == .string else { return nil }
            // Maps that are formatted are small: each pair is moved to its place among those before it.
            var place = pair
            while place > 0, byteOrder(text.bytes, pairs[(place - 1) * 2].bytes) == .less {
                pairs[place * 2] = pairs[(place - 1) * 2]
                pairs[place * 2 + 1] = pairs[(place - 1) * 2 + 1]
                place -= 1
            }
            pairs[place * 2] = text
            pairs[place * 2 + 1] = items[pair * 2 + 1]
        }
        return UnsafeBufferPointer(start: pairs, count: count * 2)
    }
}

extension Output {
    fileprivate mutating func append(digit: UInt8, upper: Bool) {
        var byte = digit < 10 ? UInt8(ascii: "0") + digit : (upper ? UInt8(ascii: "A") : UInt8(ascii: "a")) + digit - 10
        withUnsafeBytes(of: &byte) { append($0) }
    }

    fileprivate mutating func append(_ value: Double, precision: Int, scientific: Bool) {
        let target = reserve(NumberText.maxPreciseBytes(precision))
        advance(NumberText.write(value, precision: precision, scientific: scientific, to: target))
    }

    fileprivate mutating func append(typeName tag: Tag) {
        var name = tag.typeName
        name.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }
}
