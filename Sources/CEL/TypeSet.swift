public import JSON

/// The types an expression may have, as far as that is known before it runs. Fields of records may have any, unless a schema
/// says more (see `NameResolver.types`).
public struct TypeSet: OptionSet, Sendable {
    /// A bit for each type, in the order of `Tag`.
    public let rawValue: UInt16

    /// The set of these bits' types.
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// The set of one type.
    public init(_ tag: Tag) { rawValue = 1 << tag.rawValue }

    /// The type `null_type`.
    public static let null = TypeSet(.null)
    /// The type `bool`.
    public static let bool = TypeSet(.bool)
    /// The type `int`.
    public static let int = TypeSet(.int)
    /// The type `uint`.
    public static let uint = TypeSet(.uint)
    /// The type `double`.
    public static let double = TypeSet(.double)
    /// The type `decimal`.
    public static let decimal = TypeSet(.decimal)
    /// The type `string`.
    public static let string = TypeSet(.string)
    /// The type `bytes`.
    public static let bytes = TypeSet(.bytes)
    /// The type `google.protobuf.Timestamp`.
    public static let timestamp = TypeSet(.timestamp)
    /// The type `google.protobuf.Duration`.
    public static let duration = TypeSet(.duration)
    /// The type `list`.
    public static let list = TypeSet(.list)
    /// The type `map`.
    public static let map = TypeSet(.map)
    /// The type `type`.
    public static let type = TypeSet(.type)
    /// The type `optional_type`.
    public static let optional = TypeSet(.optional)
    /// Numbers of all types.
    public static let number: TypeSet = [.int, .uint, .double, .decimal]
    /// Nothing is known.
    public static let any = TypeSet(rawValue: 0x7ffe)

    /// For messages: `int`, `int or double`.
    var names: String {
        if self == .any { return "any" }
        return (0..<16).compactMap { bit in
            rawValue & 1 << bit == 0 ? nil : Tag(rawValue: UInt8(bit)).map(\.typeName)
        }.joined(separator: " or ")
    }

    /// Whether a value of these types may equal one of those: numbers of all types are compared with each other.
    func mayEqual(_ other: TypeSet) -> Bool {
        !isDisjoint(with: other) || (!isDisjoint(with: .number) && !other.isDisjoint(with: .number))
    }
}

extension Tag {
    /// The name CEL has for the type.
    package var typeName: String {
        switch self {
        case .absent: "absent"
        case .null: "null_type"
        case .bool: "bool"
        case .int: "int"
        case .uint: "uint"
        case .double: "double"
        case .decimal: "decimal"
        case .string: "string"
        case .bytes: "bytes"
        case .timestamp: "google.protobuf.Timestamp"
        case .duration: "google.protobuf.Duration"
        case .list: "list"
        case .map: "map"
        case .type: "type"
        case .optional: "optional_type"
        case .error: "error"
        }
    }

    /// The type with a name; nil: there is none.
    package init?(typeName: String) {
        guard let tag = Self.byTypeName[typeName] else { return nil }
        self = tag
    }

    private static let byTypeName: [String: Tag] = {
        var names: [String: Tag] = [:]
        for raw in Tag.null.rawValue..<Tag.error.rawValue {
            if let tag = Tag(rawValue: raw) { names[tag.typeName] = tag }
        }
        return names
    }()
}
