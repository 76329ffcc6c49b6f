import Command
import ETL
import Log

let listLettersVerb = Verb(
    command: Command(
        name: "etl dlq list",
        summary: "says which stages and extractors have dead letters: how many, since when, and how fast they come",
        options: [
            CommonOptions.topology, CommonOptions.pipeline, CommonOptions.dir, CommonOptions.environment, CommonOptions.format,
        ],
        examples: ["etl dlq list --topology=topologies/orders.yaml"])
) { arguments in
    let json = try arguments.choice("format", of: ["text", "json"]) == "json"
    let session = try LetterTarget.session(arguments, listLettersVerb.command)
    let plan = session.plan
    let log = try session.openLog()
    let topics = plan.topics.filter { $0.role == .deadLetter || $0.role == .parked }
    let there = try log.describe(topics: topics.map(\.name))
    let owners = (plan.stages.map(\.name) + plan.extractors.map(\.name))
    var rows: [[String]] = [["", "dead letters", "oldest", "newest", "last hour"]]
    var problems = ""
    for (topic, described) in zip(topics, there) where described != nil {
        let count = try LetterCount(
            of: topic.name, log: log, clock: SystemClock(), nowMs: wallClockMs(), servers: session.servers)
        guard count.count > 0 || count.problem != nil else { continue }
        let isParked = topic.role == .parked
        let owner = owners.first { (isParked ? plan.parkedTopic(of: $0) : plan.deadLetterTopic(of: $0)) == topic.name } ?? ""
        if json {
            var line = JSONLine()
            line.add("name", owner)
            line.raw("parked", isParked ? "true" : "false")
            line.add("topic", topic.name)
            line.add("count", count.count)
            line.add("oldest", count.oldest)
            line.add("newest", count.newest)
            line.add("last_hour", count.recent)
            if let problem = count.problem { line.add("problem", "\(problem.message) [\(problem.code)]") }
            writeAll(line.json + "\n", to: 1)
        } else {
            if let problem = count.problem { problems += "etl dlq list: \(problem.message) [\(problem.code)]\n" }
            rows.append([
                owner + (isParked ? " (parked)" : ""), grouped(Int64(count.count)), count.oldest, count.newest,
                grouped(Int64(count.recent)),
            ])
        }
    }
    if json { return }
    if rows.count == 1 { return writeAll("\(plan.name) has no dead letters\n", to: 1) }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    for row in rows {
        let cells = row.enumerated().map { column, cell in
            let pad = String(repeating: " ", count: widths[column] - cell.count)
            return column == 1 || column == 4 ? pad + cell : cell + pad
        }
        writeAll(cells.joined(separator: "  ") + "\n", to: 1)
    }
    writeAll(problems, to: 2)
}
