import Command
import ETL

let listVerb = Verb(command: Command(
    name: "etl list",
    summary: "lists the topologies in a folder",
    options: [Option("dir", "DIR", "the folder (default: topologies)"), CommonOptions.format],
    examples: ["etl list", "etl list --dir=/etc/etl --format=json"]
)) { arguments in
    let format = try arguments.choice("format", of: ["text", "json"])
    writeAll(try listTopologies(dir: arguments.value("dir") ?? "topologies", json: format == "json"), to: 1)
}
