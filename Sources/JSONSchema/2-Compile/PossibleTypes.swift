internal import JSON

extension JSONSchema {
    /// What is known of the member that a path of names leads to, in every valid value. Never claims too much: what can't be told
    /// is possible.
    public func possibleTypes(at path: [String]) -> SchemaTypes {
        PathTypes(program: program).types(of: 0, at: path[...], depth: 0)
    }
}

/// Looks along a path of names through the schemas that apply there.
private struct PathTypes {
    let program: Program

    /// Schemas that refer to each other in rounds are followed so far.
    private static let maxDepth = 48

    func types(of schema: Int32, at path: ArraySlice<String>, depth: Int) -> SchemaTypes {
        guard depth < Self.maxDepth else { return .unknown }
        let compiled = program.schemas[Int(schema)]
        var result = SchemaTypes(types: JSONTypes(compiled.types), isRequired: path.isEmpty)
        if let name = path.first {
            // In a value that is no object the path leads nowhere.
            result = result.types.contains(.object) ? .unknown : SchemaTypes(types: [], isRequired: false)
            result = result.and(member(name, of: compiled, path.dropFirst(), depth))
        }
        for instruction in instructions(of: compiled) {
            func at(_ other: Int32) -> SchemaTypes { types(of: other, at: path, depth: depth + 1) }
            var listed: Range<Int32> { instruction.a..<(instruction.a + instruction.b) }
            switch instruction.operation {
            case .ref: result = result.and(at(instruction.a))
            case .allOf: for index in listed { result = result.and(at(program.lists[Int(index)])) }
            case .anyOf, .oneOf:
                let ways = listed.map { at(program.lists[Int($0)]) }
                if let first = ways.first { result = result.and(ways.dropFirst().reduce(first) { $0.or($1) }) }
            case .conditional:
                let then = instruction.b < 0 ? .unknown : at(instruction.b)
                result = result.and(then.or(instruction.c < 0 ? .unknown : at(instruction.c)))
            case .constant, .enumeration:
                let values = listed.map { program.values[Int($0)] }
                if path.isEmpty {
                    result.types.formIntersection(values.reduce(into: JSONTypes()) { $0.formUnion(JSONTypes($1)) })
                } else if !values.contains(where: { JSONTypes($0) == .object }) {
                    result.types = []
                }
            case .unevaluatedProperties:
                guard let name = path.first, !mayEvaluate(name, compiled, depth) else { continue }
                result.types.formIntersection(types(of: instruction.a, at: path.dropFirst(), depth: depth + 1).types)
            default: break
            }
        }
        return result
    }

    private func instructions(of schema: CompiledSchema) -> Slice<UnsafeBufferPointer<Instruction>> {
        program.instructions[Int(schema.starts.0)..<Int(schema.starts.6)]
    }

    /// What a schema's own words about members say of the one with this name, and of what `rest` leads to in it.
    private func member(_ name: String, of schema: CompiledSchema, _ rest: ArraySlice<String>, _ depth: Int) -> SchemaTypes {
        var result = SchemaTypes.unknown
        for instruction in instructions(of: schema) where instruction.operation == .members {
            let rules = program.members[Int(instruction.a)]
            let (property, patterns) = matches(name, rules)
            var schemas = patterns
            if let property, property.isNamed { schemas.append(property.schema) }
            if schemas.isEmpty, rules.additional >= 0 { schemas = [rules.additional] }
            var isThere = property.map { $0.bit != 0 } ?? false
            for schema in schemas { result = result.and(types(of: schema, at: rest, depth: depth + 1)) }
            // Further on it is there only where this is an object.
            if !rest.isEmpty {
                isThere =
                    isThere && result.isRequired
                    && schemas.contains { types(of: $0, at: [], depth: depth + 1).types == .object }
            }
            result.isRequired = isThere && JSONTypes(schema.types) == .object
        }
        return result
    }

    private func matches(_ name: String, _ rules: MemberRules) -> (PropertyRule?, patterns: [Int32]) {
        var name = name
        return name.withUTF8 { bytes in
            let text = UnsafeRawBufferPointer(bytes)
            let table = rules.table < 0 ? [] : Array(program.properties[Int(rules.table)...Int(rules.table + rules.mask)])
            let property = table.first { $0.key.baseAddress != nil && $0.key.elementsEqual(text) }
            let patterns = program.patternRules[Int(rules.patterns)..<Int(rules.patterns + rules.patternCount)]
            // A string of no bytes may have no address, which RE2 takes as well.
            return (property, patterns.filter { program.matchers[Int($0.pattern)].matches(text) }.map(\.schema))
        }
    }

    /// Whether a schema, or one it applies to the same object, may have a say about a member of this name.
    private func mayEvaluate(_ name: String, _ schema: CompiledSchema, _ depth: Int) -> Bool {
        guard depth < Self.maxDepth else { return true }
        func reaches(_ other: Int32) -> Bool {
            guard other >= 0 else { return false }
            let inner = program.schemas[Int(other)]
            return mayEvaluate(name, inner, depth + 1)
                || instructions(of: inner).contains { $0.operation == .unevaluatedProperties }
        }
        return instructions(of: schema).contains { instruction in
            switch instruction.operation {
            case .members:
                let rules = program.members[Int(instruction.a)]
                let (property, patterns) = matches(name, rules)
                return rules.additional >= 0 || !patterns.isEmpty || property?.isNamed ?? false
            case .ref: return reaches(instruction.a)
            case .dynamicRef: return true
            case .allOf, .anyOf, .oneOf:
                return (instruction.a..<(instruction.a + instruction.b)).contains { reaches(program.lists[Int($0)]) }
            case .conditional: return reaches(instruction.a) || reaches(instruction.b) || reaches(instruction.c)
            case .dependentSchemas:
                return (instruction.a..<(instruction.a + instruction.b)).contains { reaches(program.keys[Int($0)].a) }
            default: return false
            }
        }
    }
}
