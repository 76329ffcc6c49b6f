// Hot path: per record.
internal import Bytes
internal import CEL
internal import JSON
internal import JSONSchema
public import Log

/// A stage's steps, compiled: runs them on one record after the other. One for each thread.
///
/// A record is read in one exact pass; every step reads and writes slots of the frame; the output is spliced from the
/// input's own bytes at the end, so what no step names stays as it was written, byte for byte. Where a step touches a path
/// above or below one that an earlier step changed, the record is written and read again between them (`StageAction.parts`):
/// right by construction, at the price of another pass.
///
/// A record without a value (a tombstone) passes all steps as it is: it says that its key is gone, which no step can change.
/// A stage without steps passes every record unread.
public struct StageProgram: ~Copyable {
    /// The message's slots, then those of `StageNames.Context`.
    let frame: UnsafeMutablePointer<Value>
    let parts: OwnedArray<StagePart>
    let programs: OwnedArray<StageExpression>
    let checks: OwnedArray<FieldCheck>
    let validators: OwnedArray<Validator>
    let allowed: OwnedArray<AllowedValue>
    let parents: OwnedArray<Int32>
    let indexes: OwnedArray<LookupIndex>
    let columns: OwnedArray<LookupColumn>
    let columnNames: OwnedArray<ColumnNames>
    let headers: OwnedArray<HeaderSlot>
    let warned: OwnedArray<Int>
    let emptyMap: Value
    let context: ContextSlots
    let partitioning: Partitioning

    /// For messages.
    let texts: StageTexts
    /// Kept alive: `indexes` leads into them.
    private let tables: [LookupTable]
    /// Texts and constants that checks and values above lead into.
    private let memory: Arena
    private let frameOwner: OwnedArray<Value>

    /// Memory of the record at hand.
    var arena = Arena()
    /// For numbers as text.
    var scratch = JSONWriter(capacity: 64)
    /// The record's text as the current part reads it, and the key as it stands.
    var text = UnsafeRawBufferPointer(start: nil, count: 0)
    var key = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Members of the record that no step names, if a schema allows none.
    var unknownKeys = 0
    var counts = Counts()
    var fault = FaultSite()

    struct Counts: BitwiseCopyable {
        var records = 0
        var out = 0
        var dropped = 0
        var dead = 0
    }

    init(
        frame: consuming OwnedArray<Value>, parts: consuming OwnedArray<StagePart>, programs: consuming OwnedArray<StageExpression>,
        checks: consuming OwnedArray<FieldCheck>, validators: consuming OwnedArray<Validator>,
        allowed: consuming OwnedArray<AllowedValue>, parents: consuming OwnedArray<Int32>,
        indexes: consuming OwnedArray<LookupIndex>, columns: consuming OwnedArray<LookupColumn>,
        columnNames: consuming OwnedArray<ColumnNames>, headers: consuming OwnedArray<HeaderSlot>,
        warned: consuming OwnedArray<Int>,
        emptyMap: Value, context: ContextSlots, partitioning: Partitioning, texts: StageTexts, tables: [LookupTable],
        memory: consuming Arena
    ) {
        self.frame = frame.base
        frameOwner = frame
        self.parts = parts
        self.programs = programs
        self.checks = checks
        self.validators = validators
        self.allowed = allowed
        self.parents = parents
        self.indexes = indexes
        self.columns = columns
        self.columnNames = columnNames
        self.headers = headers
        self.warned = warned
        self.emptyMap = emptyMap
        self.context = context
        self.partitioning = partitioning
        self.texts = texts
        self.tables = tables
        self.memory = memory
    }

    /// Runs all steps on one record and appends no or one output record to `outputs`, whose spans lead into the record
    /// or into `outputs.arena`. After `dead`, `failure` says why until the next run.
    public mutating func run(_ record: LogRecord, into outputs: inout OutputBatch) -> Verdict {
        counts.records += 1
        text = record.value
        key = record.key
        guard parts.count > 0, record.value.baseAddress != nil else { return finish(record, into: &outputs) }
        arena.reset()
        if context.isWanted { fillContext(record) }
        var index = 0
        while true {
            let part = parts.base + index
            let result = part.pointee.scanner.scan(text, into: frame, arena: &arena)
            unknownKeys = part.pointee.scanner.unknownKeyCount
            if result.code != .ok || frame[0].tag != .map { return count(failParse(result)) }
            let verdict = run(part.pointee.instructions.base, part.pointee.instructions.count, &outputs)
            if verdict != .out { return count(verdict) }
            if part.pointee.hasEdits {
                text = part.pointee.scanner.write(text, frame: frame, into: &outputs.arena)
                if text.baseAddress == nil { return count(failWrite(index)) }
            }
            index += 1
            if index == parts.count { return finish(record, into: &outputs) }
        }
    }

    private mutating func count(_ verdict: Verdict) -> Verdict {
        if verdict == .dropped { counts.dropped += 1 } else { counts.dead += 1 }
        return verdict
    }

    private mutating func finish(_ record: LogRecord, into outputs: inout OutputBatch) -> Verdict {
        let partition = partitioning.partition(of: key, input: record.partition)
        outputs.append(OutputRecord(key: key, value: text, headers: record.headers, topic: 0, partition: partition))
        counts.out += 1
        return .out
    }

    private mutating func run(_ instructions: UnsafeMutablePointer<Instruction>, _ count: Int, _ outputs: inout OutputBatch)
        -> Verdict
    {
        var next = 0
        while next < count {
            let instruction = instructions[next]
            next += 1
            switch instruction.operation {
            case .validate:
                var check = Int(instruction.first)
                let end = check + Int(instruction.count)
                while check < end {
                    if let broken = fault(of: checks.base + check) { return failField(instruction, check, broken) }
                    check += 1
                }
            case .schema:
                var check = Int(instruction.first)
                let end = check + Int(instruction.count)
                while check < end {
                    if breaks(checks.base + check) { return failSchema(instruction) }
                    check += 1
                }
                if instruction.presence == 1, unknownKeys > 0 { return failSchema(instruction) }
            case .check:
                let value = evaluate(instruction)
                if !value.isTrue, let verdict = failCheck(instruction, value) { return verdict }
            case .filter:
                let value = evaluate(instruction)
                if !value.isTrue {
                    if value.tag != .bool { return failExpression(instruction, value) }
                    return .dropped
                }
            case .set:
                let value = evaluate(instruction)
                if instruction.count > 0, !openParents(instruction) { return fail(.setNotObject, instruction, .absent) }
                if !hasJSONForm(value) { return failValue(instruction, value) }
                frame[Int(instruction.target)] = value
            case .remove:
                frame[Int(instruction.target)] = .absent
            case .rename:
                let value = frame[Int(instruction.source)]
                if value.tag == .absent { continue }
                if instruction.count > 0, !openParents(instruction) { return fail(.setNotObject, instruction, .absent) }
                frame[Int(instruction.target)] = value
                frame[Int(instruction.source)] = .absent
            case .lookup:
                if let verdict = lookUp(instruction) { return verdict }
            case .rekey:
                if let verdict = rekey(instruction, &outputs) { return verdict }
            }
        }
        return .out
    }

    mutating func evaluate(_ instruction: Instruction) -> Value {
        programs.base[Int(instruction.program)].evaluate(frame, record: text, arena: &arena)
    }

    mutating func matches(_ pattern: Int32) -> Bool {
        programs.base[Int(pattern)].evaluate(frame, record: text, arena: &arena).isTrue
    }
}
