internal import CEL
internal import JSON
internal import JSONSchema

/// Where a record failed: enough to say why once somebody asks, without text on the way.
struct FaultSite {
    var code = RecordFailure.Code.parseSyntax
    var instruction: Instruction?
    /// The value at fault: only its type is told, or as an error what `CELProgram.describe` says.
    var value = Value.absent
    /// Byte offset in the record, for `parse` codes.
    var offset = 0
    var scan = ScanCode.ok
    /// The check that failed, how, and how many fields more fail theirs, for `validate.schema`.
    var check = 0
    var field = FieldFault.missing
    var more = 0
    /// What is wrong with the record by its schema.
    var failures: [SchemaFailure] = []
}

/// What a program's messages are made of. Not read while records go well.
final class StageTexts: Sendable {
    let steps: [String]
    /// The rule of each check; nil: a schema's.
    let rules: [FieldRule?]
    /// The files of the stage's schemas, as the topology names them.
    let schemas: [String]
    /// The paths that instructions write.
    let paths: [[String]]
    /// Table names of the stage's lookup steps, and their keys as written.
    let lookups: [(table: String, key: String)]

    init(
        steps: [String], rules: [FieldRule?], schemas: [String], paths: [[String]], lookups: [(table: String, key: String)]
    ) {
        self.steps = steps
        self.rules = rules
        self.schemas = schemas
        self.paths = paths
        self.lookups = lookups
    }
}

// Taken when a record fails: out of line, so that the good path stays small.
extension StageProgram {
    @inline(never)
    mutating func failParse(_ result: ScanResult) -> Verdict {
        fault = FaultSite()
        fault.offset = result.offset
        fault.scan = result.code
        fault.code =
            switch result.code {
            case .ok: .parseNotObject
            case .emptyInput: .parseEmpty
            case .utf8: .parseUTF8
            case .depth: .parseDepth
            default: .parseSyntax
            }
        fault.value = frame[0]
        return .dead
    }

    @inline(never)
    mutating func fail(_ code: RecordFailure.Code, _ instruction: Instruction, _ value: Value) -> Verdict {
        fault = FaultSite()
        fault.code = code
        fault.instruction = instruction
        fault.value = value
        return .dead
    }

    @inline(never)
    mutating func failExpression(_ instruction: Instruction, _ value: Value) -> Verdict {
        fail(.expressionError, instruction, value)
    }

    /// A value that was written has no JSON form after all.
    @inline(never)
    mutating func failWrite(_ part: Int) -> Verdict {
        let instructions = UnsafeBufferPointer(
            start: parts.base[part].instructions.base, count: parts.base[part].instructions.count)
        let slot = parts.base[part].scanner.unwritableSlot ?? 0
        let culprit = instructions.last { $0.target == Int32(slot) } ?? instructions[0]
        return fail(.setNotJSON, culprit, frame[slot])
    }

    @inline(never)
    mutating func failField(_ instruction: Instruction, _ check: Int, _ broken: FieldFault) -> Verdict {
        let verdict = fail(.validateSchema, instruction, frame[Int(checks.base[check].slot)])
        fault.check = check
        fault.field = broken
        for later in (check + 1)..<max(check + 1, Int(instruction.first + instruction.count))
        where self.fault(of: checks.base + later) != nil {
            fault.more += 1
        }
        return verdict
    }

    /// The record isn't valid: the validator says why.
    @inline(never)
    mutating func failSchema(_ instruction: Instruction) -> Verdict {
        let verdict = fail(.validateSchema, instruction, frame[0])
        fault.failures = validators.base[Int(instruction.source)].explain(text)
        return verdict
    }

    /// What a check that isn't true comes to; nil: it only warns. An expression that fails never lets a record be dropped.
    @inline(never)
    mutating func failCheck(_ instruction: Instruction, _ value: Value) -> Verdict? {
        switch instruction.otherwise {
        case .pass:
            warned.base[Int(instruction.step)] += 1
            return nil
        case .drop where value.tag == .bool: return .dropped
        case .dead where value.tag == .bool: return fail(.checkFailed, instruction, value)
        default: return failExpression(instruction, value)
        }
    }

    /// Why the last `run` gave `dead`; meaningful only then, and until the next run.
    public var failure: RecordFailure {
        guard let instruction = fault.instruction else { return parseFailure }
        let step = texts.steps[Int(instruction.step)]
        let path = instruction.path >= 0 ? texts.paths[Int(instruction.path)] : []
        let name = path.joined(separator: ".")
        let type = fault.value.tag.jsonName
        switch fault.code {
        case .validateSchema:
            guard instruction.operation == .validate, let rule = texts.rules[fault.check] else {
                return schemaFailure(instruction, step)
            }
            return RecordFailure(
                .validateSchema, step: step, rule.message(fault.field, got: fault.value.tag, more: fault.more),
                pointer: RecordFailure.pointer(rule.path))
        case .checkFailed: return RecordFailure(.checkFailed, step: step, "check \(step) is not true")
        case .lookupMissing:
            let lookup = texts.lookups[Int(instruction.source)]
            let reason = fault.value.tag == .error || fault.value.tag == .null ? "the record has no" : "no row for"
            return RecordFailure(.lookupMissing, step: step, "\(lookup.table): \(reason) \(lookup.key)")
        case .lookupKeyType:
            let lookup = texts.lookups[Int(instruction.source)]
            return RecordFailure(
                .lookupKeyType, step: step,
                "\(lookup.table): \(lookup.key) is \(type), expected string, integer, boolean or decimal")
        case .setNotJSON:
            let isNested = [.double, .list, .map].contains(fault.value.tag)
            let reason =
                isNested ? "\(type) that is not finite or holds what JSON has no form for" : "\(type), which JSON has no form for"
            return RecordFailure(
                .setNotJSON, step: step, "\(name): the value computed is \(reason)", pointer: RecordFailure.pointer(path))
        case .setNotObject:
            return RecordFailure(
                .setNotObject, step: step, "\(name): lies below a field that is no object",
                pointer: RecordFailure.pointer(path))
        case .rekeyType:
            return RecordFailure(
                .rekeyType, step: step, "the key computed is \(type), expected string, integer, boolean, decimal or null")
        default:
            let what =
                fault.value.tag == .error
                ? programs.base[Int(instruction.program)].describe(fault.value)
                : "expected true or false, got \(type)"
            return RecordFailure(
                .expressionError, step: step, path.isEmpty ? what : "\(name): \(what)", pointer: RecordFailure.pointer(path))
        }
    }

    /// What the schema's validator said of the record.
    private func schemaFailure(_ instruction: Instruction, _ step: String) -> RecordFailure {
        let file = texts.schemas[Int(instruction.source)]
        guard let first = fault.failures.first else {
            return RecordFailure(.validateSchema, step: step, "not valid against \(file)")
        }
        let more = fault.failures.count - 1
        let others = more == 0 ? "" : " (and \(more)\(more + 1 == Validator.mostFailures ? " or more" : "") more)"
        return RecordFailure(
            .validateSchema, step: step, "\(first.keyword): \(first.message), by \(file)\(first.rule)\(others)",
            pointer: first.pointer)
    }

    private var parseFailure: RecordFailure {
        switch fault.code {
        case .parseEmpty: RecordFailure(.parseEmpty, "the value is empty; expected a JSON object")
        case .parseNotObject: RecordFailure(.parseNotObject, "the value is \(fault.value.tag.jsonName); expected a JSON object")
        case .parseUTF8: RecordFailure(.parseUTF8, "the value isn't UTF-8 at byte \(fault.offset)")
        case .parseDepth: RecordFailure(.parseDepth, "the value is nested too deeply at byte \(fault.offset)")
        default: RecordFailure(.parseSyntax, "the value isn't JSON: \(fault.scan.description) at byte \(fault.offset)")
        }
    }

    /// Takes the counts since the last call.
    public mutating func takeCounters() -> StageCounters {
        let result = StageCounters(
            records: counts.records, out: counts.out, dropped: counts.dropped,
            dead: counts.dead, warned: Array(UnsafeBufferPointer(start: warned.base, count: warned.count)))
        counts = Counts()
        warned.base.update(repeating: 0, count: warned.count)
        return result
    }
}
