import Command
import ETL

let listVerb = Verb(
    command: Command(
        name: "etl list",
        summary: "lists the topologies in a folder",
        options: [Option("dir", "DIR", "the folder (default: topologies)"), CommonOptions.format],
        examples: ["etl list", "etl list --dir=/etc/etl --format=json"]
    )
) { arguments in
    let json = try arguments.choice("format", of: ["text", "json"]) == "json"
    let dir = arguments.value("dir") ?? "topologies"
    guard let rows = listTopologies(dir: dir) else {
        throw ETLError(
            .topology, code: "topology.not_found", "can't read folder '\(dir)'; name the folder of the topologies with --dir")
    }
    if rows.isEmpty && !json { writeAll("\(dir) has no topologies\n", to: 1) }
    let widths = (rows.map(\.name.count).max() ?? 0, rows.map(\.file.count).max() ?? 0)
    for row in rows {
        if json {
            writeAll(line(row), to: 1)
        } else {
            let flow = (row.extractors + row.stages).joined(separator: " → ")
            writeAll("\(padded(row.name, widths.0))  \(padded(row.file, widths.1))  \(flow)\n", to: 1)
            if !row.description.isEmpty { writeAll("\(padded("", widths.0))  \(row.description)\n", to: 1) }
        }
    }
}

private func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }

private func line(_ row: TopologyRow) -> String {
    var text = "{\"name\":"
    appendJSONString(row.name, to: &text)
    text += ",\"file\":"
    appendJSONString(row.file, to: &text)
    text += ",\"description\":"
    appendJSONString(row.description, to: &text)
    for (key, names) in [("extractors", row.extractors), ("stages", row.stages), ("loaders", row.loaders)] {
        text += ",\"\(key)\":["
        for (index, name) in names.enumerated() {
            if index > 0 { text += "," }
            appendJSONString(name, to: &text)
        }
        text += "]"
    }
    return text + "}\n"
}
