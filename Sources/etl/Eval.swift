import CEL
import Command
import ETL
import Glibc
import Kafka
import Log

let evalVerb = Verb(
    command: Command(
        name: "etl eval",
        summary: "tries out expressions on records, JSON Schemas, and JSON itself",
        operands: "EXPRESSION",
        options: [
            Option("record", "FILE", "the record, as JSON"),
            Option("from", "TOPIC", "the first records of a topic"),
            Option("max", "COUNT", "how many of the topic's records, 1 to 100000 (default: 20)"),
            Option("bootstrap", "HOST:PORT", "where the topic's Kafka is"),
            Option("topology", "FILE", "a topology whose Kafka it is"),
            CommonOptions.environment,
            Option("batch", nil, "each line of stdin is an expression with its bindings, as JSON"),
            Option("typed", nil, "with --batch: values tell their types, like {\"int\":\"5\"}"),
            Option(
                "schema", nil,
                "with --batch: each line is {\"id\", \"schema\", \"data\"}, perhaps with assert_format, remotes, dialect"),
            Option("parse", "FILE", "only check that FILE is JSON by RFC 8259"),
            Option("strict-numbers", nil, "arithmetic on numbers of different types is an error"),
        ],
        examples: [
            "etl eval 'message.total > 10' --record=order.json",
            "etl eval 'message.items.map(i, i.price)' <orders.jsonl",
            "etl eval 'message.status' --from=orders.raw --max=5 --bootstrap=localhost:9092",
            "echo '{\"id\":1,\"expr\":\"a + 1\",\"bindings\":{\"a\":{\"int\":\"5\"}}}' | etl eval --batch --typed",
            "etl eval --batch --schema <cases.jsonl",
            "etl eval --parse=record.json",
        ]
    )
) { arguments in
    if let file = arguments.value("parse") { return try evalParse(file) }
    if arguments.has("batch"), arguments.has("schema") { return try evalSchemas() }
    var options = CELOptions()
    options.strictNumbers = arguments.has("strict-numbers")
    if arguments.has("batch") {
        guard arguments.has("typed"), arguments.operands.isEmpty else {
            throw UsageError("write 'etl eval --batch --typed' or 'etl eval --batch --schema'; cases come on stdin")
        }
        options.checksTypes = false
        return evaluateBatch(options)
    }
    try evaluateExpression(options, arguments)
}

/// For people. Exit status 1: on some record the expression failed; 2: it doesn't compile.
private func evaluateExpression(_ options: CELOptions, _ arguments: Arguments) throws {
    guard arguments.operands.count == 1, let source = arguments.operands.first else {
        throw UsageError("write the expression in quotes: etl eval 'message.total > 10' --record=order.json")
    }
    let max = try arguments.integer("max", in: 1...100_000)
    if arguments.value("record") != nil, arguments.value("from") != nil {
        throw UsageError("--record and --from can't be given together")
    }
    if arguments.value("from") == nil {
        for name in ["max", "bootstrap", "topology"] where arguments.value(name) != nil {
            throw UsageError("--\(name) goes with --from=TOPIC")
        }
    }
    var evaluation = try RecordEvaluation(source, options)
    if let path = arguments.value("record") {
        try evaluation.evaluateFile(path)
    } else if let topic = arguments.value("from") {
        try evaluation.evaluateTopic(topic, try log(arguments), max: max ?? 20)
        if evaluation.count == 0 { writeAll("etl eval: topic \(topic) has no records\n", to: 2) }
    } else {
        evaluation.evaluateLines()
    }
    if evaluation.failures > 0 { exit(ExitStatus.failed.rawValue) }
}

private func log(_ arguments: Arguments) throws -> any RecordLog {
    switch (arguments.value("bootstrap"), arguments.value("topology")) {
    case (let servers?, nil): return try KafkaLog(bootstrapServers: servers)
    case (nil, _?):
        let session = try Session(arguments, evalVerb.command)
        guard session.plan.kafka != nil else {
            throw ETLError(
                .topology, code: "topology.no_kafka",
                "\(session.plan.file) has no 'kafka:'; the records of its topics live in one process's memory only")
        }
        return try session.openLog()
    default: throw UsageError("say where the topic is: with --bootstrap=HOST:PORT, or with --topology=FILE")
    }
}
