import Command
import ETL
import Log

let replayLettersVerb = Verb(
    command: Command(
        name: "etl dlq replay",
        summary: "sends dead letters back to the topic they came from, each exactly once; status 1 where all stay for an error",
        options: LetterOptions.target + LetterOptions.position + [
            LetterOptions.filter,
            Option(
                "set", "FIELD=CEL", "mend the value: a dotted path and an expression over the same names; repeatable", repeats: true
            ),
            Option("to", "TOPIC", "send them here instead of where they came from"),
            Option("rate", "N/s", "at most so many a second; after a pause at most a second's more at once"),
            Option("limit", "N", "stop after N were replayed; what stays or is parked doesn't count"),
            Option(
                "dry-run", nil,
                "write nothing: show what would go where, what --set changes, and whether the stage would pass it now, or its "
                    + "table's columns take it (constraints aren't tried)"),
            Option(
                "until-end", nil, "stop at the end seen at the start (the default; what fails again meanwhile waits for the next)"),
            CommonOptions.format,
        ],
        examples: [
            "etl dlq replay --topology=topologies/orders.yaml --stage=validate --dry-run",
            "etl dlq replay --topology=orders.yaml --stage=validate --where 'dlq.code == \"lookup.missing\"' --rate=100/s",
            "etl dlq replay --topology=orders.yaml --stage=validate --where 'message.q < 0' --set 'q=-message.q'",
            "etl dlq replay --topology=orders.yaml --stage=validate --parked",
            "etl dlq replay --bootstrap=localhost:9092 --topic=connect-dlq",
        ])
) { arguments in
    let json = try arguments.choice("format", of: ["text", "json"]) == "json"
    let rate = try arguments.value("rate").map(recordsPerSecond)
    let target = try LetterTarget(arguments, replayLettersVerb.command)
    if let extractor = target.extractor, arguments.value("to") == nil {
        throw UsageError(
            "\(extractor.name) is an extractor: its dead letters are rows as they stand in the files, which no stage can read. "
                + "Mend the file, or make records of them: --to=TOPIC --set 'field=value.split(\",\")[0]' … (value: the row)")
    }
    if arguments.value("to") == target.topic { throw UsageError("--to=\(target.topic) is the topic they are read from") }
    var plan = try target.plan(.replay, arguments)
    plan.to = arguments.value("to")
    plan.sets = arguments.list("set")
    plan.rate = rate
    plan.maxAttempts = plan.parkedTopic == nil ? nil : target.session.plan.deadLetter.maxAttempts
    plan.areRows = target.extractor != nil
    if arguments.has("dry-run") { return try preview(plan, target, json: json) }
    try perform(plan, target, archive: nil, json: json)
}

/// `100/s`, or a number alone.
private func recordsPerSecond(_ text: String) throws(UsageError) -> Double {
    let number = text.hasSuffix("/s") ? String(text.dropLast(2)) : text
    guard let rate = Double(number), rate > 0, rate.isFinite else {
        throw UsageError("--rate=\(text): write a number of records a second above 0, e.g. --rate=100/s")
    }
    return rate
}

/// Shows what a replay would do.
private func preview(_ plan: ReplayPlan, _ target: LetterTarget, json: Bool) throws {
    let readers = plan.to.map { to in target.session.plan.stages.filter { $0.from == to } } ?? [target.stage].compactMap(\.self)
    let reader = readers.first
    let lookups: LookupTables
    do { lookups = try LookupTables.load(reader == nil ? [] : target.session.plan.lookups) } catch {
        throw ETLError(.topology, code: error.code, error.message)
    }
    var preview = try LetterPreview(plan, program: try plan.program(), log: target.log, stage: reader, lookups: lookups)
    var counts: [(name: String, count: Int64)] = []
    var failure: LogError?
    var looked = 0
    var goBack = 0
    var shown = 0
    let pending = try target.pending()
    try pending.requirePosition(plan)
    try pending.requireStart(plan, target.log, nowMs: wallClockMs())
    try pending.read(target.log) { record in
        do throws(LogError) {
            guard let outcome = try preview.look(at: record) else { return true }
            looked += 1
            if outcome.verdict.goesBack { goBack += 1 }
            let name = outcome.verdict.name
            if let index = counts.firstIndex(where: { $0.name == name }) {
                counts[index].count += 1
            } else {
                counts.append((name, 1))
            }
            if json {
                writeAll(outcome.json(triedBy: reader) + "\n", to: 1)
            } else if shown < 50 {
                shown += 1
                writeAll(outcome.text, to: 1)
            }
        } catch {
            failure = error
            return false
        }
        return plan.limit.map { goBack < $0 } ?? true
    }
    if let failure { throw failure }
    if json { return }
    if looked > shown { writeAll("… and \(grouped(Int64(looked - shown))) more\n", to: 1) }
    let rows = counts.sorted { $0.count > $1.count }.map { "  \(grouped($0.count)) \($0.name)\n" }.joined()
    writeAll("\(counted(Int64(looked), "dead letter")) of \(plan.topic); nothing was written or moved\n\(rows)", to: 1)
    if let tried = reader?.tried(others: readers.dropFirst().map(\.name)) { writeAll(tried, to: 1) }
}

extension StagePlan {
    /// What a dry run went by.
    fileprivate func tried(others: [String]) -> String {
        let how =
            switch ending {
            case .postgres(let table): "the columns of table \(table.table) of stage \(name); its constraints and triggers were not"
            case .topic: "the steps of stage \(name)"
            }
        let rest =
            others.isEmpty
            ? "" : "; not those of \(others.joined(separator: ", ")), which \(others.count == 1 ? "reads" : "read") it too"
        return "  tried: \(how)\(rest)\n"
    }
}

extension LetterPreview.Verdict {
    /// For the summary.
    fileprivate var name: String {
        switch self {
        case .passes: "would pass now"
        case .converts: "would be a row of the table, unless a constraint refuses it"
        case .dropped: "would be dropped by a filter"
        case .fails(let code, let step, _): "would fail again: \(code)\(step.isEmpty ? "" : " \(step)")"
        case .untried: "would be sent; no stage of the topology reads them there"
        case .parked: "would be parked"
        case .kept(let kept): "would stay: \(kept.code)"
        }
    }
}

extension LetterPreview.Outcome {
    fileprivate var text: String {
        var line = "\(place)\(to.map { " → \($0)" } ?? ""): \(verdict.name)"
        switch verdict {
        case .fails(_, _, let message): line += ": \(message)"
        case .kept(let kept): line += ": \(kept.message)"
        case .passes, .converts, .dropped, .untried, .parked: break
        }
        for change in changes {
            if let before = change.before { line += "\n    - \(change.path): \(before)" }
            line += "\n    + \(change.path): \(change.after)"
        }
        return line + "\n"
    }

    fileprivate func json(triedBy stage: StagePlan?) -> String {
        var line = JSONLine()
        line.add("place", place)
        line.raw("to", to.map { "\"\($0)\"" } ?? "null")
        switch verdict {
        case .passes: line.add("verdict", "passes")
        case .converts: line.add("verdict", "converts")
        case .dropped: line.add("verdict", "dropped")
        case .untried: line.add("verdict", "untried")
        case .parked: line.add("verdict", "parked")
        case .fails(let code, let step, let message):
            line.add("verdict", "fails")
            line.add("code", code)
            line.add("step", step)
            line.add("message", message)
        case .kept(let kept):
            line.add("verdict", "kept")
            line.add("code", kept.code)
            line.add("message", kept.message)
        }
        // None: it wasn't tried.
        if let stage, verdict.goesBack, verdict != .untried { line.add("stage", stage.name) }
        let changes = changes.map { change in
            var line = JSONLine()
            line.add("path", change.path)
            line.raw("before", change.before ?? "null")
            line.raw("after", change.after)
            return line.json
        }
        line.raw("changes", "[\(changes.joined(separator: ","))]")
        return line.json
    }
}
