import ETL
import Log

/// A record through a stage's steps, from what was consumed to what is to be sent: the topologies that are measured on Kafka too.
func stageSubjects() throws -> [Subject] {
    [
        try steps("steps of W2 on an order", Record(Record.order), calls: 100_000),
        try steps("steps of W2 on a nested order", Record(Record.nested), calls: 40_000),
    ]
}

/// A plan of `Benchmarks/topologies`.
func plan(_ name: String, _ more: [String: String] = [:]) throws -> Plan {
    let variables = [
        "NAME": name.lowercased(), "BOOTSTRAP": "localhost:9092", "IN": "in", "OUT": "out", "COUNTRIES": "../work/countries.csv",
        "CSV": "orders.csv",
    ].merging(more) { $1 }
    let loaded = loadTopologies(file: "Benchmarks/topologies/\(name).yaml", variables: variables)
    guard let plan = loaded.plans.first else {
        throw SubjectError(description: "\(name).yaml: " + loaded.problems.map(\.message).joined(separator: "; "))
    }
    return plan
}

private func steps(_ name: String, _ record: Record, calls: Int) throws -> Subject {
    let plan = try plan("W2")
    guard let stage = plan.stages.first else { throw SubjectError(description: "W2.yaml has no stage") }
    let program = try StageProgram.compile(
        stage: stage, lookups: try LookupTables.load(plan.lookups), inputPartitions: 6, outputPartitions: 6)
    let steps = Steps(program)
    guard steps.run(record.bytes, 1) == 1 else { throw SubjectError(description: "W2 doesn't let the record pass") }
    return Subject("\(name) (\(record.bytes.count) B)", calls: calls) { _ = steps.run(record.bytes, $0) }
}

private final class Steps {
    private var program: StageProgram
    private var outputs = OutputBatch()
    private let key = Record("c-004217")

    init(_ program: consuming StageProgram) { self.program = program }

    /// Gives how many came out since the last batch was sent.
    func run(_ value: UnsafeRawBufferPointer, _ calls: Int) -> Int {
        let record = LogRecord(
            key: key.bytes, value: value, headers: UnsafeBufferPointer(start: nil, count: 0), partition: 3, offset: 42,
            timestamp: 1_700_000_000_000)
        for _ in 0..<calls {
            if outputs.count == 1000 { outputs.reset() }  // a batch that was sent
            use(program.run(record, into: &outputs) == .out)
        }
        return outputs.count
    }
}
