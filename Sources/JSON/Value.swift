// Hot path: per record.

/// What a value is. `absent` (no such key) and `null` (the key's value is null) are different things everywhere.
public enum Tag: UInt8, Sendable {
    case absent = 0
    case null
    case bool
    /// A JSON number written without fraction and exponent that fits Int64; or a computed integer.
    case int
    case uint
    /// Any other JSON number; its exact digits are kept beside the double (`Flags.digits`).
    case double
    /// Exact decimal of at most 38 digits: unscaled value and scale (digits after the point), see `Value.unscaled`.
    case decimal
    case string
    case bytes
    case timestamp
    case duration
    case list
    case map
    case type
    /// CEL's optional: with a value (`length` 1, `bits` points to it) or without (`length` 0).
    case optional
    /// An evaluation error: code in `aux`, program node in `length`.
    case error
}

/// A value in 16 bytes, trivially copyable: two words, `bits` and `meta` (tag 8, flags 8, aux 16, length 32).
///
/// It owns nothing. Pointers in it lead into the record, an arena or a program's constants, and it must not outlive them.
///
/// | tag | bits | aux | length |
/// |---|---|---|---|
/// | bool | 0, 1 | | |
/// | int, uint, double | the number | with `.digits`: digits' byte count | with `.digits`: digits' offset in the record |
/// | decimal | Int64 unscaled; with `.wide` a pointer to it as Int128 | scale | |
/// | string, bytes | pointer to the content (UTF-8, unescaped) | | byte count |
/// | list, map with `.raw` | pointer to the JSON text, from the opening bracket | | byte count of the text |
/// | list, map without `.raw` | pointer to elements (map: key, value, key, value …) | | element (pair) count |
/// | timestamp | Int64 seconds since 1970 | | nanoseconds of the second |
/// | duration | Int64 nanoseconds | | |
/// | type | | the type's tag | |
/// | optional | pointer to the value | | 1; without a value 0 |
/// | error | | code | node |
@frozen
public struct Value: BitwiseCopyable, Sendable {
    public var bits: UInt64
    public var meta: UInt64

    @inlinable
    public init(bits: UInt64, meta: UInt64) {
        self.bits = bits
        self.meta = meta
    }

    @inlinable
    public init(_ tag: Tag, flags: UInt8 = 0, aux: UInt16 = 0, length: UInt32 = 0, bits: UInt64 = 0) {
        self.bits = bits
        meta = UInt64(unsafeBitCast(tag, to: UInt8.self)) | UInt64(flags) << 8 | UInt64(aux) << 16 | UInt64(length) << 32
    }

    /// What flags say.
    public enum Flags {
        /// A number read from the record: its digits stand at offset `length`, `aux` bytes long, exactly as written.
        /// Numbers of more than 65,535 digits have aux 0xffff: the scanner's rules for a number find their end.
        public static let digits: UInt8 = 1
        /// A list or map as its JSON text.
        public static let raw: UInt8 = 2
        /// A string whose content stands in the record between quotes without any escape.
        public static let plain: UInt8 = 4
        /// A number whose double or int form isn't exactly its digits (integers beyond 64 bits, 1e400, 0.1…):
        /// set for integers beyond Int64 and for doubles that overflow.
        public static let outOfRange: UInt8 = 8
        /// A decimal whose unscaled value needs more than 64 bits: `bits` points to an Int128.
        public static let wide: UInt8 = 16
    }

    // The low byte was written by an initializer above: only Tag's cases occur. Their raw values count from 0 in their order, as
    // their bytes in memory do; `rawValue` and `init(rawValue:)` are calls that other modules can't inline.
    @inlinable public var tag: Tag { unsafeBitCast(UInt8(truncatingIfNeeded: meta), to: Tag.self) }
    @inlinable public var flags: UInt8 { UInt8(truncatingIfNeeded: meta >> 8) }
    @inlinable public var aux: UInt16 { UInt16(truncatingIfNeeded: meta >> 16) }
    @inlinable public var length: UInt32 { UInt32(truncatingIfNeeded: meta >> 32) }

    @inlinable public static var absent: Value { Value(.absent) }
    @inlinable public static var null: Value { Value(.null) }
    @inlinable public static func bool(_ value: Bool) -> Value { Value(.bool, bits: value ? 1 : 0) }
    @inlinable public static func int(_ value: Int64) -> Value { Value(.int, bits: UInt64(bitPattern: value)) }
    @inlinable public static func uint(_ value: UInt64) -> Value { Value(.uint, bits: value) }
    @inlinable public static func double(_ value: Double) -> Value { Value(.double, bits: value.bitPattern) }
    @inlinable public static func decimal(_ unscaled: Int64, scale: UInt16) -> Value {
        Value(.decimal, aux: scale, bits: UInt64(bitPattern: unscaled))
    }
    /// A string of UTF-8 bytes that outlive the value.
    @inlinable public static func string(_ bytes: UnsafeRawBufferPointer, plain: Bool = false) -> Value {
        Value(.string, flags: plain ? Flags.plain : 0, length: UInt32(truncatingIfNeeded: bytes.count),
              bits: UInt64(UInt(bitPattern: bytes.baseAddress)))
    }
    @inlinable public static func error(_ code: UInt16, node: UInt32 = 0) -> Value { Value(.error, aux: code, length: node) }

    @inlinable public var isTrue: Bool { tag == .bool && bits != 0 }
    @inlinable public var int: Int64 { Int64(bitPattern: bits) }
    /// A decimal's value times ten to the power of its scale.
    @inlinable public var unscaled: Int128 {
        flags & Flags.wide == 0 ? Int128(int) : pointer?.loadUnaligned(as: Int128.self) ?? 0
    }
    @inlinable public var double: Double { Double(bitPattern: bits) }
    @inlinable public var pointer: UnsafeRawPointer? { UnsafeRawPointer(bitPattern: UInt(bits)) }
    /// The content of a string or bytes, or the JSON text of a raw list or map.
    @inlinable public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: pointer, count: Int(length)) }
}
