import Postgres

/// The SQL of a load, made once for each connection.
struct LoadStatements {
    let offsets: OffsetTable
    /// Quoted and qualified.
    let table: String
    /// Upsert only: a temporary table of the session, empty after each transaction. Its columns have the target's types but not its
    /// constraints; `etl_seq` is the row's number in the batch.
    let createStaging: String?
    /// COPY … FROM STDIN of a batch's rows: into the table, or into the staging table.
    let copy: String
    private let mergeHead: String
    private let mergeTail: String
    private let sequence: String

    init(_ target: PostgresTarget, offsets: OffsetTable, extraColumn: String?) {
        self.offsets = offsets
        table = target.table
        var names = target.columns.map(\.name)
        if let extraColumn { names.append(extraColumn) }
        let columns = names.map(Connection.identifier).joined(separator: ", ")
        guard !target.keys.isEmpty else {
            createStaging = nil
            copy = "COPY \(table) (\(columns)) FROM STDIN (FORMAT binary)"
            mergeHead = ""
            mergeTail = ""
            mergeInOrder = ""
            sequence = ""
            return
        }
        var sequence = "etl_seq"
        while names.contains(sequence) { sequence += "_" }
        let staging = "pg_temp.etl_staging"
        createStaging = """
            CREATE TEMP TABLE etl_staging ON COMMIT DELETE ROWS AS SELECT \(columns), 0::int4 AS \(sequence) FROM \
            \(table) WITH NO DATA
            """
        copy = "COPY \(staging) (\(columns), \(sequence)) FROM STDIN (FORMAT binary)"
        let keys = target.keys.map(Connection.identifier).joined(separator: ", ")
        let others = names.filter { !target.keys.contains($0) }.map(Connection.identifier)
        let action = others.isEmpty ? "NOTHING" : "UPDATE SET " + others.map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
        // Of several rows of one key in a batch the last one counts; ON CONFLICT can't touch a row twice in one statement.
        mergeHead = "INSERT INTO \(table) (\(columns)) SELECT DISTINCT ON (\(keys)) \(columns) FROM \(staging)"
        mergeTail = " ORDER BY \(keys), \(sequence) DESC ON CONFLICT (\(keys)) DO \(action)"
        mergeInOrder = """
            INSERT INTO \(table) (\(columns)) SELECT \(columns) FROM \(staging) WHERE \(sequence) >= 0 \
            ON CONFLICT (\(keys)) DO \(action)
            """
        self.sequence = sequence
    }

    var isUpsert: Bool { createStaging != nil }

    /// Upsert only: from the staging table into the table, in the order of the staging table's rows; those with a number below 0,
    /// which a later one supersedes, stay out.
    let mergeInOrder: String

    /// Upsert only: from the staging table into the table; of all rows, or of those numbered so.
    func merge(_ rows: Range<Int>? = nil) -> String {
        let choice = rows.map { " WHERE \(sequence) >= \($0.lowerBound) AND \(sequence) < \($0.upperBound)" } ?? ""
        return mergeHead + choice + mergeTail
    }
}
