internal import Bytes
internal import JSON

extension FieldCheck {
    /// The rule on the frame's `slot`, but for pattern and allowed values, which the stage's program holds.
    /// - Parameter memory: keeps the bounds' texts.
    init(_ rule: FieldRule, slot: Int, memory: inout Arena) {
        self.slot = Int32(slot)
        if !rule.required { passing |= Self.mask(.absent) }
        if rule.nullable { passing |= Self.mask(.null) }
        switch rule.type {
        case .string?: typed = Self.mask(.string)
        case .integer?:
            typed = Self.mask(.int, .uint)
            wantsInteger = true
        case .number?: typed = Self.mask(.int, .uint, .double, .decimal)
        case .boolean?: typed = Self.mask(.bool)
        case .object?: typed = Self.mask(.map)
        case .array?: typed = Self.mask(.list)
        case nil: typed = ~Self.mask(.absent, .null)
        }
        if let text = rule.minimum { lower = NumberBound(text, exclusive: false, isLower: true, memory: &memory) }
        if let text = rule.maximum { upper = NumberBound(text, exclusive: false, isLower: false, memory: &memory) }
        if let text = rule.exclusiveMinimum {
            lower.tighten(NumberBound(text, exclusive: true, isLower: true, memory: &memory), sign: 1)
        }
        if let text = rule.exclusiveMaximum {
            upper.tighten(NumberBound(text, exclusive: true, isLower: false, memory: &memory), sign: -1)
        }
        hasBounds = lower.isSet || upper.isSet
        minLength = rule.minLength ?? 0
        maxLength = rule.maxLength ?? .max
        hasLengths = rule.minLength != nil || rule.maxLength != nil
        // Nothing left to look at: the type alone decides.
        if !hasBounds, !hasLengths, rule.pattern == nil, rule.allowed == nil { passing |= typed }
    }
}

extension NumberBound {
    init(_ source: String, exclusive: Bool, isLower: Bool, memory: inout Arena) {
        var source = source
        text = source.withUTF8 { memory.copy(UnsafeRawBufferPointer($0)) }
        isSet = true
        self.exclusive = exclusive
        double = Double(source) ?? 0  // whoever compiles has checked that it is a number
        guard let floor = WholeNumber.floor(text) else { return }
        // The last integer inside: up from the floor for a lower bound, down for an upper one, where the bound itself is out.
        let isWhole = WholeNumber.isWhole(text)
        let step: Int64 = isLower ? (isWhole && !exclusive ? 0 : 1) : (isWhole && exclusive ? -1 : 0)
        let (inside, overflow) = floor.addingReportingOverflow(step)
        integer = inside
        hasInteger = !overflow
    }

    /// The narrower of two bounds on the same side. `sign` 1 for lower bounds, -1 for upper ones.
    mutating func tighten(_ other: NumberBound, sign: Int) {
        let order = isSet ? (DecimalText.compare(other.text, text) ?? 0) * sign : 1
        if order > 0 || (order == 0 && other.exclusive) { self = other }
    }
}
