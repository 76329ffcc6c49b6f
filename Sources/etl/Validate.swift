import Command
import ETL

let validateVerb = Verb(command: Command(
    name: "etl validate",
    summary: "checks topologies like a compiler, then prints the plan and each stage's delivery guarantee",
    operands: "FILE…",
    options: [CommonOptions.environment, CommonOptions.format],
    examples: ["etl validate topologies/*.yaml", "etl validate orders.yaml --env=production --format=json"]
)) { arguments in
    guard !arguments.operands.isEmpty else { throw UsageError("name the topology: etl validate FILE…") }
    let json = try arguments.choice("format", of: ["text", "json"]) == "json"
    var errors = 0
    var files: [LoadedTopologies] = []
    for file in arguments.operands {
        let loaded = Session.load(file, arguments)
        errors += loaded.problems.filter { $0.severity == .error }.count
        if json {
            files.append(loaded)
        } else {
            if !loaded.problems.isEmpty { writeAll(loaded.problemsAsText(color: wantsColor(descriptor: 1)), to: 1) }
            writeAll(loaded.plans.map(\.text).joined(separator: "\n"), to: 1)
        }
    }
    if json { writeAll(Plan.json(files), to: 1) }
    if errors > 0 { throw ETLError(.topology, code: "topology.invalid", "\(errors) problem\(errors == 1 ? "" : "s")") }
}
