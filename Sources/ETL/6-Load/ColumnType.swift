/// The Postgres types a loader can fill. What each takes is in `CopyBuffer.putValue`.
package enum PostgresType: UInt8, BitwiseCopyable, CaseIterable, Sendable {
    case bool, int2, int4, int8, float4, float8, numeric, text, date, time, timestamp, timestamptz, uuid, json, jsonb, bytea

    /// - Parameters:
    ///   - oid: of the base type, domains resolved (src/include/catalog/pg_type.dat: these numbers never change).
    ///   - isEnum: enums travel as their label.
    ///   - name: for types of extensions, whose numbers differ: citext travels as text.
    init?(oid: UInt32, isEnum: Bool, name: String) {
        switch oid {
        case 16: self = .bool
        case 17: self = .bytea
        case 20: self = .int8
        case 21: self = .int2
        case 23: self = .int4
        case 25, 1042, 1043: self = .text
        case 114: self = .json
        case 700: self = .float4
        case 701: self = .float8
        case 1082: self = .date
        case 1083: self = .time
        case 1114: self = .timestamp
        case 1184: self = .timestamptz
        case 1700: self = .numeric
        case 2950: self = .uuid
        case 3802: self = .jsonb
        default:
            guard isEnum || name == "citext" else { return nil }
            self = .text
        }
    }

    static let supported =
        "boolean, smallint, integer, bigint, real, double precision, numeric, text, varchar, char, citext, enums, date, "
        + "time, timestamp, timestamptz, uuid, json, jsonb, bytea, and one-dimensional arrays and domains of these"
}

/// A column as the encoder needs it.
package struct TargetColumn: BitwiseCopyable, Equatable, Sendable {
    var type: PostgresType
    var isArray: Bool
    /// The table says so, or a domain does, or upsert finds its row by it.
    var notNull: Bool
    /// numeric's precision and scale; char's and varchar's length plus 4; a time's digits; -1: none.
    var modifier: Int32
    /// Of the type, or of an array's elements.
    var elementOID: UInt32
    /// Where the scanner puts the field.
    var slot: Int32 = 0

    /// Whether the server finds two values equal only if their bytes are the same. Not so for numbers with a scale or a point, for
    /// json, char(n), whose spaces at the end don't count, and citext; text in a collation that takes different texts for equal
    /// isn't known here.
    var isExact: Bool {
        switch type {
        case .bool, .int2, .int4, .int8, .date, .time, .timestamp, .timestamptz, .uuid, .bytea: !isArray
        case .text: !isArray && (elementOID == 25 || elementOID == 1043)  // text, varchar
        case .float4, .float8, .numeric, .json, .jsonb: false
        }
    }

    package init(type: PostgresType, isArray: Bool = false, notNull: Bool, modifier: Int32 = -1, elementOID: UInt32 = 0) {
        self.type = type
        self.isArray = isArray
        self.notNull = notNull
        self.modifier = modifier
        self.elementOID = elementOID
    }
}
