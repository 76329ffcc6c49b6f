public import Log
import Postgres

/// Loads records into a Postgres table, exactly once: rows and offsets in one transaction. One for each loader thread.
///
/// The loop: `connect`, `positions` of the assigned partitions (seek there), `append` each record, now and then `submit`, `append`
/// those of the next batch while the server works, `finish`, make dead letters of what was rejected, `release`. After a batch that
/// failed: `reset`, and go on from `positions`; or `connect` and `flush` it once more, with nothing appended meanwhile.
public struct PostgresSink: ~Copyable, RowSink {
    let plan: PostgresPlan
    let group: String
    let topic: String
    private let answerTimeoutMs: Int
    var connection: Connection?
    var target: PostgresTarget?
    var statements: LoadStatements?
    var encoder: RowEncoder
    /// What `append` fills.
    var filling = RowBatch()
    /// What was submitted last, until `release`.
    var submitted = RowBatch()
    /// That the server hasn't answered it, or nobody has asked.
    var flight: Flight?
    var stream = CopyStream()
    /// Where rows in order come together before they are sent.
    var piece = CopyBuffer(capacity: 512 << 10)
    /// Upsert only: the key columns, by whose bytes rows are put in order here; none: the server does it.
    var keysInOrder: [Int] = []
    /// Because it was seen to find keys equal whose bytes differ.
    var serverSorts = false

    /// - Parameters:
    ///   - group: the stage's consumer group, under which offsets are kept.
    ///   - topic: full name of the topic it loads.
    ///   - answerTimeoutMs: how long a statement may take.
    public init(plan: PostgresPlan, group: String, topic: String, answerTimeoutMs: Int = 60_000) {
        self.plan = plan
        self.group = group
        self.topic = topic
        self.answerTimeoutMs = answerTimeoutMs
        encoder = RowEncoder(columns: [], extraFields: .ignore, hasSequence: false)
    }

    /// Whether the last thing known of the connection is that it works.
    public var isConnected: Bool { connection?.isAlive ?? false }

    /// How many messages with SQL this connection has sent.
    public var statementsSent: Int { connection?.statementsSent ?? 0 }

    /// Connects, or connects anew; checks table, columns, keys and permissions; creates `etl_offsets` unless it is there (in the
    /// table's schema if `table` names one, else in the first schema of the role's search_path).
    ///
    /// What is buffered stays and can be flushed. If the table's columns are others than when it was encoded, `fenced` is thrown
    /// (the sink is connected then): `reset` and go on from `positions`.
    ///
    /// A session of its own is needed: behind a pooler, pool by session, for upsert stages rows in a temporary table.
    public mutating func connect() throws(SinkError) {
        disconnect()
        let new: Connection
        do {
            new = try Connection(url: plan.url, applicationName: group, answerTimeoutMs: answerTimeoutMs)
        } catch { throw SinkError(error, doing: "Failed to reach the database of table \(plan.table)") }
        let found = try PostgresTarget(plan, new)
        let made = LoadStatements(
            found, offsets: OffsetTable(schema: found.offsetsSchema, group: group, topic: topic),
            extraColumn: plan.extraColumn)
        do {
            try made.offsets.create(new)
            if let staging = made.createStaging { try new.execute(staging) }
            keysInOrder = serverSorts ? [] : found.exactKeys
            // Rows that are put in order are sent when all are there.
            stream.isAllowed = keysInOrder.isEmpty ? try canStream(new) : false
        } catch { throw SinkError(error, doing: "Failed to prepare loading into table \(found.table)") }
        connection = new
        statements = made
        if found == target { return }
        encode(for: found)
        if filling.count + submitted.count > 0 {
            throw SinkError(
                .fenced, code: "postgres.table_changed",
                "The columns of table \(found.table) changed while a batch was waiting: going on from the stored offsets")
        }
    }

    /// From now on `append` makes rows of this table.
    mutating func encode(for found: PostgresTarget) {
        target = found
        encoder = RowEncoder(
            columns: found.columns.map { ($0.name, $0.target) }, extraFields: extraFields, hasSequence: !found.keys.isEmpty)
    }

    /// Gives the connection up. What is buffered stays.
    public mutating func disconnect() {
        connection = nil
        flight = nil
        stream.reset()
    }

    private var extraFields: RowEncoder.ExtraFields {
        if plan.extraColumn != nil { return .column }
        return plan.extraFields == .ignore ? .ignore : .refuse
    }

    /// Where each of these partitions goes on, in their order.
    public mutating func positions(of partitions: [Int32]) throws(SinkError) -> [SinkPosition] {
        abandonFlight()
        abandonStream()
        let (connection, statements) = try connected()
        do {
            let rows = try statements.offsets.read(partitions, connection)
            return partitions.map { partition in
                rows.first { $0.position.partition == partition }?.position
                    ?? SinkPosition(partition: partition, nextOffset: nil, rejected: [])
            }
        } catch { throw SinkError(error, doing: "Failed to read offsets from \(statements.offsets.table)") }
    }

    /// Starts the group anew, for a log whose offsets begin at 0 again.
    public mutating func forgetPositions() throws(SinkError) {
        let (connection, statements) = try connected()
        do { try statements.offsets.forget(connection) } catch {
            throw SinkError(error, doing: "Failed to clear offsets in \(statements.offsets.table)")
        }
    }

    /// Converts the record to a row and keeps a copy of it, or rejects it. `connect` must have succeeded once. Now and then it
    /// sends what has come together to the server; what goes wrong there, `submit` says.
    public mutating func append(_ record: LogRecord) -> AppendOutcome {
        let start = filling.copy.count
        let refusal = encoder.append(record.value, row: filling.count, to: &filling.copy)
        guard refusal.reason == .none else { return .rejected(describe(refusal, record)) }
        filling.records.append(record, start: start)
        if filling.copy.count &- stream.sent >= CopyStream.pieceBytes { streamPiece() }
        return .accepted
    }

    /// Rows that wait for `submit`.
    public var rows: Int { filling.count }
    /// Memory that waiting rows take, encoded and as they were, in bytes.
    public var bytes: Int { filling.bytes }
    /// Rows of the batch that was submitted.
    public var submittedRows: Int { submitted.count }

    /// The record of a row that was submitted. Valid until `release`.
    public func record(ofRow row: Int) -> LogRecord { submitted.records.record(row) }

    /// Forgets the batch that was submitted.
    public mutating func release() { submitted.reset() }

    /// Forgets all there is. Waits for the answer to what was submitted; what became of it, `positions` says.
    public mutating func reset() {
        abandonFlight()
        abandonStream()
        filling.reset()
        submitted.reset()
    }

    func connected() throws(SinkError) -> (Connection, LoadStatements) {
        if let connection, connection.isAlive, let statements { return (connection, statements) }
        throw SinkError(.service, code: "postgres.service", "Not connected to the database of table \(plan.table)")
    }

    @inline(never)
    private mutating func describe(_ refusal: RowRefusal, _ record: LogRecord) -> Rejection {
        switch refusal.reason {
        case .none: return Rejection(code: "", message: "")
        case .tombstone:
            return Rejection(code: "load.tombstone", message: "The record has no value (a tombstone): there is no row to load")
        case .parse:
            return Rejection(
                code: "parse.\(refusal.scan.name)",
                message: "The value is not JSON: \(refusal.scan) at byte \(refusal.index)")
        case .notObject:
            return Rejection(code: "load.conversion", message: "The value is JSON, but no object whose fields could be columns")
        case .extraField:
            let name = encoder.firstExtraField(record.value)
            return Rejection(
                code: "load.extra_field", message: "Table \(plan.table) has no column for field '\(name)' that is loaded",
                pointer: Self.pointer(name))
        case .column:
            guard let target, refusal.index < target.columns.count else {
                return Rejection(
                    code: refusal.refusal.code, message: "Column \(plan.extraColumn ?? "") (jsonb) \(refusal.refusal.words)")
            }
            let column = target.columns[refusal.index]
            var message = "Column \(column.name) (\(column.typeName)) \(refusal.refusal.words)"
            if refusal.refusal == .null, column.hasDefault {
                message += ". It has a default: to get it, leave the column out through `columns`"
            }
            return Rejection(code: refusal.refusal.code, message: message, pointer: Self.pointer(column.name))
        }
    }

    /// RFC 6901.
    static func pointer(_ name: String) -> String {
        "/" + name.replacing("~", with: "~0").replacing("/", with: "~1")
    }
}
