import Bytes
import Foundation
import JSON
import Log

@testable import ETL

/// A stage of these steps, each named `<kind>_<n>` or, for checks, as they are called.
func stage(_ kinds: StepPlan.Kind...) -> StagePlan {
    var counts: [String: Int] = [:]
    let steps = kinds.map { kind in
        var name = String("\(kind)".prefix { $0.isLetter })
        counts[name, default: 0] += 1
        name = "\(name)_\(counts[name] ?? 0)"
        if case .check(let own, _, _) = kind { name = own }
        return StepPlan(name: name, kind: kind, position: place(1))
    }
    return StagePlan(
        name: "orders", from: "orders.raw", threads: 1, delivery: .exactlyOnce, steps: steps, ending: .topic("orders.out"),
        position: place(1))
}

func place(_ line: Int) -> SourcePosition { SourcePosition(file: "t.yaml", line: line, column: 1) }

func cel(_ source: String, line: Int = 1) -> ExpressionPlan { ExpressionPlan(source: source, position: place(line)) }

func path(_ dotted: String) -> [String] { dotted.split(separator: ".").map(String.init) }

func set(_ fields: (String, String)...) -> StepPlan.Kind { .set(fields.map { (path($0.0), cel($0.1)) }) }
func remove(_ fields: String...) -> StepPlan.Kind { .remove(fields.map(path)) }
func keep(_ fields: String...) -> StepPlan.Kind { .keep(fields.map(path)) }
func rename(_ fields: (String, String)...) -> StepPlan.Kind { .rename(fields.map { (path($0.0), path($0.1)) }) }
func filter(_ source: String) -> StepPlan.Kind { .filter(cel(source)) }
func rekey(_ source: String) -> StepPlan.Kind { .rekey(cel(source)) }
func check(_ source: String, _ onFailure: StepPlan.OnFailure = .deadLetter) -> StepPlan.Kind {
    .check(name: "rule", expression: cel(source), onFailure: onFailure)
}
func lookup(_ key: String = "message.country", as alias: String = "country", _ onMissing: StepPlan.OnMissing = .deadLetter)
    -> StepPlan.Kind
{
    .lookup(table: "countries", key: cel(key), alias: alias, onMissing: onMissing)
}
func validate(_ fields: FieldRule...) -> StepPlan.Kind { .validate(fields: fields) }
func field(
    _ name: String, _ type: FieldRule.JSONType? = nil, required: Bool = true, nullable: Bool = false, min: String? = nil,
    max: String? = nil, above: String? = nil, below: String? = nil, length: ClosedRange<Int>? = nil, pattern: String? = nil,
    allowed: [String]? = nil
) -> FieldRule {
    FieldRule(
        path: path(name), type: type, required: required, nullable: nullable, minimum: min, maximum: max, exclusiveMinimum: above,
        exclusiveMaximum: below, minLength: length?.lowerBound, maxLength: length?.upperBound, pattern: pattern, allowed: allowed,
        position: place(7))
}

/// code, region, vat_rate (decimal), since (int), with DE, FR and 5.
func countries() -> LookupTable {
    var builder = LookupTable.Builder(name: "countries", key: "code", columns: ["code", "region", "vat_rate", "since"])
    let rows: [(String, String?, Int64, Int64)] = [
        ("DE", "EU", 19, 1957), ("FR", "EU", 20, 1957), ("5", nil, 0, 5), ("Zü\"rich", "Alps", 77, 1),
    ]
    for (line, row) in rows.enumerated() {
        bytes(row.0) { code in
            bytes(row.1 ?? "") { region in
                let duplicate = builder.append(
                    [.string(code), row.1 == nil ? .null : .string(region), .decimal(row.2, scale: 2), .int(row.3)],
                    key: code, line: line + 2)
                precondition(duplicate == nil)
            }
        }
    }
    return builder.finish()
}

func bytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    var text = text
    return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
}

/// What a stage makes of a record: `value`; `dropped`; or `code pointer` of the dead letter.
struct Outcome: Equatable, CustomStringConvertible {
    var text: String
    var key: String?
    var partition: Int32
    var failure: RecordFailure?
    var description: String { text + (failure.map { " (\($0.step): \($0.message))" } ?? "") }
}

struct Given {
    var value: [UInt8]?
    var key: [UInt8]? = Array("k".utf8)
    var headers: [(String, [UInt8]?)] = []
    var partition: Int32 = 3

    init(_ value: String?, key: String? = "k", headers: [(String, String?)] = []) {
        self.value = value.map { Array($0.utf8) }
        self.key = key.map { Array($0.utf8) }
        self.headers = headers.map { ($0.0, $0.1.map { Array($0.utf8) }) }
    }
}

func compile(_ stage: StagePlan, inputs: Int32 = 6, outputs: Int32 = 6) throws -> StageProgram {
    try StageProgram.compile(stage: stage, lookups: LookupTables([countries()]), inputPartitions: inputs, outputPartitions: outputs)
}

func run(_ stage: StagePlan, _ value: String?) throws -> Outcome { try run(stage, Given(value)) }

func run(_ stage: StagePlan, _ given: Given, inputs: Int32 = 6, outputs: Int32 = 6) throws -> Outcome {
    var program = try compile(stage, inputs: inputs, outputs: outputs)
    var batch = OutputBatch()
    return run(&program, given, &batch)
}

func run(_ program: inout StageProgram, _ given: Given, _ batch: inout OutputBatch) -> Outcome {
    var memory = Arena()
    func keep(_ bytes: [UInt8]?) -> UnsafeRawBufferPointer {
        guard let bytes else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return bytes.withUnsafeBytes { memory.copy($0) }
    }
    let headers = given.headers.map { LogHeader(name: keep(Array($0.0.utf8)), value: keep($0.1)) }
    return headers.withUnsafeBufferPointer { headers in
        let record = LogRecord(
            key: keep(given.key), value: keep(given.value), headers: headers, partition: given.partition, offset: 42,
            timestamp: 1_700_000_000_000)
        batch.reset()
        let verdict = program.run(record, into: &batch)
        precondition(batch.count == (verdict == .out ? 1 : 0))
        switch verdict {
        case .dropped: return Outcome(text: "dropped", partition: -1)
        case .dead:
            let failure = program.failure
            return Outcome(
                text: "\(failure.code.rawValue) \(failure.pointer)".trimmingCharacters(in: .whitespaces), partition: -1,
                failure: failure)
        case .out:
            let output = batch.records[0]
            precondition(output.headers.count == given.headers.count)
            return Outcome(
                text: output.value.baseAddress == nil ? "null" : String(decoding: output.value, as: UTF8.self),
                key: output.key.baseAddress == nil ? nil : String(decoding: output.key, as: UTF8.self), partition: output.partition)
        }
    }
}
