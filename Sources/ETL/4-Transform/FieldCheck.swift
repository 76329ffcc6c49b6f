// Hot path: per record.
internal import CEL
internal import JSON
internal import JSONSchema
internal import Bytes

/// A `validate` rule on one path, ready to run. Owns nothing: texts and values belong to the stage's program.
struct FieldCheck: BitwiseCopyable {
    /// Tags, as bits, that pass without a further look: absent where the field may be missing, null where it may be null.
    var passing: UInt16 = 0
    /// Tags, as bits, of the type asked for; those a closer look may still let pass are not among them.
    var typed: UInt16 = 0
    /// Whether numbers without a fraction in another notation (3.0, 30e-1) count as the type.
    var wantsInteger = false
    var hasBounds = false
    var hasLengths = false
    var slot: Int32
    /// The slot of the object it lies in, outside of which it isn't asked for; -1: it always is.
    var parent: Int32 = -1
    /// The validator and the schema in it that the value must be valid against; -1: none.
    var validator: Int32 = -1
    var subschema: Int32 = -1
    var format: SchemaFormat?
    /// Index of the pattern's program; -1: none.
    var pattern: Int32 = -1
    /// Where the allowed values start among the program's; `allowedCount` -1: any value will do.
    var allowedStart: Int32 = 0
    var allowedCount: Int32 = -1
    var minLength = 0
    var maxLength = Int.max
    var lower = NumberBound()
    var upper = NumberBound()

    /// Bits for `tags`.
    static func mask(_ tags: Tag...) -> UInt16 { tags.reduce(0) { $0 | 1 << UInt16($1.rawValue) } }
}

/// A bound of a number: integers are compared with `integer`, doubles with `double` (rounding keeps order, so different doubles
/// decide), and where that doesn't settle it digits are.
struct NumberBound: BitwiseCopyable {
    /// The last integer inside the bound, if `hasInteger`.
    var integer: Int64 = 0
    var hasInteger = false
    var double = 0.0
    /// The bound as written; owned by the stage's program.
    var text = UnsafeRawBufferPointer(start: nil, count: 0)
    var isSet = false
    var exclusive = false
}

/// Which of its rules a field broke.
enum FieldFault: UInt8 { case missing, null, type, bounds, length, pattern, allowed }

extension StageProgram {
    /// The first rule of `check` that the record breaks, or nil.
    mutating func fault(of check: UnsafePointer<FieldCheck>) -> FieldFault? {
        let value = frame[Int(check.pointee.slot)]
        let bit = UInt16(1) << UInt16(truncatingIfNeeded: value.meta & 15)
        if check.pointee.passing & bit != 0 { return nil }
        if check.pointee.typed & bit == 0 {
            if value.tag == .absent { return .missing }
            if value.tag == .null { return .null }
            if !(check.pointee.wantsInteger && isInteger(value)) { return .type }
        }
        if check.pointee.hasBounds, !isWithinBounds(value, check) { return .bounds }
        if check.pointee.hasLengths, value.tag == .string, !isWithinLengths(value, check) { return .length }
        if check.pointee.pattern >= 0, value.tag == .string, !matches(check.pointee.pattern) { return .pattern }
        if check.pointee.allowedCount >= 0, !isAllowed(value, check) { return .allowed }
        return nil
    }

    /// Whether the record breaks a check that a schema was made into.
    mutating func breaks(_ check: UnsafePointer<FieldCheck>) -> Bool {
        let parent = Int(check.pointee.parent)
        if parent >= 0, frame[parent].tag != .map { return false }
        if fault(of: check) != nil { return true }
        if check.pointee.validator < 0, check.pointee.format == nil { return false }
        return breaksRest(check)
    }

    @inline(never)
    private mutating func breaksRest(_ check: UnsafePointer<FieldCheck>) -> Bool {
        let value = frame[Int(check.pointee.slot)]
        if value.tag == .absent { return false }
        if let format = check.pointee.format, value.tag == .string, !format.matches(value.bytes) { return true }
        guard check.pointee.validator >= 0 else { return false }
        return !validators.base[Int(check.pointee.validator)].isValid(jsonText(value), subschema: Int(check.pointee.subschema))
    }

    private mutating func isWithinBounds(_ value: Value, _ check: UnsafePointer<FieldCheck>) -> Bool {
        switch value.tag {
        case .int:
            let number = value.int
            if check.pointee.lower.isSet {
                if check.pointee.lower.hasInteger
                    ? number < check.pointee.lower.integer : !isInside(value, check.pointee.lower, sign: 1)
                {
                    return false
                }
            }
            if check.pointee.upper.isSet {
                if check.pointee.upper.hasInteger
                    ? number > check.pointee.upper.integer : !isInside(value, check.pointee.upper, sign: -1)
                {
                    return false
                }
            }
            return true
        case .double:
            let number = value.double
            if check.pointee.lower.isSet {
                if number < check.pointee.lower.double { return false }
                if !(number > check.pointee.lower.double), !isInside(value, check.pointee.lower, sign: 1) { return false }
            }
            if check.pointee.upper.isSet {
                if number > check.pointee.upper.double { return false }
                if !(number < check.pointee.upper.double), !isInside(value, check.pointee.upper, sign: -1) { return false }
            }
            return true
        case .uint, .decimal:
            return (!check.pointee.lower.isSet || isInside(value, check.pointee.lower, sign: 1))
                && (!check.pointee.upper.isSet || isInside(value, check.pointee.upper, sign: -1))
        default:
            return true  // bounds are for numbers; JSON Schema ignores them elsewhere
        }
    }

    /// Compares digits: `sign` 1 for a lower bound, -1 for an upper one.
    @inline(never)
    private mutating func isInside(_ value: Value, _ bound: NumberBound, sign: Int) -> Bool {
        guard value.isJSONNumber else { return false }
        let order = (DecimalText.compare(numberText(value), bound.text) ?? 0) * sign
        return bound.exclusive ? order > 0 : order >= 0
    }

    @inline(never)
    private mutating func isInteger(_ value: Value) -> Bool {
        guard value.tag == .double || value.tag == .decimal, value.isJSONNumber else { return false }
        return WholeNumber.isWhole(numberText(value))
    }

    private mutating func isWithinLengths(_ value: Value, _ check: UnsafePointer<FieldCheck>) -> Bool {
        let bytes = value.bytes
        // A code point is one to four bytes.
        if bytes.count < check.pointee.minLength || (bytes.count + 3) / 4 > check.pointee.maxLength { return false }
        if (bytes.count + 3) / 4 >= check.pointee.minLength, bytes.count <= check.pointee.maxLength { return true }
        var points = 0
        for byte in bytes where byte & 0xc0 != 0x80 { points += 1 }
        return points >= check.pointee.minLength && points <= check.pointee.maxLength
    }
}
