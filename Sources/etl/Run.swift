import Command
import ETL

let runVerb = Verb(
    command: Command(
        name: "etl run",
        summary: "runs every extractor and stage of one pipeline in this process, until the input is drained",
        options: [
            CommonOptions.topology, CommonOptions.pipeline, CommonOptions.dir, CommonOptions.environment,
            Option("follow", nil, "go on for ever instead of ending when the input is drained"),
            Option("embedded", nil, "use the in-memory log even if the topology names a Kafka"),
            CommonOptions.http, CommonOptions.format,
        ],
        examples: ["etl run --topology=topologies/orders.yaml", "etl run --pipeline=orders --follow"]
    )
) { arguments in
    try Signals.watch()
    let format = try arguments.choice("format", of: ["text", "json"])
    let session = try Session(arguments, runVerb.command)
    let http = try session.http(arguments)
    let log = try session.openLog(embedded: arguments.has("embedded"))
    try session.plan.requireTopics(log, create: true)
    // "run-": an etl-stage of the same topology on this host has slots of its own, and would have the same transactional ids.
    try execute(
        session, log: log, extractors: session.plan.extractors, stages: session.plan.stages,
        instance: "run-" + Instance(scope: session.plan.name).name, follow: arguments.has("follow"),
        http: http, progress: Progress(format: format))
}
