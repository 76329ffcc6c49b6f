import Command
import ETL
import Glibc
import Log

let discardLettersVerb = Verb(
    command: Command(
        name: "etl dlq discard",
        summary: "writes dead letters to a file and passes them, so that they are pending no more",
        options: LetterOptions.target + LetterOptions.position + [
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
    let isConfirmed = arguments.has("yes")
    guard isConfirmed || isatty(0) == 1 else { throw UsageError("nobody can be asked here; say --yes to discard without asking") }
    let target = try LetterTarget(arguments, discardLettersVerb.command)
    var plan = try target.plan(.discard, arguments)
    var program = try plan.program()
    let pending = try target.pending()
    try pending.requirePosition(plan)
    try pending.requireStart(plan, target.log, nowMs: wallClockMs())
    // What comes after the question isn't what it was about.
    plan.ends = pending.ends
    var (meant, all): (Int64, Int64) = (0, 0)
    var left = ReplaySummary()
    try pending.read(target.log) { record in
        all += 1
        let place = "\(target.topic)[\(record.partition)]@\(record.offset)"
        switch program.match(record, LetterFacts(record)) {
        case .yes: meant += 1
        case .no: left.keep(.unmatched, place)
        case .failed(let reason): left.keep(.filterFailed(reason), place)
        }
        return true
    }
    guard meant > 0 else {
        left.expired = pending.expired
        return left.tell(plan, archive: nil, json: json)
    }
    let path = arguments.value("archive") ?? "\(target.topic).discarded-\(fileTime()).jsonl"
    if !isConfirmed {
        let count = min(meant, plan.limit ?? .max)
        writeAll("Discard \(grouped(count)) of \(counted(all, "dead letter")) of \(target.topic), into \(path)? [y/N] ", to: 2)
        guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
            throw ETLError(.failed, code: "dlq.declined", "nothing was discarded")
        }
    }
    try perform(plan, target, archive: DeadLetterArchive(path: path), json: json)
}

/// Now, as part of a file's name.
private func fileTime() -> String {
    String(formatTimestamp(milliseconds: wallClockMs()).prefix(19).map { $0 == ":" ? "-" : $0 })
}
