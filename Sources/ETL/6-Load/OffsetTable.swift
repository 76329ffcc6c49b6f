import Postgres

/// Table `etl_offsets`: how far each partition is loaded, in the same transaction as the rows.
///
/// A batch moves a partition only from the offset it expects, so of two loaders that both believe they own it one comes too late
/// and writes nothing. `batch` names who moved it last: after a connection lost in COMMIT it tells whether that was this batch.
/// The rejected records of the last batch stand beside the offset, because their dead letters are sent only after the COMMIT.
struct OffsetTable {
    /// Quoted and qualified.
    let table: String
    /// As SQL.
    private let group: String
    private let topic: String

    init(schema: String, group: String, topic: String) {
        table = Connection.identifier(schema) + ".etl_offsets"
        self.group = Connection.literal(group)
        self.topic = Connection.literal(topic)
    }

    /// Creates the table unless it is there. Several loaders may come at once: CREATE TABLE IF NOT EXISTS alone can fail then.
    func create(_ connection: Connection) throws(PostgresError) {
        let missing = try connection.query("SELECT to_regclass($1) IS NULL", [table]).rows.first?.first == "t"
        if missing {
            try connection.execute(
                """
                BEGIN; SELECT pg_advisory_xact_lock(hashtext('etl_offsets')); \
                CREATE TABLE IF NOT EXISTS \(table) (group_id text NOT NULL, topic text NOT NULL, partition integer NOT NULL, \
                next_offset bigint NOT NULL, batch text NOT NULL, rejected bigint[] NOT NULL DEFAULT '{}', \
                rejected_codes text[] NOT NULL DEFAULT '{}', rejected_messages text[] NOT NULL DEFAULT '{}', \
                rejected_pointers text[] NOT NULL DEFAULT '{}', updated_at timestamptz NOT NULL DEFAULT now(), \
                PRIMARY KEY (group_id, topic, partition)); COMMIT
                """)
        }
        try connection.execute(
            """
            SELECT group_id, topic, partition, next_offset, batch, rejected, rejected_codes, rejected_messages, rejected_pointers, \
            updated_at FROM \(table) LIMIT 0
            """)
    }

    /// Forgets how far this group has loaded the topic.
    func forget(_ connection: Connection) throws(PostgresError) {
        try connection.execute("DELETE FROM \(table) WHERE group_id = \(group) AND topic = \(topic)")
    }

    struct Row {
        var position: SinkPosition
        var batch: String
    }

    /// The rows there are of these partitions.
    func read(_ partitions: [Int32], _ connection: Connection) throws(PostgresError) -> [Row] {
        let list = "{" + partitions.map { String($0) }.joined(separator: ",") + "}"
        // One row for each rejected record, or one with nulls.
        let rows = try connection.query(
            """
            SELECT partition, next_offset, batch, r, c, m, p, (extract(epoch FROM updated_at) * 1000)::bigint FROM \(table) \
            LEFT JOIN LATERAL ROWS FROM (unnest(rejected), unnest(rejected_codes), unnest(rejected_messages), \
            unnest(rejected_pointers)) WITH ORDINALITY AS u(r, c, m, p, n) ON true \
            WHERE group_id = \(group) AND topic = \(topic) AND partition = ANY ($1::int[]) ORDER BY partition, n
            """, [list]
        ).rows
        var result: [Row] = []
        for row in rows {
            guard let partition = row[0].flatMap({ Int32($0) }), let next = row[1].flatMap({ Int64($0) }) else { continue }
            if result.last?.position.partition != partition {
                let updatedMs = row[7].flatMap { Int64($0) }
                let position = SinkPosition(partition: partition, nextOffset: next, rejected: [], updatedMs: updatedMs)
                result.append(Row(position: position, batch: row[2] ?? ""))
            }
            guard let offset = row[3].flatMap({ Int64($0) }) else { continue }
            result[result.count - 1].position.rejected.append(
                RejectedRecord(
                    partition: partition, offset: offset,
                    rejection: Rejection(code: row[4] ?? "", message: row[5] ?? "", pointer: row[6] ?? "")))
        }
        return result
    }

    /// Statements that move the partitions, each only from where it is expected. Together they affect `offsets.count` rows, or
    /// somebody else moved one of them. They lock the rows: a second loader waits here until the first one's transaction ends.
    func move(_ offsets: [SinkOffset], rejected: [RejectedRecord], batch: String) -> String {
        // In the order of partitions, so that two loaders don't wait for each other.
        let ordered = offsets.sorted { $0.partition < $1.partition }
        let known = ordered.filter { $0.expected != nil }
        let new = ordered.filter { $0.expected == nil }
        let name = Connection.literal(batch)
        var sql = ""
        if !known.isEmpty {
            let values = known.map {
                "(\($0.partition), \($0.expected ?? 0)::bigint, \($0.next)::bigint, \(arrays(rejected, $0.partition)))"
            }
            sql += """
                UPDATE \(table) o SET next_offset = v.next, batch = \(name), rejected = v.r, rejected_codes = v.c, \
                rejected_messages = v.m, rejected_pointers = v.p, updated_at = now() \
                FROM (VALUES \(values.joined(separator: ", "))) AS v(partition, expected, next, r, c, m, p) \
                WHERE o.group_id = \(group) AND o.topic = \(topic) AND o.partition = v.partition AND o.next_offset = v.expected;
                """
        }
        if !new.isEmpty {
            let values = new.map { "(\(group), \(topic), \($0.partition), \($0.next), \(name), \(arrays(rejected, $0.partition)))" }
            sql += """
                INSERT INTO \(table) (group_id, topic, partition, next_offset, batch, rejected, rejected_codes, rejected_messages, \
                rejected_pointers) VALUES \(values.joined(separator: ", ")) ON CONFLICT DO NOTHING;
                """
        }
        return sql
    }

    /// In the transaction that moved these partitions: what it rejected in the end.
    func setRejected(_ partitions: [Int32], _ rejected: [RejectedRecord]) -> String {
        let values = partitions.map { "(\($0), \(arrays(rejected, $0)))" }.joined(separator: ", ")
        return """
            UPDATE \(table) o SET rejected = v.r, rejected_codes = v.c, rejected_messages = v.m, rejected_pointers = v.p \
            FROM (VALUES \(values)) AS v(partition, r, c, m, p) \
            WHERE o.group_id = \(group) AND o.topic = \(topic) AND o.partition = v.partition
            """
    }

    private func arrays(_ rejected: [RejectedRecord], _ partition: Int32) -> String {
        let own = rejected.filter { $0.partition == partition }.sorted { $0.offset < $1.offset }
        func texts(_ value: (Rejection) -> String) -> String {
            "ARRAY[" + own.map { Connection.literal(value($0.rejection)) }.joined(separator: ",") + "]::text[]"
        }
        let offsets = "'{" + own.map { String($0.offset) }.joined(separator: ",") + "}'::bigint[]"
        return [offsets, texts(\.code), texts(\.message), texts(\.pointer)].joined(separator: ", ")
    }
}
