import Command

let evalVerb = Verb(
    command: Command(
        name: "etl eval",
        summary: "tries out what topologies are made of: JSON Schemas, and JSON itself",
        options: [
            Option("batch", nil, "read one case from each line of standard input, write one result for each"),
            Option(
                "schema", nil,
                "with --batch: cases are {\"id\", \"schema\", \"data\"}, perhaps with assert_format, remotes, dialect"),
            Option("parse", "FILE", "only check that FILE is JSON by RFC 8259"),
        ],
        examples: ["etl eval --batch --schema < cases.jsonl", "etl eval --parse=record.json"]
    )
) { arguments in
    if let file = arguments.value("parse") { return try evalParse(file) }
    if arguments.has("batch"), arguments.has("schema") { return try evalSchemas() }
    throw UsageError("say what to try: --parse=FILE, or --batch --schema")
}
