import Postgres

/// A table in pg_class.
struct CatalogueTable {
    var oid: String
    var schema: String
    var name: String
    /// The first schema of the search path that exists.
    var currentSchema: String

    static func find(_ wanted: TableName, _ connection: Connection) throws -> CatalogueTable {
        let rows = try connection.query("""
            SELECT c.oid, n.nspname, c.relname, c.relkind, coalesce(current_schema(), '') FROM pg_class c \
            JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = $1 AND \
            CASE WHEN $2::text IS NULL THEN pg_table_is_visible(c.oid) ELSE n.nspname = $2 END
            """, [wanted.name, wanted.schema]).rows
        guard let row = rows.first, let oid = row[0], let schema = row[1], let name = row[2], let kind = row[3] else {
            throw try missing(wanted, connection)
        }
        guard kind == "r" || kind == "p" || kind == "f" else {
            throw SinkError(.configuration, code: "postgres.not_a_table",
                            "'\(name)' in schema '\(schema)' is no table (a view or an index, say): name a table")
        }
        guard let current = row[4], !current.isEmpty || wanted.schema != nil else {
            throw SinkError(.configuration, code: "postgres.schema_missing",
                            "The role's search_path names no schema that exists: set it, or write `table` with its schema")
        }
        return CatalogueTable(oid: oid, schema: schema, name: name, currentSchema: current)
    }

    private static func missing(_ wanted: TableName, _ connection: Connection) throws -> SinkError {
        let known = try connection.query("""
            SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END FROM pg_class c \
            JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relkind IN ('r', 'p', 'f') \
            AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            """, []).rows.compactMap { $0[0] }
        let text = (wanted.schema.map { $0 + "." } ?? "") + wanted.name
        let hint = closestName(to: text, among: known).map { ". Did you mean \($0)?" } ?? ""
        return SinkError(.configuration, code: "postgres.table_missing",
                         "There is no table '\(text)' in the database: create it, or correct `table`" + hint)
    }
}

/// A column in pg_attribute, its domains resolved to their base type.
struct CatalogueColumn {
    var number: Int
    var name: String
    var typeName: String
    var notNull: Bool
    var hasDefault: Bool
    var isGenerated: Bool
    var isAlwaysIdentity: Bool
    /// Of the elements, if it is an array. Nil: no type a loader can fill.
    var type: PostgresType?
    var isArray: Bool
    var elementOID: UInt32
    var modifier: Int32

    static func read(_ table: String, _ connection: Connection) throws -> [CatalogueColumn] {
        // A domain over a domain is followed down; each may say NOT NULL, the first with a modifier decides it.
        try connection.query("""
            WITH RECURSIVE c AS (SELECT attnum, attname, format_type(atttypid, atttypmod) AS shown, attnotnull AS notnull, \
            atthasdef AND attgenerated = '' OR attidentity <> '' AS hasdefault, attgenerated <> '' AS generated, \
            attidentity = 'a' AS always, atttypid AS type, atttypmod AS mod FROM pg_attribute \
            WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped \
            UNION ALL SELECT attnum, attname, shown, notnull OR typnotnull, hasdefault OR typdefault IS NOT NULL, generated, always, \
            typbasetype, CASE WHEN mod = -1 THEN typtypmod ELSE mod END FROM c JOIN pg_type d ON d.oid = c.type WHERE d.typtype = 'd') \
            SELECT attnum, attname, shown, notnull, hasdefault, generated, always, mod, \
            t.typcategory = 'A' AND t.typlen = -1 AND t.typelem <> 0, e.oid, e.typtype = 'e', e.typname \
            FROM c JOIN pg_type t ON t.oid = c.type \
            JOIN pg_type e ON e.oid = CASE WHEN t.typcategory = 'A' AND t.typlen = -1 AND t.typelem <> 0 THEN t.typelem ELSE t.oid END \
            WHERE t.typtype <> 'd' ORDER BY attnum
            """, [table]).rows.compactMap { row in
                guard let number = row[0].flatMap({ Int($0) }), let name = row[1], let oid = row[9].flatMap({ UInt32($0) }),
                    let modifier = row[7].flatMap({ Int32($0) })
                else { return nil }
                return CatalogueColumn(
                    number: number, name: name, typeName: row[2] ?? "", notNull: row[3] == "t", hasDefault: row[4] == "t",
                    isGenerated: row[5] == "t", isAlwaysIdentity: row[6] == "t",
                    type: PostgresType(oid: oid, isEnum: row[10] == "t", name: row[11] ?? ""), isArray: row[8] == "t",
                    elementOID: oid, modifier: modifier)
            }
    }
}
