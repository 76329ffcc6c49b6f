extension Plan {
    /// For people: topics, extractors, stages and what each promises, and why. Shows no secret.
    public var text: String {
        var out = "\(name) (\(file))\n"
        if !description.isEmpty { out += "  \(description)\n" }
        out += "  \(log)\n"
        out += section("topics", table(topics.map { [$0.name, topicText($0)] }))
        out += section("lookups", table(lookups.map { [$0.name, lookupText($0)] }))
        out += section("extractors", extractors.flatMap { extractorLines($0) })
        out += section("stages", stages.flatMap { stageLines($0) })
        return secrets.redact(out)
    }

    private var log: String {
        kafka.map { "Kafka at \($0.bootstrapServers), commit every \(commitIntervalMs) ms" }
            ?? "in-memory log: topics live in one process"
    }

    private func section(_ title: String, _ lines: [String]) -> String {
        lines.isEmpty ? "" : "\n  \(title)\n" + lines.map { "    \($0)\n" }.joined()
    }

    private func table(_ rows: [[String]]) -> [String] {
        let width = rows.map { $0[0].count }.max() ?? 0
        return rows.map { $0[0] + String(repeating: " ", count: width - $0[0].count + 2) + $0[1] }
    }

    private func topicText(_ topic: TopicPlan) -> String {
        let partitions = "\(topic.partitions) \(topic.partitions == 1 ? "partition" : "partitions")"
        return switch topic.role {
        case .data: partitions
        case .deadLetter: "\(partitions), dead letters"
        case .parked: "\(partitions), dead letters that were replayed too often"
        case .checkpoint: "\(partitions), checkpoints of extractors"
        }
    }

    private func lookupText(_ lookup: LookupPlan) -> String {
        switch lookup.source {
        case .csv(let path, _): "\(path) by \(lookup.key)"
        }
    }

    private func extractorLines(_ extractor: ExtractorPlan) -> [String] {
        let key = extractor.key.map { ", key \(short($0))" } ?? ""
        let badRows = extractor.csv.onBadRow == .stop ? "bad rows stop it" : "bad rows go to \(deadLetterTopic(of: extractor.name))"
        return [
            "\(extractor.name): \(extractor.csv.path) → \(extractor.to)\(key)", "  \(badRows)",
            "  \(guarantee(of: extractor).text)",
        ]
    }

    private func stageLines(_ stage: StagePlan) -> [String] {
        let threads = stage.threads == 1 ? "1 thread" : "\(stage.threads) threads"
        return ["\(stage.name): \(stage.from) → \(endingText(stage))", "  group \(group(of: stage)), \(threads)"]
            + stage.steps.map { "  \($0.name): \(stepText($0))" } + ["  \(guarantee(of: stage).text)"]
    }

    func endingText(_ stage: StagePlan) -> String {
        switch stage.ending {
        case .topic(let name): name
        case .postgres(let plan):
            "Postgres table \(plan.table), \(plan.mode.rawValue)"
                + (plan.keys.isEmpty ? ", " : " by \(plan.keys.joined(separator: ", ")), ")
                + "at \(withoutPassword(plan.url))"
        }
    }

    /// A step in a few words.
    func stepText(_ step: StepPlan) -> String {
        func list(_ paths: [[String]]) -> String { paths.map { $0.joined(separator: ".") }.joined(separator: ", ") }
        switch step.kind {
        case .validate(let fields): return "validate \(list(fields.map(\.path)))"
        case .validateSchema(let schema): return "validate against \(schema.path)"
        case .check(_, let expression, let onFailure): return "check \(short(expression)), else \(word(onFailure.rawValue))"
        case .filter(let expression): return "keep where \(short(expression))"
        case .lookup(let table, let key, let alias, let onMissing):
            return "\(alias) = row of \(table) at \(short(key)), if missing \(word(onMissing.rawValue))"
        case .set(let targets): return "set \(list(targets.map(\.path)))"
        case .remove(let paths): return "remove \(list(paths))"
        case .keep(let paths): return "keep only \(list(paths))"
        case .rename(let pairs):
            return "rename "
                + pairs.map { "\($0.from.joined(separator: ".")) to \($0.to.joined(separator: "."))" }.joined(separator: ", ")
        case .rekey(let expression): return "key \(short(expression))"
        }
    }

    private func word(_ raw: String) -> String { raw.split(separator: "_").joined(separator: " ") }

    private func short(_ expression: ExpressionPlan) -> String {
        let line = secrets.redact(expression.source).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return line.count > 60 ? line.prefix(59) + "…" : line
    }
}

// What `print` and `dump` show of the parts that hold secrets.

extension PostgresPlan: CustomStringConvertible, CustomReflectable {
    public var description: String { "\(mode.rawValue) \(table) at \(withoutPassword(url))" }
    public var customMirror: Mirror { Mirror(self, children: ["table": table, "url": withoutPassword(url)]) }
}

extension KafkaPlan: CustomStringConvertible, CustomReflectable {
    public var description: String { "Kafka at \(bootstrapServers)" }
    public var customMirror: Mirror { Mirror(self, children: ["bootstrapServers": bootstrapServers]) }
}
