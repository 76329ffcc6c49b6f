import Command
import ETL
import Glibc
import Log

let discardLettersVerb = Verb(
    command: Command(
        name: "etl dlq discard",
        summary: "writes dead letters to a file and passes them, so that they are pending no more",
        options: LetterOptions.target + [
            LetterOptions.filter,
            Option("archive", "FILE", "where they are kept, a JSON line each (default: TOPIC.discarded-TIME.jsonl here)"),
            Option("limit", "N", "stop after N"),
            Option("yes", nil, "don't ask"),
            CommonOptions.format,
        ],
        examples: [
            "etl dlq discard --topology=orders.yaml --stage=validate --where 'dlq.code == \"parse.syntax\"'",
            "etl dlq discard --topology=orders.yaml --stage=validate --parked --archive=parked.jsonl --yes",
        ])
) { arguments in
    let json = try arguments.choice("format", of: ["text", "json"]) == "json"
    let limit = try arguments.integer("limit", in: 1...1_000_000_000)
    let isConfirmed = arguments.has("yes")
    guard isConfirmed || isatty(0) == 1 else { throw UsageError("nobody can be asked here; say --yes to discard without asking") }
    let target = try LetterTarget(arguments, discardLettersVerb.command)
    var plan = ReplayPlan(action: .discard, topic: target.topic)
    plan.filter = arguments.value("where")
    plan.limit = limit.map(Int64.init)
    var program = try plan.program()
    var (meant, all): (Int64, Int64) = (0, 0)
    try target.pending().read(target.log) { record in
        all += 1
        if program.match(record, LetterFacts(record)) == .yes { meant += 1 }
        return true
    }
    let path = arguments.value("archive") ?? "\(target.topic).discarded-\(fileTime()).jsonl"
    if !isConfirmed, meant > 0 {
        let count = min(meant, plan.limit ?? .max)
        writeAll("Discard \(grouped(count)) of \(counted(all, "dead letter")) of \(target.topic), into \(path)? [y/N] ", to: 1)
        guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
            throw ETLError(.failed, code: "dlq.declined", "nothing was discarded")
        }
    }
    try perform(plan, target, archive: meant > 0 ? DeadLetterArchive(path: path) : nil, json: json)
}

/// Now, as part of a file's name.
private func fileTime() -> String {
    String(formatTimestamp(milliseconds: wallClockMs()).prefix(19).map { $0 == ":" ? "-" : $0 })
}
