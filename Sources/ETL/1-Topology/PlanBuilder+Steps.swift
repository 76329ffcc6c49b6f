extension PlanBuilder {
    /// Names of records' own parts, which no alias may hide.
    private static let roots = ["message", "key", "headers", "topic", "partition", "offset", "timestamp"]

    func steps(of section: StageSection) -> [StepPlan] {
        var counts: [String: Int] = [:]
        var names: [String: SourcePosition] = [:]
        var aliases: [String: SourcePosition] = [:]
        var result: [StepPlan] = []
        let errors = reader.errorCount
        for step in section.steps?.value ?? [] {
            guard let (kind, label) = kind(of: step.value) else { continue }
            var name = label
            if case .check(let own, _, _) = kind {
                name = own
            } else {
                counts[label, default: 0] += 1
                name = "\(label)_\(counts[label, default: 1])"
            }
            if !section.isBroken, reader.errorCount == errors { checkEmpty(kind, label, at: step.position) }
            checkUnique(name, at: step.value.check?.value.name?.position ?? step.position, "a step", &names)
            if case .lookup(_, _, let alias, _) = kind, let lookup = step.value.lookup?.value,
                let place = (lookup.alias ?? lookup.table)?.position
            {
                checkUnique(alias, at: place, "a row of a lookup", &aliases)
                if Self.roots.contains(alias) {
                    reader.report("name.reserved", "a row can't be named `\(alias)`, which is a part of the record", at: place)
                }
            }
            result.append(StepPlan(name: name, kind: kind, position: step.position))
        }
        return result
    }

    private func checkUnique(_ name: String, at position: SourcePosition, _ what: String, _ places: inout [String: SourcePosition])
    {
        if let first = places[name] {
            reader.report(
                Problem(
                    code: "name.duplicate", message: "\(what) is already named `\(name)` in this stage", at: position,
                    related: [.init(message: "it is here", position: first)]))
        }
        places[name] = places[name] ?? position
    }

    private func checkEmpty(_ kind: StepPlan.Kind, _ label: String, at position: SourcePosition) {
        let isEmpty =
            switch kind {
            case .validate(let fields): fields.isEmpty
            case .set(let targets): targets.isEmpty
            case .remove(let paths), .keep(let paths): paths.isEmpty
            case .rename(let pairs): pairs.isEmpty
            case .validateSchema, .check, .filter, .lookup, .rekey: false
            }
        guard isEmpty else { return }
        let effect = label == "keep" ? "leaves nothing of the record" : "does nothing"
        reader.report("step.empty", "`\(label)` names no field and \(effect)", at: position, severity: .warning)
    }

    private func kind(of step: StepSection) -> (kind: StepPlan.Kind, label: String)? {
        if let validate = step.validate?.value {
            if let schema = validate.schema { return self.schema(schema, validate).map { (.validateSchema($0), "validate") } }
            if let written = validate.assertFormat {
                reader.report("rule.unfit", "`assert_format` says nothing without `schema`", at: written.keyPosition)
            }
            return (.validate(fields: (validate.fields?.value ?? []).compactMap { rule($0) }), "validate")
        }
        if let check = step.check?.value, let name = check.name, let expression = check.expr {
            let onFailure = CheckSection.onFailure.value(check.onFailure)
            return (.check(name: name.value, expression: expression.value, onFailure: onFailure), "check")
        }
        if let filter = step.filter { return (.filter(filter.value), "filter") }
        if let lookup = step.lookup?.value { return lookupKind(lookup).map { ($0, "lookup") } }
        if let set = step.set {
            let targets: [(path: [String], value: ExpressionPlan)] = set.value.compactMap { target in
                splitDots(target.name, at: target.position, reader).map { ($0, target.value.value) }
            }
            return (.set(targets), "set")
        }
        if let remove = step.remove { return (.remove(remove.value.map(\.value)), "remove") }
        if let keep = step.keep { return (.keep(keep.value.map(\.value)), "keep") }
        if let rename = step.rename {
            let pairs: [(from: [String], to: [String])] = rename.value.compactMap { pair in
                splitDots(pair.name, at: pair.position, reader).map { ($0, pair.value.value) }
            }
            return (.rename(pairs), "rename")
        }
        return step.rekey.map { (.rekey($0.value), "rekey") }
    }

    private func lookupKind(_ lookup: LookupStepSection) -> StepPlan.Kind? {
        guard let table = lookup.table else { return nil }
        let names = (topology.lookups?.value ?? []).map(\.name)
        if !names.contains(table.value) {
            reader.report(
                "name.unknown", "unknown lookup `\(table.value)`", at: table.position,
                suggest(table.value, among: names, called: "there are") ?? "declare it under `lookups`")
        }
        guard let key = lookup.key else { return nil }
        return .lookup(
            table: table.value, key: key.value, alias: lookup.alias?.value ?? table.value,
            onMissing: LookupStepSection.onMissing.value(lookup.onMissing))
    }

    private func rule(_ field: Named<FieldRuleSection>) -> FieldRule? {
        let written = field.value.value
        checkFits(written)
        checkOrder(written)
        guard let path = splitDots(field.name, at: field.position, reader) else { return nil }
        return FieldRule(
            path: path,
            type: written.type?.value,
            required: FieldRuleSection.required.value(written.required),
            nullable: FieldRuleSection.nullable.value(written.nullable),
            minimum: written.minimum?.value,
            maximum: written.maximum?.value,
            exclusiveMinimum: written.exclusiveMinimum?.value,
            exclusiveMaximum: written.exclusiveMaximum?.value,
            minLength: written.minLength?.value,
            maxLength: written.maxLength?.value,
            pattern: written.pattern?.value,
            allowed: written.allowed.map { $0.value.map(\.value) },
            position: field.position)
    }

    /// A bound on a string or a length of a number would never say anything.
    private func checkFits(_ rule: FieldRuleSection) {
        guard let type = rule.type?.value else { return }
        let numbers: [(String, SourcePosition?)] = [
            ("minimum", rule.minimum?.keyPosition), ("maximum", rule.maximum?.keyPosition),
            ("exclusive_minimum", rule.exclusiveMinimum?.keyPosition), ("exclusive_maximum", rule.exclusiveMaximum?.keyPosition),
        ]
        let strings: [(String, SourcePosition?)] = [
            ("min_length", rule.minLength?.keyPosition), ("max_length", rule.maxLength?.keyPosition),
            ("pattern", rule.pattern?.keyPosition),
        ]
        let isNumber = type == .integer || type == .number
        for (name, position) in (isNumber ? [] : numbers) + (type == .string ? [] : strings) {
            guard let position else { continue }
            reader.report("rule.unfit", "`\(name)` says nothing about a value of type `\(type.rawValue)`", at: position)
        }
    }

    private func checkOrder(_ rule: FieldRuleSection) {
        if let least = rule.minLength, let most = rule.maxLength, least.value > most.value {
            reader.report(
                "value.range", "`max_length` (\(most.value)) is less than `min_length` (\(least.value))", at: most.position)
        }
        // Only what differs as doubles is told apart here; records are compared exactly.
        let lower = [rule.minimum, rule.exclusiveMinimum].compactMap { $0 }
        let upper = [rule.maximum, rule.exclusiveMaximum].compactMap { $0 }
        for least in lower {
            for most in upper {
                guard let a = Double(least.value), let b = Double(most.value), a > b else { continue }
                reader.report(
                    "value.range", "the upper bound \(most.value) is less than the lower bound \(least.value)", at: most.position)
            }
        }
        if let allowed = rule.allowed, allowed.value.isEmpty {
            reader.report("value.range", "`enum` allows no value at all", at: allowed.keyPosition)
        }
    }
}
