/// One key of the topology, as declared: the source of parsing, lint, reference and editors' schema.
public struct Field: Sendable {
    public var name: String
    public var shape: Shape
    public var isRequired: Bool
    /// As it would be written; nil: there is none, `doc` says what its absence means.
    public var defaultText: String?
    public var doc: String
    /// Its value is never shown.
    public var isSecret: Bool
    /// False: the key is known, but what it asks for isn't built.
    public var isAvailable: Bool

    /// What a number counts, by the name's last part.
    public var unit: String? {
        let units = [("_ms", "milliseconds"), ("_s", "seconds"), ("_mb", "MiB"), ("_bytes", "bytes"), ("_rows", "rows")]
        return units.first { name.hasSuffix($0.0) }?.1
    }

    /// A key that belongs to the format but not to this version.
    static func unavailable(_ name: String, _ doc: String) -> Field {
        Field(name: name, shape: .text, isRequired: false, defaultText: nil, doc: doc, isSecret: false, isAvailable: false)
    }
}

/// What a value may be.
public indirect enum Shape: Sendable {
    case text
    /// `[a-z][a-z0-9_]*`
    case name
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    /// A number with any digits, kept as written.
    case decimal
    case boolean
    case choice([String])
    /// CEL.
    case expression
    /// A member of the record: names joined by dots.
    case path
    /// Text, number, boolean or null.
    case scalar
    case list(Shape)
    case map(Shape)
    case object(ObjectShape)

    /// For "must be …".
    var description: String {
        switch self {
        case .text: "text"
        case .name: "a name"
        case .integer: "a whole number"
        case .number, .decimal: "a number"
        case .boolean: "true or false"
        case .choice(let values): "one of " + values.map { "`\($0)`" }.joined(separator: ", ")
        case .expression: "an expression"
        case .path: "a field path"
        case .scalar: "text, a number, true, false or null"
        case .list: "a list"
        case .map, .object: "a mapping"
        }
    }
}

/// The keys a mapping may have.
public struct ObjectShape: Sendable {
    public var name: String
    public var doc: String
    public var fields: [Field]
    /// Of each group exactly one key is written.
    public var exactlyOne: [[String]] = []

    public func field(named name: String) -> Field? { fields.first { $0.name == name } }
}

/// Every key a topology may have: what references and editors' schemas are made from.
public let topologyShape: ObjectShape = Topology.type.shape

/// A value as written, and where.
struct Written<Value: Sendable>: Sendable {
    var value: Value
    var position: SourcePosition
    var keyPosition: SourcePosition
}

/// An entry of a mapping whose keys are names the writer chose.
struct Named<Value: Sendable>: Sendable {
    var name: String
    var position: SourcePosition
    var value: Written<Value>
}

/// How values of one kind are read from YAML.
struct ValueType<Value: Sendable>: Sendable {
    var shape: Shape
    /// Nil: it isn't one, and the reader has the problem. The label is the key, for messages.
    var read: @Sendable (_ value: FieldReader.Value, _ reader: FieldReader) -> Value?
}

/// A declared key without a default.
struct Key<Value: Sendable>: Sendable {
    let field: Field
    let type: ValueType<Value>

    init(_ name: String, _ type: ValueType<Value>, required: Bool = false, secret: Bool = false, _ doc: String) {
        field = Field(
            name: name, shape: type.shape, isRequired: required, defaultText: nil, doc: doc, isSecret: secret, isAvailable: true)
        self.type = type
    }
}

/// A declared key with a default.
struct DefaultKey<Value: Sendable>: Sendable {
    let field: Field
    let type: ValueType<Value>
    let fallback: Value

    init(_ name: String, _ type: ValueType<Value>, default fallback: Value, shownAs text: String? = nil, _ doc: String) {
        let text = text ?? "\(fallback)"
        field = Field(name: name, shape: type.shape, isRequired: false, defaultText: text, doc: doc, isSecret: false, isAvailable: true)
        self.type = type
        self.fallback = fallback
    }

    /// As written, or the default.
    func value(_ written: Written<Value>?) -> Value { written?.value ?? fallback }
}

extension DefaultKey where Value: RawRepresentable, Value.RawValue == String {
    init(_ name: String, _ type: ValueType<Value>, default fallback: Value, _ doc: String) {
        self.init(name, type, default: fallback, shownAs: fallback.rawValue, doc)
    }
}

/// A mapping with declared keys, read into `Value`.
struct ObjectType<Value: Sendable>: Sendable {
    var shape: ObjectShape
    var make: @Sendable (MappingReader) -> Value

    init(
        _ name: String, _ doc: String, _ fields: [Field], exactlyOne: [[String]] = [], make: @escaping @Sendable (MappingReader) -> Value
    ) {
        shape = ObjectShape(name: name, doc: doc, fields: fields, exactlyOne: exactlyOne)
        self.make = make
    }
}
