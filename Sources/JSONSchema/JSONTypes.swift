internal import JSON

/// Types of JSON values, as JSON Schema tells them apart.
public struct JSONTypes: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let null = JSONTypes(rawValue: 1)
    public static let boolean = JSONTypes(rawValue: 2)
    /// Numbers without a fraction, however they are written.
    public static let integer = JSONTypes(rawValue: 4)
    /// All numbers, those without a fraction among them.
    public static let number = JSONTypes(rawValue: 12)
    public static let string = JSONTypes(rawValue: 16)
    public static let array = JSONTypes(rawValue: 32)
    public static let object = JSONTypes(rawValue: 64)
    public static let all = JSONTypes(rawValue: 127)

    /// Of a schema's bits.
    init(_ types: UInt8) {
        self = []
        if types & Types.bit(.null) != 0 { insert(.null) }
        if types & Types.bit(.true) != 0 { insert(.boolean) }
        if types & Types.integers != 0 { insert(.integer) }
        if types & Types.bit(.number) != 0 { insert(.number) }
        if types & Types.bit(.string) != 0 { insert(.string) }
        if types & Types.bit(.array) != 0 { insert(.array) }
        if types & Types.bit(.object) != 0 { insert(.object) }
    }

    /// Of a value that a schema names.
    init(_ value: NamedValue) {
        switch value.view[value.node].kind {
        case .null: self = .null
        case .true, .false: self = .boolean
        case .number: self = .number
        case .string: self = .string
        case .array: self = .array
        case .object: self = .object
        }
    }
}

/// What is known of a path in every value that is valid against a schema.
public struct SchemaTypes: Equatable, Sendable {
    /// The types the value there may have, where it is there.
    public var types: JSONTypes
    /// The path is always there.
    public var isRequired: Bool
    /// Nothing can ever be there.
    public var isImpossible: Bool { types.isEmpty }

    static let unknown = SchemaTypes(types: .all, isRequired: false)

    func and(_ other: SchemaTypes) -> SchemaTypes {
        SchemaTypes(types: types.intersection(other.types), isRequired: isRequired || other.isRequired)
    }

    func or(_ other: SchemaTypes) -> SchemaTypes {
        SchemaTypes(types: types.union(other.types), isRequired: isRequired && other.isRequired)
    }
}
