import Command
import ETL
import Glibc

let stageCommand = Command(
    name: "etl-stage",
    summary: "runs one stage of a topology: what a pod runs",
    options: [
        CommonOptions.topology, CommonOptions.pipeline, CommonOptions.dir,
        Option("stage", "NAME", "the stage"),
        Option("threads", "N", "members of the consumer group in this process (default: the stage's own number)"),
        Option(
            "instance", "NAME",
            "tells this process from others running the stage; part of transactional ids (default: host name and a free slot)"),
        CommonOptions.environment,
        Option("until-end", nil, "stop at the end offsets seen at the start"),
        Option("create-topics", nil, "make the topics it needs if they don't exist"),
        CommonOptions.http,
        Option("format", "text|json", "print progress and a summary (default: only log lines)"),
    ],
    examples: [
        "etl-stage --topology=orders.yaml --stage=enrich",
        "etl-stage --topology=orders.yaml --stage=enrich --threads=4 --until-end",
    ])

@main
enum Main {
    static func main() {
        runCommand(stageCommand, Array(CommandLine.arguments.dropFirst())) { arguments in
            try Signals.watch()
            let threads = try arguments.integer("threads", in: 1...256)
            let format = try arguments.choice("format", of: ["text", "json"])
            let name = try arguments.required("stage", stageCommand)
            let session = try Session(arguments, stageCommand)
            let plan = session.plan
            guard plan.kafka != nil else {
                throw ETLError(
                    .topology, code: "topology.no_kafka",
                    "\(plan.file) has no 'kafka:', so a stage has nothing to share with others; use 'etl run'")
            }
            guard let stage = plan.stage(named: name) else {
                let names = plan.stages.map(\.name)
                throw UsageError(
                    "--stage=\(name): \(plan.name) has \(names.joined(separator: ", "))"
                        + (nearest(name, names).map { "; did you mean \($0)?" } ?? ""))
            }
            let http = try session.http(arguments)
            let log = try session.openLog()
            var topics: Set = [stage.from, plan.deadLetterTopic(of: stage.name)]
            if case .topic(let output) = stage.ending { topics.insert(output) }
            try plan.requireTopics(log, create: arguments.has("create-topics"), names: topics)
            try execute(
                session, log: log, extractors: [], stages: [stage],
                instance: arguments.value("instance") ?? Instance(scope: "\(plan.name).\(stage.name)").name, threads: threads,
                follow: !arguments.has("until-end"), http: http, progress: format.map { Progress(format: $0) })
        }
    }
}
