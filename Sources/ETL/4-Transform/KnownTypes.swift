internal import CEL
internal import JSONSchema

/// What the `validate` steps before an expression say of the message's fields, as long as no step has changed them.
struct KnownTypes {
    private var schemas: [JSONSchema] = []
    private var rules: [FieldRule] = []
    private var changed: [[String]] = []

    /// Nothing is known yet.
    init() {}

    mutating func learn(_ schema: JSONSchema) {
        // What was changed before, this schema has seen.
        self = KnownTypes()
        schemas = [schema]
    }

    mutating func learn(_ rules: [FieldRule]) {
        changed.removeAll { path in rules.contains { $0.path == path } }
        self.rules.removeAll { known in rules.contains { $0.path == known.path } }
        self.rules += rules
    }

    mutating func forget(_ path: [String]) {
        changed.append(path)
        // `learn` looks at paths alone, so what was known must not come back with it.
        rules.removeAll { Self.overlaps($0.path, path) }
    }

    /// The types the field at a path of the message may have where it is there; empty: it never is.
    func types(at path: [String]) -> TypeSet {
        if path.isEmpty { return .map }
        var result = TypeSet.any
        for rule in rules where rule.path == path { result.formIntersection(TypeSet(rule)) }
        guard !changed.contains(where: { Self.overlaps($0, path) }) else { return result }
        for schema in schemas { result.formIntersection(TypeSet(schema.possibleTypes(at: path).types)) }
        return result
    }

    private static func overlaps(_ a: [String], _ b: [String]) -> Bool { a.starts(with: b) || b.starts(with: a) }
}

extension TypeSet {
    /// What values of JSON's types are in expressions. A number without a fraction is an int or, written as 3.0 or 1e3 or beyond
    /// 64 bits, a double.
    fileprivate init(_ types: JSONTypes) {
        self = []
        if types.contains(.null) { insert(.null) }
        if types.contains(.boolean) { insert(.bool) }
        if !types.isDisjoint(with: .number) { formUnion([.int, .double]) }
        if types.contains(.string) { insert(.string) }
        if types.contains(.array) { insert(.list) }
        if types.contains(.object) { insert(.map) }
    }

    fileprivate init(_ rule: FieldRule) {
        switch rule.type {
        case .string: self = .string
        case .integer, .number: self = [.int, .double]
        case .boolean: self = .bool
        case .object: self = .map
        case .array: self = .list
        case nil: self = .any
        }
        if rule.nullable { insert(.null) } else { remove(.null) }
    }
}
