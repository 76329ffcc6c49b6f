extension Plan {
    /// For scripts: the same as `text`. Shows no secret.
    public var json: String { jsonText.redacted(secrets).text + "\n" }

    /// Several plans as one JSON document.
    public static func json(_ plans: [Plan]) -> String {
        var secrets = Secrets()
        for plan in plans { secrets.formUnion(plan.secrets) }
        return JSONText.object([("topologies", .array(plans.map(\.jsonText)))]).redacted(secrets).text + "\n"
    }

    /// What came of several files as one JSON document: all their problems, and the plans of what has none.
    public static func json(_ files: [LoadedTopologies]) -> String {
        var secrets = Secrets()
        for file in files { secrets.formUnion(file.secrets) }
        return JSONText.object([
            ("problems", .array(files.flatMap(\.problemList))), ("topologies", .array(files.flatMap(\.plans).map(\.jsonText))),
        ]).redacted(secrets).text + "\n"
    }

    private var jsonText: JSONText {
        .object([
            ("name", .string(name)), ("description", .string(description)), ("file", .string(file)),
            ("kafka", kafka.map { .object([("bootstrap_servers", .string($0.bootstrapServers))]) } ?? .null),
            ("commit_interval_ms", .integer(commitIntervalMs)), ("memory_mb", .integer(memoryMB)),
            ("topics", .array(topics.map(topicJSON))),
            ("lookups", .array(lookups.map { .object([("name", .string($0.name)), ("key", .string($0.key))]) })),
            ("extractors", .array(extractors.map(extractorJSON))), ("stages", .array(stages.map(stageJSON))),
        ])
    }

    private func topicJSON(_ topic: TopicPlan) -> JSONText {
        let role =
            switch topic.role {
            case .data: "data"
            case .deadLetter: "dead_letter"
            case .parked: "parked"
            case .checkpoint: "checkpoint"
            }
        return .object([
            ("alias", .string(topic.alias)), ("name", .string(topic.name)), ("partitions", .integer(Int(topic.partitions))),
            ("replication", .integer(Int(topic.replication))), ("role", .string(role)),
        ])
    }

    private func extractorJSON(_ extractor: ExtractorPlan) -> JSONText {
        .object([
            ("name", .string(extractor.name)), ("path", .string(extractor.csv.path)), ("to", .string(extractor.to)),
            ("key", .optional(extractor.key?.source)), ("on_bad_row", .string(extractor.csv.onBadRow.rawValue)),
            ("guarantee", guaranteeJSON(guarantee(of: extractor))),
        ])
    }

    private func stageJSON(_ stage: StagePlan) -> JSONText {
        var ending: [(String, JSONText)]
        switch stage.ending {
        case .topic(let name): ending = [("to", .string(name))]
        case .postgres(let plan):
            ending = [
                (
                    "load",
                    .object([
                        ("postgres", .string(withoutPassword(plan.url))), ("table", .string(plan.table)),
                        ("mode", .string(plan.mode.rawValue)),
                        ("keys", .array(plan.keys.map { .string($0) })),
                    ])
                )
            ]
        }
        let steps = stage.steps.map { JSONText.object([("name", .string($0.name)), ("does", .string(stepText($0)))]) }
        return .object(
            [("name", .string(stage.name)), ("from", .string(stage.from))] + ending + [
                ("group", .string(group(of: stage))), ("threads", .integer(stage.threads)),
                ("dead_letters", .string(deadLetterTopic(of: stage.name))), ("steps", .array(steps)),
                ("guarantee", guaranteeJSON(guarantee(of: stage))),
            ])
    }

    private func guaranteeJSON(_ guarantee: Guarantee) -> JSONText {
        .object([
            ("delivery", .string(guarantee.delivery.rawValue)), ("durable", .boolean(guarantee.isDurable)),
            ("reason", .string(guarantee.reason)),
        ])
    }
}
