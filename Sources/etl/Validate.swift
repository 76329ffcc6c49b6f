import Command
import ETL

let validateVerb = Verb(
    command: Command(
        name: "etl validate",
        summary: "checks topologies like a compiler, then prints the plan and each stage's delivery guarantee",
        operands: "FILE…",
        options: [
            CommonOptions.environment,
            Option("live", nil, "also ask the real Kafka and Postgres: login, topics, rights, tables, columns, keys"),
            CommonOptions.format,
        ],
        examples: [
            "etl validate topologies/*.yaml", "etl validate orders.yaml --env=production --format=json",
            "etl validate orders.yaml --live",
        ])
) { arguments in
    guard !arguments.operands.isEmpty else { throw UsageError("name the topology: etl validate FILE…") }
    let json = try arguments.choice("format", of: ["text", "json"]) == "json"
    var errors = 0
    var liveErrors = 0
    var isUnreachable = false
    var files: [LoadedTopologies] = []
    for file in arguments.operands {
        var loaded = Session.load(file, arguments)
        let own = loaded.errorCount
        errors += own
        var notes: [String] = []
        if arguments.has("live") {
            let live = loaded.checkLive()
            notes = live.notes
            isUnreachable = isUnreachable || live.isUnreachable
            liveErrors += loaded.errorCount - own
        }
        if json {
            files.append(loaded)
        } else {
            if !loaded.problems.isEmpty { writeAll(loaded.problemsAsText(color: wantsColor(descriptor: 1)), to: 1) }
            writeAll(loaded.plans.map(\.text).joined(separator: "\n"), to: 1)
            if !notes.isEmpty { writeAll("\n" + notes.map { "  \($0)\n" }.joined(), to: 1) }
        }
    }
    if json { writeAll(Plan.json(files), to: 1) }
    if errors > 0 { throw ETLError(.topology, code: "topology.invalid", problems(errors)) }
    if liveErrors > 0 {
        throw ETLError(
            isUnreachable ? .unreachable : .failed, code: "topology.not_live", "\(problems(liveErrors)) with real services")
    }
}

private func problems(_ count: Int) -> String { "\(count) problem\(count == 1 ? "" : "s")" }

extension LoadedTopologies {
    fileprivate var errorCount: Int { problems.count { $0.severity == .error } }
}
