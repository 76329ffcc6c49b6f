internal import Bytes
internal import JSON

/// A JSON value that a topology names, and the text it was read from: what a field's `enum` allows.
struct AllowedValue: BitwiseCopyable {
    var value: Value
    var text: UnsafeRawBufferPointer

    /// Nil: `source` is no JSON value. Text and strings are kept in `memory`.
    init?(_ source: String, memory: inout Arena) {
        var source = source
        text = source.withUTF8 { memory.copy(UnsafeRawBufferPointer($0)) }
        value = .absent
        var scanner = Scanner(SlotTrie())
        guard scanner.scan(text, into: &value, arena: &memory).code == .ok else { return nil }
    }

    static func isJSON(_ source: String) -> Bool {
        var memory = Arena(chunkBytes: 1 << 10)
        return AllowedValue(source, memory: &memory) != nil
    }

    /// Whether `source` is a number by RFC 8259.
    static func isNumber(_ source: String) -> Bool {
        var memory = Arena(chunkBytes: 1 << 10)
        guard let read = AllowedValue(source, memory: &memory) else { return false }
        return [.int, .uint, .double].contains(read.value.tag)
    }
}

extension StageProgram {
    /// Whether a field's value equals one of those allowed.
    mutating func isAllowed(_ value: Value, _ check: UnsafePointer<FieldCheck>) -> Bool {
        var next = Int(check.pointee.allowedStart)
        let end = next + Int(check.pointee.allowedCount)
        while next < end {
            let candidate = allowed.base[next]
            if value.tag == .string, candidate.value.tag == .string {
                if value.bytes.elementsEqual(candidate.value.bytes) { return true }
            } else if value.tag == .bool || value.tag == .null {
                if candidate.value.tag == value.tag, candidate.value.bits == value.bits { return true }
            } else if isEqual(value, text, candidate.value, candidate.text) {
                return true
            }
            next += 1
        }
        return false
    }

    /// JSON Schema's equality: numbers by value, however they are written; arrays by element; objects by member, in any order.
    @inline(never)
    private mutating func isEqual(_ a: Value, _ aText: UnsafeRawBufferPointer, _ b: Value, _ bText: UnsafeRawBufferPointer) -> Bool
    {
        switch (a.tag, b.tag) {
        case (.int, .int): return a.int == b.int
        case (.int, .double), (.double, .int), (.double, .double), (.uint, _), (_, .uint), (.decimal, _):
            guard a.isJSONNumber, b.isJSONNumber else { return false }
            return DecimalText.compare(numberText(a, aText), digits(of: b, record: bText)) == 0
        case (.string, .string): return a.bytes.elementsEqual(b.bytes)
        case (.bool, .bool): return a.bits == b.bits
        case (.null, .null): return true
        case (.list, .list):
            let left = materialize(a, record: aText, arena: &arena)
            let right = materialize(b, record: bText, arena: &arena)
            guard left.length == right.length else { return false }
            return (0..<Int(left.length)).allSatisfy { isEqual(left.elements[$0], aText, right.elements[$0], bText) }
        case (.map, .map):
            let left = materialize(a, record: aText, arena: &arena)
            let right = materialize(b, record: bText, arena: &arena)
            guard left.length == right.length else { return false }
            return (0..<Int(left.length)).allSatisfy { i in
                (0..<Int(right.length)).contains { j in
                    left.elements[i * 2].bytes.elementsEqual(right.elements[j * 2].bytes)
                        && isEqual(left.elements[i * 2 + 1], aText, right.elements[j * 2 + 1], bText)
                }
            }
        default: return false
        }
    }
}

extension Value {
    /// A number with a JSON form: computed doubles may have none.
    var isJSONNumber: Bool {
        switch tag {
        case .int, .uint, .decimal: true
        case .double: flags & Flags.digits != 0 || double.isFinite
        default: false
        }
    }

    /// The elements of a list or map that isn't raw.
    fileprivate var elements: UnsafePointer<Value> {
        // Empty collections have no elements to ask for, whatever the pointer.
        (pointer ?? UnsafeRawPointer(bitPattern: 16).unsafelyUnwrapped).assumingMemoryBound(to: Value.self)
    }
}
