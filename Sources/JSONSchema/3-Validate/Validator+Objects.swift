// Hot path: per record.
internal import Glibc
internal import JSON

extension Validator {
    mutating func objects(_ first: Int32, _ end: Int32, _ node: Int, _ own: Int) -> Bool {
        var isValid = true
        let count = Int(view.nodes[node].count)
        for index in Int(first)..<Int(end) {
            let instruction = instructions + index
            switch instruction.pointee.operation {
            case .minProperties where count >= instruction.pointee.limit, .maxProperties where count <= instruction.pointee.limit:
                continue
            case .minProperties, .maxProperties:
                isValid = false
                if !fails(instruction, node) { return false }
                continue
            default: break
            }
            let holds =
                switch instruction.pointee.operation {
                case .members: members(program.members.baseAddress.unsafelyUnwrapped + Int(instruction.pointee.a), node, own)
                case .requiredMore: hasAll(instruction, node, instruction.pointee.a, instruction.pointee.b)
                case .propertyNames: names(instruction, node)
                default: dependencies(instruction, node, own)
                }
            if holds { continue }
            isValid = false
            if !collects { return false }
        }
        return isValid
    }

    /// One look at each member: by its name, by patterns, or as one of the others.
    private mutating func members(_ rules: UnsafePointer<MemberRules>, _ node: Int, _ own: Int) -> Bool {
        var isValid = true
        var missing = rules.pointee.required
        let end = Int(view.nodes[node].next)
        var key = node + 1
        var position = 0
        while key < end {
            let value = key + 1
            let next = Int(view.nodes[value].next)
            if view.nodes[key].flags & TapeNode.Flags.repeated != 0 {
                key = next
                continue
            }
            var isMatched = false
            if rules.pointee.mask >= 0, let property = find(key, rules) {
                missing &= ~property.pointee.bit
                if property.pointee.isNamed {
                    isMatched = true
                    if !applyMember(property.pointee.schema, value) {
                        isValid = false
                        if !collects { return false }
                    }
                }
            }
            if rules.pointee.patternCount > 0, !patterns(rules, key, &isMatched) {
                isValid = false
                if !collects { return false }
            }
            if !isMatched, rules.pointee.additional >= 0 {
                isMatched = true
                if !applyAdditional(rules, value) {
                    isValid = false
                    if !collects { return false }
                }
            }
            if isMatched, own >= 0 { marks.start[own + position] = 1 }
            position += 1
            key = next
        }
        if missing != 0 {
            isValid = false
            if collects { failMissing(rules, missing, node) }
        }
        return isValid
    }

    @inline(__always)
    private mutating func applyMember(_ schema: Int32, _ value: Int) -> Bool {
        let compiled = schemas + Int(schema)
        if compiled.pointee.isTypeOnly, accepts(compiled.pointee.types, value) { return true }
        return apply(schema, value, marks: -1)
    }

    private mutating func applyAdditional(_ rules: UnsafePointer<MemberRules>, _ value: Int) -> Bool {
        let compiled = schemas + Int(rules.pointee.additional)
        if compiled.pointee.types == 0 { return failAdditional(rules.pointee.additionalPlace, value) }
        return applyMember(rules.pointee.additional, value)
    }

    /// What is known of a member by its name.
    @inline(__always)
    private mutating func find(_ key: Int, _ rules: UnsafePointer<MemberRules>) -> UnsafePointer<PropertyRule>? {
        let table = program.properties.baseAddress.unsafelyUnwrapped + Int(rules.pointee.table)
        let hash = view.nodes[key].count
        let mask = Int(rules.pointee.mask)
        var slot = Int(hash) & mask
        while let name = table[slot].key.baseAddress {
            if table[slot].hash == hash {
                let text = view.string(key)
                if text.count == table[slot].key.count, memcmp(text.baseAddress.unsafelyUnwrapped, name, text.count) == 0 {
                    return table + slot
                }
            }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private mutating func patterns(_ rules: UnsafePointer<MemberRules>, _ key: Int, _ isMatched: inout Bool) -> Bool {
        var isValid = true
        let name = view.string(key)
        let first = Int(rules.pointee.patterns)
        for index in first..<(first + Int(rules.pointee.patternCount)) {
            let rule = program.patternRules[index]
            guard program.matchers[Int(rule.pattern)].matches(name) else { continue }
            isMatched = true
            if !apply(rule.schema, key + 1, marks: -1) {
                isValid = false
                if !collects { return false }
            }
        }
        return isValid
    }

    private mutating func names(_ instruction: UnsafePointer<Instruction>, _ node: Int) -> Bool {
        var isValid = true
        let end = Int(view.nodes[node].next)
        var key = node + 1
        while key < end {
            if view.nodes[key].flags & TapeNode.Flags.repeated == 0, !apply(instruction.pointee.a, key, marks: -1) {
                isValid = false
                if !collects { return false }
            }
            key = Int(view.nodes[key + 1].next)
        }
        return isValid
    }

    // MARK: Members that must be there

    /// Whether the object has a member of each of these names.
    private mutating func hasAll(_ instruction: UnsafePointer<Instruction>, _ node: Int, _ first: Int32, _ count: Int32) -> Bool {
        var isValid = true
        for index in Int(first)..<Int(first + count) where !has(program.keys.baseAddress.unsafelyUnwrapped + index, node) {
            isValid = false
            if !collects { return false }
            failMissing(instruction.pointee.place, program.keys[index].text, node)
        }
        return isValid
    }

    private mutating func has(_ name: UnsafePointer<NamedKey>, _ node: Int) -> Bool {
        let end = Int(view.nodes[node].next)
        var key = node + 1
        while key < end {
            if view.nodes[key].count == name.pointee.hash {
                let text = view.string(key)
                if text.count == name.pointee.text.count, text.elementsEqual(name.pointee.text) { return true }
            }
            key = Int(view.nodes[key + 1].next)
        }
        return false
    }

    private mutating func dependencies(_ instruction: UnsafePointer<Instruction>, _ node: Int, _ own: Int) -> Bool {
        var isValid = true
        for index in Int(instruction.pointee.a)..<Int(instruction.pointee.a + instruction.pointee.b) {
            let name = program.keys.baseAddress.unsafelyUnwrapped + index
            guard has(name, node) else { continue }
            let holds =
                instruction.pointee.operation == .dependentSchemas
                ? apply(name.pointee.a, node, marks: own) : hasAll(instruction, node, name.pointee.a, name.pointee.count)
            if holds { continue }
            isValid = false
            if !collects { return false }
        }
        return isValid
    }
}
