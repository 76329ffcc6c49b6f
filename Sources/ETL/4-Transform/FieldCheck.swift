// Hot path: per record.
internal import CEL
internal import JSON
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
    mutating func fault(of check: FieldCheck) -> FieldFault? {
        let value = frame[Int(check.slot)]
        let bit = UInt16(1) << UInt16(truncatingIfNeeded: value.meta & 15)
        if check.passing & bit != 0 { return nil }
        if check.typed & bit == 0 {
            if value.tag == .absent { return .missing }
            if value.tag == .null { return .null }
            if !(check.wantsInteger && isInteger(value)) { return .type }
        }
        if check.hasBounds, !isWithinBounds(value, check) { return .bounds }
        if check.hasLengths, value.tag == .string, !isWithinLengths(value, check) { return .length }
        if check.pattern >= 0, value.tag == .string, !matches(check.pattern) { return .pattern }
        if check.allowedCount >= 0, !isAllowed(value, check) { return .allowed }
        return nil
    }

    private mutating func isWithinBounds(_ value: Value, _ check: FieldCheck) -> Bool {
        switch value.tag {
        case .int:
            let number = value.int
            if check.lower.isSet {
                if check.lower.hasInteger ? number < check.lower.integer : !isInside(value, check.lower, sign: 1) { return false }
            }
            if check.upper.isSet {
                if check.upper.hasInteger ? number > check.upper.integer : !isInside(value, check.upper, sign: -1) { return false }
            }
            return true
        case .double:
            let number = value.double
            if check.lower.isSet {
                if number < check.lower.double { return false }
                if !(number > check.lower.double), !isInside(value, check.lower, sign: 1) { return false }
            }
            if check.upper.isSet {
                if number > check.upper.double { return false }
                if !(number < check.upper.double), !isInside(value, check.upper, sign: -1) { return false }
            }
            return true
        case .uint, .decimal:
            return (!check.lower.isSet || isInside(value, check.lower, sign: 1))
                && (!check.upper.isSet || isInside(value, check.upper, sign: -1))
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

    private mutating func isWithinLengths(_ value: Value, _ check: FieldCheck) -> Bool {
        let bytes = value.bytes
        // A code point is one to four bytes.
        if bytes.count < check.minLength || (bytes.count + 3) / 4 > check.maxLength { return false }
        if (bytes.count + 3) / 4 >= check.minLength, bytes.count <= check.maxLength { return true }
        var points = 0
        for byte in bytes where byte & 0xc0 != 0x80 { points += 1 }
        return points >= check.minLength && points <= check.maxLength
    }
}
