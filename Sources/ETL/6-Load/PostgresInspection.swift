import Postgres

extension PostgresSink {
    /// Reads the table's columns, so that `append` says which records could be no row of it, and keeps no connection: nothing can
    /// be flushed. Changes nothing.
    mutating func prepareToTry() throws(SinkError) {
        let connection: Connection
        do {
            connection = try Connection(url: plan.url, applicationName: group, connectTimeoutMs: 5000, answerTimeoutMs: 10_000)
        } catch { throw SinkError(error, doing: "Failed to reach the database of table \(plan.table)") }
        encode(for: try PostgresTarget(plan, connection))
    }

    /// What a table, and the rights on it, have against a plan: everything at once, before anything runs. Changes nothing.
    /// Throws only where the table can't be looked at.
    static func inspect(_ plan: PostgresPlan, group: String) throws(SinkError) -> [SinkError] {
        let connection: Connection
        do {
            connection = try Connection(url: plan.url, applicationName: group, connectTimeoutMs: 5000, answerTimeoutMs: 10_000)
        } catch { throw SinkError(error, doing: "Failed to reach the database of table \(plan.table)") }
        let target = try PostgresTarget(checking: plan, connection)
        var problems = target.problems
        do {
            problems += try target.unloaded(plan, connection)
            problems += try target.missingRights(plan, connection)
        } catch { throw SinkError(any: error, doing: "Failed to check table \(plan.table)") }
        return problems
    }
}

extension PostgresTarget {
    /// Columns that must not be null, have no default, and get no value: only a trigger could save the rows.
    fileprivate func unloaded(_ plan: PostgresPlan, _ connection: Connection) throws -> [SinkError] {
        guard !plan.columns.isEmpty, let name = TableName(plan.table) else { return [] }
        let all = try CatalogueColumn.read(CatalogueTable.find(name, connection).oid, connection)
        return all.filter { column in
            column.notNull && !column.hasDefault && !column.isGenerated && !plan.columns.contains(column.name)
                && column.name != plan.extraColumn
        }.map { column in
            var problem = SinkError(
                .configuration, code: "postgres.column_unloaded",
                "Column '\(column.name)' of table \(table) must not be null, has no default and isn't among `columns`: "
                    + "without a trigger that fills it every row is refused")
            problem.isRemark = true
            return problem
        }
    }

    /// What the loader needs besides the table: its offsets, and for upsert a temporary table.
    fileprivate func missingRights(_ plan: PostgresPlan, _ connection: Connection) throws -> [SinkError] {
        var problems: [SinkError] = []
        func may(_ sql: String, _ parameters: [String?]) throws -> Bool {
            try connection.query(sql, parameters).rows.first?.first == "t"
        }
        func report(_ message: String) { problems.append(SinkError(.configuration, code: "postgres.permission", message)) }
        if plan.mode == .upsert, try !may("SELECT has_database_privilege(current_database(), 'TEMPORARY')", []) {
            report("The role may not make temporary tables, which upsert needs: GRANT TEMPORARY ON DATABASE to it")
        }
        let offsets = Connection.identifier(offsetsSchema) + ".etl_offsets"
        if try may("SELECT to_regclass($1) IS NULL", [offsets]) {
            if try !may("SELECT has_schema_privilege($1, 'CREATE')", [offsetsSchema]) {
                report(
                    "The role may not create table \(offsets), which keeps how far each partition is loaded: "
                        + "GRANT CREATE ON SCHEMA \(Connection.identifier(offsetsSchema)), or create it for the role")
            }
            return problems
        }
        for right in ["SELECT", "INSERT", "UPDATE"] where try !may("SELECT has_table_privilege($1, $2)", [offsets, right]) {
            report("The role may not \(right) on table \(offsets): GRANT SELECT, INSERT, UPDATE ON \(offsets)")
        }
        return problems
    }
}
