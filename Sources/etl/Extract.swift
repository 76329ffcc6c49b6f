import Command
import ETL

let extractVerb = Verb(
    command: Command(
        name: "etl extract",
        summary: "runs one extractor as a producer, going on from its checkpoint",
        options: [
            CommonOptions.topology, CommonOptions.pipeline, CommonOptions.dir, CommonOptions.environment,
            Option("extractor", "NAME", "the extractor (may be left out where there is only one)"),
            Option("follow", nil, "look for new files and rows for ever"),
            Option("create-topics", nil, "make the topics it needs if they don't exist"),
            CommonOptions.format,
        ],
        examples: ["etl extract --topology=topologies/orders.yaml --extractor=orders_csv"]
    )
) { arguments in
    try Signals.watch()
    let format = try arguments.choice("format", of: ["text", "json"])
    let session = try Session(arguments, extractVerb.command)
    let plan = session.plan
    guard plan.kafka != nil else {
        throw ETLError(
            .topology, code: "topology.no_kafka",
            "\(plan.file) has no 'kafka:', so there is no topic that outlives this process; use 'etl run'")
    }
    let name = arguments.value("extractor") ?? (plan.extractors.count == 1 ? plan.extractors[0].name : "")
    guard let extractor = plan.extractor(named: name) else {
        let names = plan.extractors.map(\.name)
        throw UsageError(
            names.isEmpty
                ? "\(plan.file) has no extractors"
                : "--extractor=\(name): \(plan.name) has \(names.joined(separator: ", "))"
                    + (nearest(name, names).map { "; did you mean \($0)?" } ?? ""))
    }
    let log = try session.openLog()
    try plan.requireTopics(
        log, create: arguments.has("create-topics"),
        names: [extractor.to, plan.checkpointTopic, plan.deadLetterTopic(of: extractor.name)])
    try execute(
        session, log: log, extractors: [extractor], stages: [], instance: "extract", follow: arguments.has("follow"),
        progress: Progress(format: format))
}
