import Command
import ETL
import Log

let showLettersVerb = Verb(
    command: Command(
        name: "etl dlq show",
        summary: "shows a stage's dead letters, grouped by code, step and field with an example each",
        options: LetterOptions.target + [
            LetterOptions.filter,
            Option("raw", nil, "each record as it is, with its headers (with --format=json: bytes that aren't UTF-8 as base64)"),
            Option("limit", "N", "at most N groups, or with --raw N records (default: all)"),
            CommonOptions.format,
        ],
        examples: [
            "etl dlq show --topology=topologies/orders.yaml --stage=validate",
            "etl dlq show --topology=orders.yaml --stage=validate --where 'dlq.code == \"check.failed\"' --raw",
            "etl dlq show --bootstrap=localhost:9092 --topic=connect-dlq",
        ])
) { arguments in
    let json = try arguments.choice("format", of: ["text", "json"]) == "json"
    let limit = try arguments.integer("limit", in: 1...1_000_000_000)
    let target = try LetterTarget(arguments, showLettersVerb.command)
    var filter = try LetterProgram(topic: target.topic, filter: arguments.value("where"), sets: [])
    var groups = LetterGroups(topic: target.topic)
    var failed: (count: Int64, reason: String) = (0, "")
    var shown = 0
    var lines = LetterJSON()
    let isRaw = arguments.has("raw")
    let pending = try target.pending()
    if let problem = pending.problem(servers: target.session.servers) {
        writeAll("etl dlq show: \(problem.message) [\(problem.code)]\n", to: 2)
    }
    try pending.read(target.log) { record in
        let facts = LetterFacts(record)
        switch filter.match(record, facts) {
        case .yes: break
        case .no: return true
        case .failed(let reason):
            failed = (failed.count + 1, failed.reason.isEmpty ? reason : failed.reason)
            return true
        }
        guard isRaw else {
            groups.add(record, facts)
            return true
        }
        shown += 1
        if json { writeAll(lines.line(record, topic: target.topic), to: 1) } else { write(record, topic: target.topic) }
        return limit.map { shown < $0 } ?? true
    }
    if !isRaw {
        for group in groups.sorted.prefix(limit ?? .max) { writeAll(json ? line(group) : text(group), to: 1) }
        if !json { writeAll("\(counted(Int64(groups.count), "dead letter")) in \(target.topic)\n", to: 1) }
    }
    if failed.count > 0 {
        writeAll("etl dlq show: --where could not be evaluated on \(grouped(failed.count)) others: \(failed.reason)\n", to: 2)
    }
}

private func write(_ record: LogRecord, topic: String) {
    var head = "\(topic)[\(record.partition)]@\(record.offset)"
    if record.timestamp >= 0 { head += "  \(formatTimestamp(milliseconds: record.timestamp))" }
    writeAll(head + "\n", to: 1)
    if record.key.baseAddress != nil { writeAll("  key: \(excerpt(record.key, most: 10_000))\n", to: 1) }
    for header in record.headers {
        writeAll("  \(excerpt(header.name)): \(excerpt(header.value, most: 2000))\n", to: 1)
    }
    if record.value.baseAddress == nil { writeAll("null", to: 1) } else { writeAll(record.value, to: 1) }
    writeAll("\n\n", to: 1)
}

private func text(_ group: LetterGroup) -> String {
    let reason = [group.code.isEmpty ? "(no code)" : group.code, group.step, group.pointer].filter { !$0.isEmpty }
    var text = "\(grouped(Int64(group.count))) × \(reason.joined(separator: "  "))"
    text += group.writer == .etl ? "" : "  (\(group.writer == .unknown ? "no headers that say why" : group.writer.rawValue))"
    text += "\n    \(group.oldest == group.newest ? group.oldest : "\(group.oldest) to \(group.newest)")"
    if group.mostAttempts > 1 { text += ", replayed up to \(group.mostAttempts - 1) times" }
    if !group.message.isEmpty { text += "\n    \(group.message)" }
    return text + "\n    e.g. \(group.place)\(group.origin.isEmpty ? "" : " from \(group.origin)"): \(group.sample)\n"
}

private func line(_ group: LetterGroup) -> String {
    var line = JSONLine()
    line.add("count", group.count)
    line.add("writer", group.writer.rawValue)
    line.add("code", group.code)
    line.add("step", group.step)
    line.add("pointer", group.pointer)
    line.add("oldest", group.oldest)
    line.add("newest", group.newest)
    line.add("most_attempts", group.mostAttempts)
    line.add("message", group.message)
    line.add("place", group.place)
    line.add("origin", group.origin)
    line.add("sample", group.sample)
    return line.json + "\n"
}
