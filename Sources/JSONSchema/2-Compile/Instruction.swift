// Hot path: per record.
internal import Bytes
internal import JSON

/// What one keyword asks for, ready to be looked at. Numbers in it lead into the tables of `Program`.
struct Instruction: BitwiseCopyable {
    enum Operation: UInt8 {
        // Of numbers.
        case bound, multipleOf
        // Of strings.
        case minLength, maxLength, pattern, format
        // Of arrays.
        case minItems, maxItems, items, contains, uniqueItems
        // Of objects.
        case minProperties, maxProperties, members, requiredMore, propertyNames, dependentRequired, dependentSchemas
        // Of any value.
        case constant, enumeration, ref, dynamicRef, allOf, anyOf, oneOf, not, conditional
        // Of what no other keyword has looked at.
        case unevaluatedItems, unevaluatedProperties
    }

    var operation: Operation
    /// Where the keyword stands: index into the program's places.
    var place: Int32 = -1
    var a: Int32 = -1
    var b: Int32 = -1
    var c: Int32 = -1
    /// A length or a count.
    var limit = 0

    /// Which values it is for; 0: numbers, 1: strings, 2: arrays, 3: objects, 4: any, 5: what comes last.
    var group: Int {
        switch operation {
        case .bound, .multipleOf: 0
        case .minLength, .maxLength, .pattern, .format: 1
        case .minItems, .maxItems, .items, .contains, .uniqueItems: 2
        case .minProperties, .maxProperties, .members, .requiredMore, .propertyNames, .dependentRequired, .dependentSchemas: 3
        case .constant, .enumeration, .ref, .dynamicRef, .allOf, .anyOf, .oneOf, .not, .conditional: 4
        case .unevaluatedItems, .unevaluatedProperties: 5
        }
    }
}

/// A schema, ready to be applied.
struct CompiledSchema: BitwiseCopyable {
    /// One bit for each `TapeNode.Kind` that is let through; `Types.integers` lets whole numbers through.
    var types: UInt8 = Types.any
    /// What is unevaluated is looked at, so what is evaluated must be kept track of.
    var tracks = false
    /// The resource it belongs to, for dynamic references.
    var resource: Int32 = 0
    /// Where `type` stands, or the schema itself: index into the program's places.
    var place: Int32 = -1
    /// Its instructions by group: from `starts.g` up to the start of the next.
    var starts: (Int32, Int32, Int32, Int32, Int32, Int32, Int32) = (0, 0, 0, 0, 0, 0, 0)

    /// There is nothing to look at but the type.
    var isTypeOnly: Bool { starts.0 == starts.6 }
}

/// Sets of types, as bits.
enum Types {
    static let integers: UInt8 = 1 << 7
    static let any: UInt8 = 0xff

    static func bit(_ kind: TapeNode.Kind) -> UInt8 { 1 << kind.rawValue }

    /// Of a name in a schema; 0: it is none.
    static func named(_ name: String) -> UInt8 {
        switch name {
        case "null": bit(.null)
        case "boolean": bit(.true) | bit(.false)
        case "number": bit(.number) | integers
        case "integer": integers
        case "string": bit(.string)
        case "array": bit(.array)
        case "object": bit(.object)
        default: 0
        }
    }

    static func names(_ types: UInt8) -> [String] {
        ["null", "boolean", "number", "string", "array", "object"].filter { types & named($0) & ~integers != 0 }
            + (types & (integers | bit(.number)) == integers ? ["integer"] : [])
    }
}

/// A limit of a number, exclusive or not, above or below.
struct NumberLimit: BitwiseCopyable {
    /// As written in the schema, which outlives it.
    var text: UnsafeRawBufferPointer
    /// The last integer inside the limit, if `hasInteger`.
    var integer: Int64
    var hasInteger: Bool
    var isLower: Bool
    var isExclusive: Bool
}

/// What numbers must be a multiple of.
struct DivisorRule: BitwiseCopyable {
    /// As written in the schema, which outlives it.
    var text: UnsafeRawBufferPointer
    var divisor: DecimalDivisor
}

/// A value that a schema names.
struct NamedValue: BitwiseCopyable {
    var view: TapeView
    var node: Int
}

/// A text that a schema names, and its hash as a key.
struct NamedKey: BitwiseCopyable {
    var text: UnsafeRawBufferPointer
    var hash: UInt32
    /// For dependencies: the schema, or where the names asked for start among the keys, and how many there are.
    var a: Int32 = -1
    var count: Int32 = 0
}

/// What an object's members must be.
struct MemberRules: BitwiseCopyable {
    /// A hash table of `PropertyRule`, `mask` + 1 of them; -1: none.
    var table: Int32 = -1
    var mask: Int32 = -1
    /// Bits of the properties that must be there.
    var required: UInt64 = 0
    var requiredPlace: Int32 = -1
    /// `PatternRule`s.
    var patterns: Int32 = 0
    var patternCount: Int32 = 0
    /// The schema of members that no name or pattern matches; -1: any.
    var additional: Int32 = -1
    var additionalPlace: Int32 = -1
}

/// What is known of a property by its name.
struct PropertyRule: BitwiseCopyable {
    var key: UnsafeRawBufferPointer
    var hash: UInt32
    /// -1: any value.
    var schema: Int32
    /// Its bit among the required ones, or 0.
    var bit: UInt64
    /// Whether `properties` names it, rather than `required` alone.
    var isNamed: Bool
}

/// What members must be whose name matches a pattern.
struct PatternRule: BitwiseCopyable {
    var pattern: Int32
    var schema: Int32
}
