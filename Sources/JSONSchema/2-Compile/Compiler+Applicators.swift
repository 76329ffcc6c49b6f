internal import JSON

// Schemas inside a schema: applied to the same value, to its elements, and to those nothing else has looked at.
extension Compiler {
    mutating func addReferences(_ subject: Subject, _ body: inout [Instruction]) {
        if let member = subject.member("$ref"), let (target, _) = target(of: member, "$ref", subject) {
            body.append(Instruction(operation: .ref, place: place(member, subject), a: number(of: target)))
        }
        guard subject.dialect.draft == .draft2020, let member = subject.member("$dynamicRef"),
            let (target, anchor) = target(of: member, "$dynamicRef", subject)
        else { return }
        var instruction = Instruction(operation: .ref, place: place(member, subject), a: number(of: target))
        // Only where the reference itself leads to a dynamic anchor is it dynamic: core specification, section 8.2.3.2.
        if let anchor, let resource = registry.schemas[target], registry.resources[resource].dynamicAnchors[anchor] == target {
            instruction.operation = .dynamicRef
            instruction.b = dynamicAnchor(anchor)
        }
        body.append(instruction)
    }

    private mutating func target(of member: Int, _ keyword: String, _ subject: Subject) -> (Location, anchor: String?)? {
        guard let reference = subject.document.text(member) else {
            report("`\(keyword)` must be a URI reference", at: member, subject)
            return nil
        }
        let shown = String(reference.prefix(200))
        switch registry.resolve(reference, from: subject.resource) {
        case .success(let (target, anchor)):
            guard registry.schemas[target] != nil else {
                report("`\(shown)` leads to something that is no schema", at: member, subject)
                return nil
            }
            return (target, anchor)
        case .failure(.document(let uri)):
            let isFile = uri.hasPrefix("file:")
            registry.report(
                "schema.reference", "`\(shown)` leads to another document, which \(isFile ? "can't be read" : "isn't at hand")",
                at: member, subject.document,
                isFile ? "file is \(uri.dropFirst(5))" : "nothing is fetched; put the schema into `$defs`, with `$id`: \(uri)")
        case .failure(.pointer(let pointer)):
            registry.report(
                "schema.reference", "`\(shown)` leads nowhere: there is nothing at `\(pointer.prefix(200))`", at: member,
                subject.document)
        case .failure(.anchor(let name)):
            registry.report(
                "schema.reference", "`\(shown)` leads nowhere: nothing is named `\(name.prefix(200))`", at: member,
                subject.document, "a path starts with `#/`")
        }
        return nil
    }

    mutating func addCombinations(_ subject: Subject, _ body: inout [Instruction]) {
        for (keyword, operation) in [("allOf", Instruction.Operation.allOf), ("anyOf", .anyOf), ("oneOf", .oneOf)] {
            guard let member = subject.member(keyword) else { continue }
            let (start, count) = list(member, subject)
            body.append(Instruction(operation: operation, place: place(member, subject), a: start, b: count))
        }
        if let member = subject.member("not") {
            body.append(Instruction(operation: .not, place: place(member, subject), a: number(of: member, subject)))
        }
        guard let condition = subject.member("if") else { return }
        let then = subject.member("then").map { number(of: $0, subject) } ?? -1
        let otherwise = subject.member("else").map { number(of: $0, subject) } ?? -1
        // Without a consequence only what it has evaluated counts.
        body.append(
            Instruction(
                operation: .conditional, place: place(condition, subject), a: number(of: condition, subject), b: then, c: otherwise)
        )
    }

    mutating func addArrays(_ subject: Subject, _ body: inout [Instruction]) {
        let isNew = subject.dialect.draft == .draft2020
        let items = subject.member("items")
        var prefix = isNew ? subject.member("prefixItems") : nil
        var rest = items
        if !isNew, let items, subject.document.kind(items) == .array {
            prefix = items
            rest = subject.member("additionalItems")
        }
        if prefix != nil || rest != nil {
            var instruction = Instruction(operation: .items, place: place(prefix ?? rest ?? 0, subject))
            if let prefix { (instruction.a, instruction.b) = list(prefix, subject) } else { instruction.b = 0 }
            if let rest {
                instruction.c = number(of: rest, subject)
                instruction.limit = Int(place(rest, subject))
            }
            body.append(instruction)
        }
        guard let member = subject.member("contains") else { return }
        var instruction = Instruction(operation: .contains, place: place(member, subject), a: number(of: member, subject))
        instruction.limit = 1
        instruction.b = .max
        if isNew, subject.dialect.validates {
            if let least = subject.member("minContains") {
                instruction.limit = count("minContains", least, subject) ?? 1
                instruction.place = place(least, subject)
            }
            if let most = subject.member("maxContains"), let count = count("maxContains", most, subject) {
                instruction.b = Int32(clamping: count)
                instruction.c = place(most, subject)
            }
        }
        body.append(instruction)
    }

    mutating func addUnevaluated(_ subject: Subject, _ body: inout [Instruction]) {
        guard subject.dialect.draft == .draft2020 else { return }
        let keywords = [
            ("unevaluatedItems", Instruction.Operation.unevaluatedItems), ("unevaluatedProperties", .unevaluatedProperties),
        ]
        for (keyword, operation) in keywords {
            guard let member = subject.member(keyword) else { continue }
            body.append(Instruction(operation: operation, place: place(member, subject), a: number(of: member, subject)))
        }
    }
}
