internal import Bytes
internal import JSON

// What an object's members must be, and which must be there.
extension Compiler {
    mutating func addMembers(_ subject: Subject, _ body: inout [Instruction]) {
        var rules = MemberRules()
        var names: [(key: NamedKey, schema: Int32, isNamed: Bool, bit: UInt64)] = []
        var placeNode = -1
        if subject.dialect.applies {
            if let member = subject.member("properties") {
                placeNode = member
                for (key, value) in subject.document.members(of: member) {
                    names.append((named(key, subject.document), number(of: value, subject), true, 0))
                }
            }
            addPatterns(subject, &rules)
            if let member = subject.member("additionalProperties") {
                rules.additional = number(of: member, subject)
                rules.additionalPlace = place(member, subject)
            }
            if let member = subject.member("propertyNames") {
                body.append(
                    Instruction(operation: .propertyNames, place: place(member, subject), a: number(of: member, subject)))
            }
            addDependencies(subject, &body)
        }
        if subject.dialect.validates, let member = subject.member("required"), let wanted = strings("required", member, subject) {
            rules.requiredPlace = place(member, subject)
            addRequired(wanted, subject, &rules, &names, &body)
        }
        if names.isEmpty, rules.patternCount == 0, rules.additional < 0 { return }
        addTable(names, &rules)
        parts.members.append(rules)
        body.append(
            Instruction(
                operation: .members, place: placeNode < 0 ? rules.requiredPlace : place(placeNode, subject),
                a: Int32(parts.members.count - 1)))
    }

    /// The first 64 names are bits that one look at the object sets; those beyond are looked for one by one.
    private mutating func addRequired(
        _ wanted: [Int], _ subject: Subject, _ rules: inout MemberRules,
        _ names: inout [(key: NamedKey, schema: Int32, isNamed: Bool, bit: UInt64)], _ body: inout [Instruction]
    ) {
        var more: [NamedKey] = []
        var bit: UInt64 = 1
        for node in wanted {
            let key = named(node, subject.document)
            guard bit != 0 else {
                more.append(key)
                continue
            }
            if let index = names.firstIndex(where: { $0.key.text.elementsEqual(key.text) }) {
                if names[index].bit != 0 { continue }
                names[index].bit = bit
            } else {
                names.append((key, -1, false, bit))
            }
            rules.required |= bit
            bit <<= 1
        }
        guard !more.isEmpty else { return }
        body.append(
            Instruction(
                operation: .requiredMore, place: rules.requiredPlace, a: Int32(parts.keys.count), b: Int32(more.count)))
        parts.keys += more
    }

    private mutating func addTable(
        _ names: [(key: NamedKey, schema: Int32, isNamed: Bool, bit: UInt64)], _ rules: inout MemberRules
    ) {
        guard !names.isEmpty else { return }
        var size = 4
        while size < names.count * 2 { size *= 2 }
        rules.table = Int32(parts.properties.count)
        rules.mask = Int32(size - 1)
        let empty = PropertyRule(
            key: UnsafeRawBufferPointer(start: nil, count: 0), hash: 0, schema: -1, bit: 0, isNamed: false)
        var table = [PropertyRule](repeating: empty, count: size)
        for name in names {
            var slot = Int(name.key.hash) & (size - 1)
            while table[slot].key.baseAddress != nil { slot = (slot + 1) & (size - 1) }
            table[slot] = PropertyRule(
                key: name.key.text, hash: name.key.hash, schema: name.schema, bit: name.bit, isNamed: name.isNamed)
        }
        parts.properties += table
    }

    private mutating func addPatterns(_ subject: Subject, _ rules: inout MemberRules) {
        guard let member = subject.member("patternProperties") else { return }
        rules.patterns = Int32(parts.patternRules.count)
        for (key, value) in subject.document.members(of: member) {
            let schema = number(of: value, subject)
            guard let pattern = pattern(key, subject) else { continue }
            parts.patternRules.append(PatternRule(pattern: pattern, schema: schema))
            rules.patternCount += 1
        }
    }

    private mutating func addDependencies(_ subject: Subject, _ body: inout [Instruction]) {
        for keyword in ["dependentSchemas", "dependentRequired", "dependencies"] {
            if keyword != "dependencies", subject.dialect.draft == .draft7 { continue }
            guard let member = subject.member(keyword) else { continue }
            guard subject.document.kind(member) == .object else {
                report("`\(keyword)` must be an object", at: member, subject)
                continue
            }
            var schemas: [NamedKey] = []
            var required: [NamedKey] = []
            for (name, value) in subject.document.members(of: member) {
                var key = named(name, subject.document)
                let isNames =
                    keyword == "dependentRequired" || (keyword == "dependencies" && subject.document.kind(value) == .array)
                guard isNames else {
                    key.a = number(of: value, subject)
                    schemas.append(key)
                    continue
                }
                guard subject.dialect.validates, let wanted = strings(keyword, value, subject) else { continue }
                key.a = Int32(parts.keys.count)
                key.count = Int32(wanted.count)
                parts.keys += wanted.map { named($0, subject.document) }
                required.append(key)
            }
            for (keys, operation) in [(required, Instruction.Operation.dependentRequired), (schemas, .dependentSchemas)]
            where !keys.isEmpty {
                body.append(
                    Instruction(
                        operation: operation, place: place(member, subject), a: Int32(parts.keys.count), b: Int32(keys.count)))
                parts.keys += keys
            }
        }
    }

    private func named(_ node: Int, _ document: Document) -> NamedKey {
        let text = document.view.string(node)
        return NamedKey(text: text, hash: UInt32(truncatingIfNeeded: KeyHash.shared(text)))
    }

    /// The nodes of an array of strings; nil: it is none.
    private mutating func strings(_ keyword: String, _ member: Int, _ subject: Subject) -> [Int]? {
        let elements = subject.document.elements(of: member)
        guard subject.document.kind(member) == .array, elements.allSatisfy({ subject.document.kind($0) == .string }) else {
            report("`\(keyword)` must hold arrays of strings", at: member, subject)
            return nil
        }
        return elements
    }
}
