import Command
import ETL
import Log

let topicsVerb = Verb(
    command: Command(
        name: "etl topics",
        summary: "creates or checks the topics a topology needs",
        operands: "create|check",
        options: [
            CommonOptions.topology, CommonOptions.pipeline, CommonOptions.dir, CommonOptions.environment, CommonOptions.format,
        ],
        examples: ["etl topics create --topology=topologies/orders.yaml", "etl topics check --pipeline=orders"]
    )
) { arguments in
    guard let what = arguments.operands.first, ["create", "check"].contains(what), arguments.operands.count == 1 else {
        throw UsageError("say 'etl topics create' or 'etl topics check'")
    }
    let json = try arguments.choice("format", of: ["text", "json"]) == "json"
    let session = try Session(arguments, topicsVerb.command)
    guard session.plan.kafka != nil else {
        throw ETLError(
            .topology, code: "topology.no_kafka",
            "\(session.plan.file) has no 'kafka:'; its topics live in memory and need no creation")
    }
    let log = try session.openLog()
    var failures = 0
    var rows: [(topic: TopicPlan, state: String, isRight: Bool)] = []
    let checks = try session.plan.checkTopics(log)
    // Also those that seem to be there: the broker that was asked may not have heard yet that one was deleted. The controller has.
    let outcomes = what == "create" ? try session.plan.createTopics(checks.map(\.topic), log) : []
    for check in checks {
        let outcome = outcomes.first(where: { $0.topic == check.topic })?.outcome
        switch (outcome, check.state) {
        case (.created, _): rows.append((check.topic, "created", true))
        case (_, .right): rows.append((check.topic, "exists", true))
        case (_, .wrongPartitions(let actual)):
            rows.append((check.topic, "has \(actual) partitions, the topology says \(check.topic.partitions)", false))
        case (.existed, .missing): rows.append((check.topic, "exists", true))
        case (.failed(let error), .missing): rows.append((check.topic, "failed: \(error.message)", false))
        case (nil, .missing): rows.append((check.topic, "missing", false))
        }
    }
    let width = rows.map(\.topic.name.count).max() ?? 0
    for row in rows {
        if !row.isRight { failures += 1 }
        if json {
            var line = "{\"topic\":"
            appendJSONString(row.topic.name, to: &line)
            line += ",\"partitions\":\(row.topic.partitions),\"right\":\(row.isRight),\"state\":"
            appendJSONString(row.state, to: &line)
            writeAll(line + "}\n", to: 1)
        } else {
            let pad = String(repeating: " ", count: width - row.topic.name.count)
            let partitions = "\(row.topic.partitions) partition\(row.topic.partitions == 1 ? " " : "s")"
            writeAll("\(row.topic.name)\(pad)  \(partitions)  \(row.state)\n", to: 1)
        }
    }
    if failures > 0 {
        throw ETLError(
            .failed, code: "topics.wrong",
            "\(failures) of \(rows.count) topics \(failures == 1 ? "isn't" : "aren't") as the topology says"
                + (what == "check" ? "; 'etl topics create' makes the missing ones" : ""))
    }
}
