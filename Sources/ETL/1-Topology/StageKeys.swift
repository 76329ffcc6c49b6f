/// A stage as written.
struct StageSection: Sendable {
    static let from = Key("from", .text, required: true, "The topic it reads.")
    static let to = Key("to", .text, "The topic it writes.")
    static let load = Key("load", .object(LoadSection.type), "The sink it ends in, instead of a topic.")
    static let threads = DefaultKey("threads", .integer(1...256), default: 1, "Members of the consumer group in one process.")
    static let delivery = Key("delivery", .choice as ValueType<Delivery>, "Default: the topology's.")
    static let steps = Key("steps", .list(.object(StepSection.type)), "What is done to each record, in this order.")

    static let type = ObjectType(
        "a stage", "A consumer-group member that reads one topic and writes the next, or a sink.",
        [from.field, to.field, threads.field, delivery.field, steps.field, load.field], exactlyOne: [["to", "load"]]
    ) { StageSection($0) }

    var from: Written<String>?
    var to: Written<String>?
    var load: Written<LoadSection>?
    var threads: Written<Int>?
    var delivery: Written<Delivery>?
    var steps: Written<[Written<StepSection>]>?
    /// Something in it can't be used.
    var isBroken: Bool

    init(_ keys: MappingReader) {
        from = keys[Self.from]
        to = keys[Self.to]
        load = keys[Self.load]
        threads = keys[Self.threads]
        delivery = keys[Self.delivery]
        steps = keys[Self.steps]
        isBroken = keys.isBroken
    }
}

struct LoadSection: Sendable {
    static let postgres = Key("postgres", .object(PostgresSection.type), "A Postgres table.")

    static let type = ObjectType(
        "`load`", "A sink.",
        [postgres.field, .unavailable("s3", "Objects in an S3 bucket."), .unavailable("bigquery", "A BigQuery table.")],
        exactlyOne: [["postgres", "s3", "bigquery"]]
    ) { LoadSection($0) }

    var postgres: Written<PostgresSection>?

    init(_ keys: MappingReader) {
        postgres = keys[Self.postgres]
    }
}

struct PostgresSection: Sendable {
    static let url = Key("url", .text, required: true, secret: true, "A libpq connection string or URL.")
    static let table = Key("table", .text, required: true, "May be qualified: `sales.orders`.")
    static let mode = DefaultKey(
        "mode", .choice, default: PostgresPlan.Mode.append,
        "append: every record is a new row. upsert: it replaces the row with its keys.")
    static let keys = Key("keys", .list(.text), "The columns that tell rows apart, for upsert.")
    static let columns = Key("columns", .list(.text), "Absent: the table's columns, by name.")
    static let extraFields = DefaultKey(
        "extra_fields", .choice, default: PostgresPlan.ExtraFields.deadLetter, "What becomes of a record with fields no column has."
    )
    static let extraColumn = Key("extra_column", .text, "A jsonb column that takes the fields no column has.")
    static let batchRows = DefaultKey("batch_rows", .integer(1...1_000_000), default: 20_000, "Rows of one transaction, at most.")
    static let batchMs = DefaultKey("batch_ms", .integer(1...600_000), default: 500, "How long a transaction is gathered, at most.")
    static let connections = DefaultKey("connections", .integer(1...64), default: 1, "Connections of each thread.")

    static let type = ObjectType(
        "`postgres`", "Rows of a Postgres table.",
        [
            url.field, table.field, mode.field, keys.field, columns.field, extraFields.field, extraColumn.field, batchRows.field,
            batchMs.field, connections.field,
        ]
    ) { PostgresSection($0) }

    var url: Written<String>?
    var table: Written<String>?
    var mode: Written<PostgresPlan.Mode>?
    var keys: Written<[Written<String>]>?
    var columns: Written<[Written<String>]>?
    var extraFields: Written<PostgresPlan.ExtraFields>?
    var extraColumn: Written<String>?
    var batchRows: Written<Int>?
    var batchMs: Written<Int>?
    var connections: Written<Int>?

    init(_ keys: MappingReader) {
        url = keys[Self.url]
        table = keys[Self.table]
        mode = keys[Self.mode]
        self.keys = keys[Self.keys]
        columns = keys[Self.columns]
        extraFields = keys[Self.extraFields]
        extraColumn = keys[Self.extraColumn]
        batchRows = keys[Self.batchRows]
        batchMs = keys[Self.batchMs]
        connections = keys[Self.connections]
    }
}
