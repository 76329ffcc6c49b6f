import Command
import ETL
import Log

let statusVerb = Verb(
    command: Command(
        name: "etl status",
        summary: "shows how far every stage of a pipeline is, and how many dead letters wait at most ('etl dlq list' counts them)",
        options: [
            CommonOptions.topology, CommonOptions.pipeline, CommonOptions.dir, CommonOptions.environment,
            Option("sample", "SECONDS", "how long to watch for the rate (default: 1; 0: not at all)"), CommonOptions.format,
        ],
        examples: ["etl status --topology=topologies/orders.yaml", "etl status --pipeline=orders --format=json --sample=0"]
    )
) { arguments in
    let json = try arguments.choice("format", of: ["text", "json"]) == "json"
    let seconds = try arguments.integer("sample", in: 0...3600) ?? 1
    let (plan, log) = try openPlanOnKafka(arguments, statusVerb.command)
    let rows = try plan.status(log, sampleMs: Int64(seconds) * 1000)
    writeAll(json ? plan.statusJSON(rows) : plan.statusText(rows), to: 1)
}

let resumeVerb = Verb(
    command: Command(
        name: "etl resume",
        summary: "lets a stage go on with partitions it paused because too many of their records failed",
        options: [
            CommonOptions.topology, CommonOptions.pipeline, CommonOptions.dir, CommonOptions.environment,
            Option("stage", "NAME", "the stage"), Option("partition", "N", "only this partition of the topic it reads"),
        ],
        examples: ["etl resume --topology=topologies/orders.yaml --stage=validate --partition=2"]
    )
) { arguments in
    let name = try arguments.required("stage", resumeVerb.command)
    let partition = try arguments.integer("partition", in: 0...1_000_000).map { Int32($0) }
    let (plan, log) = try openPlanOnKafka(arguments, resumeVerb.command)
    guard let stage = plan.stage(named: name) else {
        let names = plan.stages.map(\.name)
        throw UsageError(
            "--stage=\(name): \(plan.name) has \(names.joined(separator: ", "))"
                + (nearest(name, names).map { "; did you mean \($0)?" } ?? ""))
    }
    guard let topic = try log.describe(topics: [stage.from]).first ?? nil else {
        throw ETLError(.failed, code: "log.topic_missing", "stage \(name) reads topic \(stage.from), which doesn't exist")
    }
    if let partition, partition >= topic.partitions {
        throw UsageError("--partition=\(partition): topic \(stage.from) has partitions 0 to \(topic.partitions - 1)")
    }
    try ResumeRequest.send(stage: name, partition: partition, plan: plan, log: log)
    let what = partition.map { "partition \($0)" } ?? "every paused partition"
    writeAll("asked all that run stage \(name) to go on with \(what) of \(stage.from); they hear it within seconds\n", to: 1)
}

/// The plan of the command line and its Kafka.
private func openPlanOnKafka(_ arguments: Arguments, _ command: Command) throws -> (plan: Plan, log: any RecordLog) {
    let session = try Session(arguments, command)
    guard session.plan.kafka != nil else {
        throw ETLError(
            .topology, code: "topology.no_kafka",
            "\(session.plan.file) has no 'kafka:': its topics live in one process, which shows and takes this over HTTP (--http)")
    }
    return (session.plan, try session.openLog())
}
