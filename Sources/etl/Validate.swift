import Command
import ETL
import Glibc

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
    for file in arguments.operands {
        let loaded = loadTopologies(file: file, environment: arguments.value("env"), checkExpressions: checkExpressions)
        errors += loaded.problems.filter { $0.severity == .error }.count
        if json {
            writeAll(renderProblemsJSON(loaded.problems), to: 1)
        } else if !loaded.problems.isEmpty {
            writeAll(renderProblems(loaded.problems, colour: isatty(1) == 1), to: 1)
        }
        for plan in loaded.plans { writeAll(json ? describePlanJSON(plan) : describePlan(plan), to: 1) }
    }
    if errors > 0 { throw ETLError(.topology, code: "topology.invalid", "\(errors) problem\(errors == 1 ? "" : "s")") }
}
