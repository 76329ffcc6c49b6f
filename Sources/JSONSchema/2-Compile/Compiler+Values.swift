internal import Bytes
internal import JSON

// What a value itself must be: its type, its bounds, its text.
extension Compiler {
    mutating func addType(_ subject: Subject, _ schema: inout CompiledSchema) {
        guard let member = subject.member("type") else { return }
        let document = subject.document
        let names = document.kind(member) == .array ? document.elements(of: member) : [member]
        var types: UInt8 = 0
        for node in names {
            let name = document.text(node) ?? ""
            let type = Types.named(name)
            if type == 0 {
                let all = ["null", "boolean", "number", "integer", "string", "array", "object"]
                report(
                    "`type` must be one of \(all.joined(separator: ", ")), or an array of them", at: node, subject,
                    nearest(to: name, among: all).map { "did you mean `\($0)`?" })
            }
            types |= type
        }
        if names.isEmpty { report("`type` must name a type, or more", at: member, subject) }
        schema.types = types
        schema.place = place(member, subject)
    }

    mutating func addValues(_ subject: Subject, _ body: inout [Instruction]) {
        if let member = subject.member("const") {
            parts.values.append(NamedValue(view: subject.document.view, node: member))
            body.append(
                Instruction(operation: .constant, place: place(member, subject), a: Int32(parts.values.count - 1), b: 1))
        }
        guard let member = subject.member("enum") else { return }
        guard subject.document.kind(member) == .array else { return report("`enum` must be an array", at: member, subject) }
        let values = subject.document.elements(of: member)
        let start = Int32(parts.values.count)
        parts.values += values.map { NamedValue(view: subject.document.view, node: $0) }
        body.append(
            Instruction(operation: .enumeration, place: place(member, subject), a: start, b: Int32(values.count)))
    }

    mutating func addNumbers(_ subject: Subject, _ body: inout [Instruction]) {
        let bounds = [
            ("minimum", true, false), ("exclusiveMinimum", true, true), ("maximum", false, false),
            ("exclusiveMaximum", false, true),
        ]
        for (keyword, isLower, isExclusive) in bounds {
            guard let member = subject.member(keyword) else { continue }
            guard subject.document.kind(member) == .number else {
                report("`\(keyword)` must be a number", at: member, subject)
                continue
            }
            let text = subject.document.view.written(member)
            parts.limits.append(NumberLimit(text, isLower: isLower, isExclusive: isExclusive))
            body.append(Instruction(operation: .bound, place: place(member, subject), a: Int32(parts.limits.count - 1)))
        }
        guard let member = subject.member("multipleOf") else { return }
        let text = subject.document.view.written(member)
        guard subject.document.kind(member) == .number, let divisor = DecimalDivisor(text) else {
            return report(
                "`multipleOf` must be a number above 0, of at most \(DecimalDivisor.maxDigits) digits", at: member, subject)
        }
        parts.divisors.append(DivisorRule(text: text, divisor: divisor))
        body.append(Instruction(operation: .multipleOf, place: place(member, subject), a: Int32(parts.divisors.count - 1)))
    }

    mutating func addStrings(_ subject: Subject, _ body: inout [Instruction]) {
        addCount("minLength", .minLength, subject, &body)
        addCount("maxLength", .maxLength, subject, &body)
        guard let member = subject.member("pattern") else { return }
        guard subject.document.kind(member) == .string else { return report("`pattern` must be a string", at: member, subject) }
        guard let pattern = pattern(member, subject) else { return }
        body.append(Instruction(operation: .pattern, place: place(member, subject), a: pattern))
    }

    mutating func addFormat(_ subject: Subject, _ body: inout [Instruction]) {
        guard let member = subject.member("format") else { return }
        guard let name = subject.document.text(member) else { return report("`format` must be a string", at: member, subject) }
        // What isn't known is a remark: section 7.2.3 of the validation specification.
        guard let format = Format.named(name) else { return }
        body.append(Instruction(operation: .format, place: place(member, subject), a: Int32(format.rawValue)))
    }

    mutating func addCounts(_ subject: Subject, _ body: inout [Instruction]) {
        addCount("minItems", .minItems, subject, &body)
        addCount("maxItems", .maxItems, subject, &body)
        addCount("minProperties", .minProperties, subject, &body)
        addCount("maxProperties", .maxProperties, subject, &body)
        guard let member = subject.member("uniqueItems") else { return }
        switch subject.document.kind(member) {
        case .true: body.append(Instruction(operation: .uniqueItems, place: place(member, subject)))
        case .false: break
        default: report("`uniqueItems` must be true or false", at: member, subject)
        }
    }

    private mutating func addCount(
        _ keyword: String, _ operation: Instruction.Operation, _ subject: Subject, _ body: inout [Instruction]
    ) {
        guard let member = subject.member(keyword), let limit = count(keyword, member, subject) else { return }
        body.append(Instruction(operation: operation, place: place(member, subject), limit: limit))
    }

    /// A whole number from 0 up (`2.0` is one); what no value reaches counts as the most there is.
    mutating func count(_ keyword: String, _ member: Int, _ subject: Subject) -> Int? {
        let text = subject.document.view.written(member)
        guard subject.document.kind(member) == .number, WholeNumber.isWhole(text), text.first != UInt8(ascii: "-") else {
            report("`\(keyword)` must be a whole number from 0 up", at: member, subject)
            return nil
        }
        return WholeNumber.floor(text).map { Int($0) } ?? .max
    }
}

extension NumberLimit {
    init(_ text: UnsafeRawBufferPointer, isLower: Bool, isExclusive: Bool) {
        self.text = text
        self.isLower = isLower
        self.isExclusive = isExclusive
        integer = 0
        hasInteger = false
        guard let floor = WholeNumber.floor(text) else { return }
        // The last integer inside: up from the floor for a lower limit, down for an upper one where the limit itself is out.
        let isWhole = WholeNumber.isWhole(text)
        let step: Int64 = isLower ? (isWhole && !isExclusive ? 0 : 1) : (isWhole && isExclusive ? -1 : 0)
        let (inside, overflow) = floor.addingReportingOverflow(step)
        integer = inside
        hasInteger = !overflow
    }
}
