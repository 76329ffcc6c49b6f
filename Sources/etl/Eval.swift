import CEL
import Command
import ETL

let evalVerb = Verb(
    command: Command(
        name: "etl eval",
        summary: "evaluates an expression on records",
        operands: "EXPRESSION",
        options: [
            Option("batch", nil, "each line of stdin is an expression with its bindings, as JSON"),
            Option("typed", nil, "with --batch: values tell their types, like {\"int\":\"5\"}"),
            Option("strict-numbers", nil, "arithmetic on numbers of different types is an error"),
        ],
        examples: [
            "etl eval 'message.total > 10' --record=order.json",
        ]
    )
) { arguments in
    var options = CELOptions()
    options.strictNumbers = arguments.has("strict-numbers")
    if arguments.has("batch") {
        options.checksTypes = false
        return evaluateBatch(options)
    }
}
