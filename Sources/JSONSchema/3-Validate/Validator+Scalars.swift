// Hot path: per record.
internal import Bytes
internal import JSON

extension Validator {
    @inline(never)
    mutating func isWhole(_ node: Int) -> Bool { WholeNumber.isWhole(view.written(node)) }

    mutating func numbers(_ first: Int32, _ end: Int32, _ node: Int) -> Bool {
        var isValid = true
        let text = view.written(node)
        for index in Int(first)..<Int(end) {
            let instruction = instructions + index
            let holds: Bool
            if instruction.pointee.operation == .bound {
                holds = isInside(text, node, program.limits.baseAddress.unsafelyUnwrapped + Int(instruction.pointee.a))
            } else {
                holds = program.divisors[Int(instruction.pointee.a)].divisor.divides(text)
            }
            if holds { continue }
            isValid = false
            if !fails(instruction, node) { return false }
        }
        return isValid
    }

    @inline(__always)
    private mutating func isInside(_ text: UnsafeRawBufferPointer, _ node: Int, _ limit: UnsafePointer<NumberLimit>) -> Bool {
        // Up to 18 digits fit in 64 bits.
        if view.nodes[node].flags & TapeNode.Flags.integer != 0, text.count <= 18, limit.pointee.hasInteger {
            let isNegative = text[0] == UInt8(ascii: "-")
            var value: Int64 = 0
            for index in (isNegative ? 1 : 0)..<text.count { value = value &* 10 &+ Int64(text[index] &- 48) }
            if isNegative { value = 0 &- value }
            return limit.pointee.isLower ? value >= limit.pointee.integer : value <= limit.pointee.integer
        }
        return isInsideExactly(text, limit)
    }

    @inline(never)
    private mutating func isInsideExactly(_ text: UnsafeRawBufferPointer, _ limit: UnsafePointer<NumberLimit>) -> Bool {
        let order = (DecimalText.compare(text, limit.pointee.text) ?? 0) * (limit.pointee.isLower ? 1 : -1)
        return limit.pointee.isExclusive ? order > 0 : order >= 0
    }

    mutating func strings(_ first: Int32, _ end: Int32, _ node: Int) -> Bool {
        var isValid = true
        let text = view.string(node)
        for index in Int(first)..<Int(end) {
            let instruction = instructions + index
            let holds =
                switch instruction.pointee.operation {
                case .minLength: Self.hasLength(text, atLeast: instruction.pointee.limit)
                case .maxLength: !Self.hasLength(text, atLeast: instruction.pointee.limit &+ 1) || instruction.pointee.limit == .max
                case .pattern: program.matchers[Int(instruction.pointee.a)].matches(text)
                default: Self.has(format: instruction.pointee.a, text)
                }
            if holds { continue }
            isValid = false
            if !fails(instruction, node) { return false }
        }
        return isValid
    }

    /// Whether a string has so many characters (code points: one to four bytes each).
    @inline(__always)
    private static func hasLength(_ text: UnsafeRawBufferPointer, atLeast least: Int) -> Bool {
        if text.count < least { return false }
        if (text.count + 3) / 4 >= least { return true }
        return count(text) >= least
    }

    static func count(_ text: UnsafeRawBufferPointer) -> Int {
        var points = 0
        for byte in text where byte & 0xc0 != 0x80 { points &+= 1 }
        return points
    }

    @inline(never)
    private static func has(format: Int32, _ text: UnsafeRawBufferPointer) -> Bool {
        Format(rawValue: UInt8(truncatingIfNeeded: format))?.matches(text) ?? true
    }
}
