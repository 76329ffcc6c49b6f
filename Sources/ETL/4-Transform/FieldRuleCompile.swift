internal import Bytes
internal import JSON
internal import JSONSchema

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

extension FieldCheck {
    /// What a schema says of the frame's `slot`, but for patterns and allowed values, which the stage's program holds.
    /// - Parameters:
    ///   - parent: the slot of the object it lies in, if it is asked for only there.
    ///   - validator: the schema's.
    ///   - memory: keeps the limits' texts.
    init(_ field: SchemaField, slot: Int, parent: Int32, validator: Int32, memory: inout Arena) {
        self.slot = Int32(slot)
        self.parent = parent
        if !field.isRequired { passing |= Self.mask(.absent) }
        if field.types.contains(.null) { typed |= Self.mask(.null) }
        if field.types.contains(.boolean) { typed |= Self.mask(.bool) }
        if field.types.contains(.integer) { typed |= Self.mask(.int, .uint) }
        if field.types.contains(.number) { typed |= Self.mask(.double, .decimal) }
        wantsInteger = field.types.contains(.integer) && !field.types.contains(.number)
        if field.types.contains(.string) { typed |= Self.mask(.string) }
        if field.types.contains(.array) { typed |= Self.mask(.list) }
        if field.types.contains(.object) { typed |= Self.mask(.map) }
        for limit in field.limits {
            let bound = NumberBound(limit.text, exclusive: limit.isExclusive, isLower: limit.isLower, memory: &memory)
            if limit.isLower { lower.tighten(bound, sign: 1) } else { upper.tighten(bound, sign: -1) }
        }
        hasBounds = !field.limits.isEmpty
        minLength = field.minLength ?? 0
        maxLength = field.maxLength ?? .max
        hasLengths = field.minLength != nil || field.maxLength != nil
        format = field.format
        if let subschema = field.subschema {
            self.validator = validator
            self.subschema = Int32(subschema)
        }
        // Nothing left to look at: the type alone decides.
        if !hasBounds, !hasLengths, field.allowed == nil { passing |= typed }
    }

    /// A string must match a pattern, which the stage's program holds.
    init(patternAt slot: Int, parent: Int32) {
        self.slot = Int32(slot)
        self.parent = parent
        passing = ~Self.mask(.string)
        typed = Self.mask(.string)
    }

    /// Nothing may be there.
    init(forbidden slot: Int) {
        self.slot = Int32(slot)
        passing = Self.mask(.absent)
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
