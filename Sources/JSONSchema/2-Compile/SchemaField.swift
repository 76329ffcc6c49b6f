internal import JSON

/// What one member of a value must be, where that can be looked at without the rest of the value.
public struct SchemaField: Equatable, Sendable {
    /// A limit of a number, as written.
    public struct Limit: Equatable, Sendable {
        public var text: String
        public var isLower: Bool
        public var isExclusive: Bool
    }

    /// Names from the top; empty: the whole value.
    public var path: [String]
    /// Whether it is asked for only where what it lies in is an object.
    public var isConditional: Bool
    public var isRequired: Bool
    public var types: JSONTypes = .all
    public var limits: [Limit] = []
    /// In characters (code points).
    public var minLength: Int?
    public var maxLength: Int?
    /// In RE2's syntax.
    public var patterns: [String] = []
    public var format: SchemaFormat?
    /// JSON texts of scalars, of which it must be one.
    public var allowed: [String]?
    /// The number of a schema that the member must be valid against (`Validator.isValid`), where the rules above don't say all.
    public var subschema: Int?

    init(path: [String], isConditional: Bool, isRequired: Bool) {
        self.path = path
        self.isConditional = isConditional
        self.isRequired = isRequired
    }
}

/// A schema for objects as rules for their members.
public struct SchemaFields: Equatable, Sendable {
    public var fields: [SchemaField]
    /// The only names that members of the whole value may have; nil: any.
    public var names: [String]?
}

/// A format that strings must have.
public struct SchemaFormat: BitwiseCopyable, Equatable, Sendable {
    fileprivate let format: Format

    /// Whether a string, which must be UTF-8, has this format.
    public func matches(_ text: UnsafeRawBufferPointer) -> Bool { format.matches(text) }
}

extension JSONSchema {
    /// The schema as rules for members, for a reader that has their values at hand. Valid objects are exactly those that keep all
    /// of the rules. What is beyond such rules is left to subschemas; in the end, to one field of path [].
    public func fields() -> SchemaFields {
        var lowering = FieldLowering(program: program)
        // A dynamic reference means what it means only on the way from the schema itself.
        guard !program.usesDynamicScope, lowering.object(0, depth: 0) else {
            var whole = SchemaField(path: [], isConditional: false, isRequired: true)
            whole.subschema = 0
            return SchemaFields(fields: [whole])
        }
        return SchemaFields(fields: lowering.fields, names: lowering.names)
    }
}

/// Takes a schema apart into fields; each function returns false where a schema is beyond them.
private struct FieldLowering {
    let program: Program
    var fields: [SchemaField] = []
    var names: [String]?

    private static let maxDepth = 16
    /// Beyond it, looking at members one by one is no longer the cheap way.
    private static let mostFields = 200

    /// What a schema says of the value itself, which is an object.
    mutating func object(_ schema: Int32, depth: Int) -> Bool {
        let compiled = program.schemas[Int(schema)]
        guard depth < Self.maxDepth, JSONTypes(compiled.types).contains(.object) else { return false }
        for instruction in program.instructions[Int(compiled.starts.0)..<Int(compiled.starts.6)] {
            switch instruction.operation {
            case .members: guard members(program.members[Int(instruction.a)], [], depth) else { return false }
            case .ref: guard object(instruction.a, depth: depth + 1) else { return false }
            case .allOf:
                for index in instruction.a..<(instruction.a + instruction.b)
                where !object(program.lists[Int(index)], depth: depth + 1) {
                    return false
                }
            // They say nothing of objects.
            case .bound, .multipleOf, .minLength, .maxLength, .pattern, .format, .minItems, .maxItems, .items, .contains,
                .uniqueItems, .unevaluatedItems:
                break
            default: return false
            }
        }
        return true
    }

    private mutating func members(_ rules: MemberRules, _ path: [String], _ depth: Int) -> Bool {
        guard rules.patternCount == 0 else { return false }
        let table = rules.table < 0 ? [] : Array(program.properties[Int(rules.table)...Int(rules.table + rules.mask)])
        // In the order of the schema's text.
        let properties = table.filter { $0.key.baseAddress != nil }.sorted { a, b in
            UInt(bitPattern: a.key.baseAddress) < UInt(bitPattern: b.key.baseAddress)
        }
        if rules.additional >= 0 {
            let additional = program.schemas[Int(rules.additional)]
            guard additional.isTypeOnly else { return false }
            if additional.types == 0, path.isEmpty {
                let own = properties.filter(\.isNamed).map { String(decoding: $0.key, as: UTF8.self) }
                names = names.map { $0.filter(own.contains) } ?? own
            } else if additional.types != Types.any {
                return false
            }
        }
        for property in properties {
            var field = SchemaField(
                path: path + [String(decoding: property.key, as: UTF8.self)], isConditional: !path.isEmpty,
                isRequired: property.bit != 0)
            let start = fields.count
            if property.schema >= 0, !describe(property.schema, &field, depth + 1) {
                fields.removeLast(fields.count - start)
                field = SchemaField(path: field.path, isConditional: field.isConditional, isRequired: field.isRequired)
                field.subschema = Int(property.schema)
            }
            fields.insert(field, at: start)
            guard fields.count <= Self.mostFields else { return false }
        }
        return true
    }

    /// Adds what a schema says of a field; fields inside it are appended.
    private mutating func describe(_ schema: Int32, _ field: inout SchemaField, _ depth: Int) -> Bool {
        guard depth < Self.maxDepth else { return false }
        let compiled = program.schemas[Int(schema)]
        field.types.formIntersection(JSONTypes(compiled.types))
        for instruction in program.instructions[Int(compiled.starts.0)..<Int(compiled.starts.6)] {
            let a = Int(instruction.a)
            switch instruction.operation {
            case .bound:
                let limit = program.limits[a]
                field.limits.append(
                    .init(text: String(decoding: limit.text, as: UTF8.self), isLower: limit.isLower, isExclusive: limit.isExclusive)
                )
            case .minLength: field.minLength = max(field.minLength ?? 0, instruction.limit)
            case .maxLength: field.maxLength = min(field.maxLength ?? .max, instruction.limit)
            case .pattern: field.patterns.append(program.patterns[a].translation)
            case .format:
                guard field.format == nil, let format = Format(rawValue: UInt8(a)) else { return false }
                field.format = SchemaFormat(format: format)
            case .constant, .enumeration: guard allow(instruction, &field) else { return false }
            case .ref: guard describe(instruction.a, &field, depth + 1) else { return false }
            case .allOf:
                for index in instruction.a..<(instruction.a + instruction.b)
                where !describe(program.lists[Int(index)], &field, depth + 1) {
                    return false
                }
            case .members: guard members(program.members[a], field.path, depth) else { return false }
            default: return false
            }
        }
        return true
    }

    private func allow(_ instruction: Instruction, _ field: inout SchemaField) -> Bool {
        guard field.allowed == nil, instruction.b <= 32 else { return false }
        var texts: [String] = []
        for index in instruction.a..<(instruction.a + instruction.b) {
            let value = program.values[Int(index)]
            guard JSONTypes(value).isDisjoint(with: [.array, .object]) else { return false }
            texts.append(String(decoding: value.view.source(value.node), as: UTF8.self))
        }
        field.allowed = texts
        return true
    }
}
