import JSON

/// The types an expression may have, as far as that is known before it runs. Fields of records may have any.
struct TypeSet: OptionSet {
    let rawValue: UInt16

    init(rawValue: UInt16) { self.rawValue = rawValue }
    init(_ tag: Tag) { rawValue = 1 << tag.rawValue }

    static let null = TypeSet(.null)
    static let bool = TypeSet(.bool)
    static let int = TypeSet(.int)
    static let uint = TypeSet(.uint)
    static let double = TypeSet(.double)
    static let decimal = TypeSet(.decimal)
    static let string = TypeSet(.string)
    static let bytes = TypeSet(.bytes)
    static let list = TypeSet(.list)
    static let map = TypeSet(.map)
    static let type = TypeSet(.type)
    static let number: TypeSet = [.int, .uint, .double, .decimal]
    static let any = TypeSet(rawValue: 0x3ffe)

    /// For messages: `int`, `int or double`.
    var names: String {
        if self == .any { return "any" }
        return (0..<16).compactMap { bit in
            rawValue & 1 << bit == 0 ? nil : Tag(rawValue: UInt8(bit)).map(\.typeName)
        }.joined(separator: " or ")
    }
}

extension Tag {
    /// The name CEL has for the type.
    var typeName: String {
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
        case .error: "error"
        }
    }
}
