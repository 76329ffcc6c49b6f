internal import JSON

/// What of a value breaks a schema, and which of its rules. Never holds parts of the value but for the names on the way to it.
public struct SchemaFailure: Equatable, Sendable {
    /// JSON Pointer (RFC 6901) to the part of the value; empty: the whole value.
    public var pointer: String
    /// The schema's keyword; `false`: a schema that lets nothing through; empty: the value isn't JSON.
    public var keyword: String
    /// Where the keyword stands in the schema: `#/properties/a/type`.
    public var rule: String
    /// What was expected: `expected integer, got string`.
    public var message: String
}

// Taken when a value fails: out of line, so that the good path stays small.
extension Validator {
    /// Takes note of a failure; returns whether to go on and look for more.
    @inline(never)
    mutating func fails(_ instruction: UnsafePointer<Instruction>, _ node: Int) -> Bool {
        if collects, silent == 0 { note(node, place(of: instruction, node), expectation(instruction, node)) }
        return collects
    }

    @inline(never)
    mutating func failType(_ schema: UnsafePointer<CompiledSchema>, _ node: Int) -> Bool {
        guard collects, silent == 0 else { return false }
        let types = schema.pointee.types
        if types == 0 {
            note(node, schema.pointee.place, "nothing is allowed here", keyword: "false")
        } else {
            note(node, schema.pointee.place, "expected \(Self.list(Types.names(types))), got \(typeName(node))")
        }
        return false
    }

    @inline(never)
    mutating func failAdditional(_ place: Int32, _ value: Int) -> Bool {
        if collects, silent == 0 { note(value, place, "no such member is allowed") }
        return false
    }

    @inline(never)
    mutating func failMissing(_ rules: UnsafePointer<MemberRules>, _ missing: UInt64, _ node: Int) {
        for slot in 0...Int(rules.pointee.mask) {
            let property = program.properties[Int(rules.pointee.table) + slot]
            if property.bit & missing != 0 { failMissing(rules.pointee.requiredPlace, property.key, node) }
        }
    }

    @inline(never)
    mutating func failMissing(_ place: Int32, _ name: UnsafeRawBufferPointer, _ node: Int) {
        guard silent == 0 else { return }
        note(node, place, "`\(String(decoding: name, as: UTF8.self))` is required, but missing")
    }

    @inline(never)
    private mutating func note(_ node: Int, _ place: Int32, _ message: String, keyword: String? = nil) {
        guard failures.count < Self.mostFailures else { return }
        let rule = program.rule(place)
        let failure = SchemaFailure(
            pointer: view.pointer(to: node), keyword: keyword ?? rule.keyword, rule: rule.location, message: message)
        if !failures.contains(failure) { failures.append(failure) }
    }

    /// `maxContains` stands apart from `contains`.
    private func place(of instruction: UnsafePointer<Instruction>, _ node: Int) -> Int32 {
        instruction.pointee.operation == .contains && foundTooMany ? instruction.pointee.c : instruction.pointee.place
    }

    private mutating func typeName(_ node: Int) -> String {
        switch view[node].kind {
        case .null: "null"
        case .true, .false: "boolean"
        case .number: isWhole(node) ? "integer" : "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    private static func list(_ words: [String]) -> String {
        words.count < 2 ? words.joined() : words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
    }

    private func expectation(_ instruction: UnsafePointer<Instruction>, _ node: Int) -> String {
        let limit = instruction.pointee.limit
        let a = Int(instruction.pointee.a)
        func count(_ word: String) -> String { "\(limit) \(word)\(limit == 1 ? "" : "s")" }
        switch instruction.pointee.operation {
        case .bound:
            let bound = program.limits[a]
            let sign = bound.isLower ? (bound.isExclusive ? ">" : ">=") : (bound.isExclusive ? "<" : "<=")
            return "expected a number \(sign) \(String(decoding: bound.text, as: UTF8.self))"
        case .multipleOf: return "expected a multiple of \(String(decoding: program.divisors[a].text, as: UTF8.self))"
        case .minLength: return "expected at least \(count("character"))"
        case .maxLength: return "expected at most \(count("character"))"
        case .pattern: return "expected to match \(source(of: instruction))"
        case .format: return "expected the format \(source(of: instruction))"
        case .minItems: return "expected at least \(count("element"))"
        case .maxItems: return "expected at most \(count("element"))"
        case .minProperties: return "expected at least \(count("member"))"
        case .maxProperties: return "expected at most \(count("member"))"
        case .uniqueItems: return "expected elements that all differ"
        case .contains: return "expected other elements, or another number of them, that fit `contains`"
        case .constant: return "expected \(source(of: instruction))"
        case .enumeration: return "expected one of \(source(of: instruction))"
        case .anyOf: return "expected to fit one of \(instruction.pointee.b) schemas, or more"
        case .oneOf: return "expected to fit exactly one of \(instruction.pointee.b) schemas"
        case .not: return "expected not to fit the schema"
        default: return "not as expected"
        }
    }

    /// A keyword's value as it is written in the schema, in bounds.
    private func source(of instruction: UnsafePointer<Instruction>) -> String {
        let place = program.places[Int(instruction.pointee.place)]
        let text = program.documents[place.document].view.source(place.node)
        let shown = String(decoding: text.prefix(200), as: UTF8.self)
        return text.count > 200 ? shown + "…" : shown
    }
}
