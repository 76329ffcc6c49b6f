import Postgres

/// What failed in a sink as a whole (a single refused row is no error), and what the loader's loop does about it.
public struct SinkError: Error, Equatable, Sendable {
    public enum Kind: String, Sendable {
        /// The service is away or busy. Keep the batch, back off, `connect()` if `isConnected` is false, flush the same batch
        /// again.
        case service
        /// The transaction lost against another one. Flush the same batch again, at once.
        case conflict
        /// Somebody must change something: stop and say so.
        case configuration
        /// Another loader has moved these partitions' offsets, or what is buffered no longer fits: nothing of the batch was
        /// written by this call. Drop the batch (`reset`), read `positions` again, go on from there or leave the partitions.
        case fenced
    }

    public var kind: Kind
    /// Dotted and stable, e.g. `postgres.table_missing`.
    public var code: String
    /// What failed, where, and what to do. Never a row's values nor a password.
    public var message: String
    /// Which part of the topology is to blame, for errors of its own table and columns.
    public var part: Part
    /// It needn't be mended for the loader to run.
    var isRemark = false

    /// A part of a Postgres loader as the topology writes it.
    public enum Part: Equatable, Sendable { case url, table, key(String), column(String), extraColumn }

    public init(_ kind: Kind, code: String, _ message: String, _ part: Part = .table) {
        self.kind = kind
        self.code = code
        self.message = message
        self.part = part
    }

    /// What a sink's steps throw: its own errors, as they are, or the connection's.
    init(any error: any Error, doing: String) {
        switch error {
        case let error as SinkError: self = error
        case let error as PostgresError: self.init(error, doing: doing)
        default: self.init(.configuration, code: "postgres.unknown", "\(doing): \(error)")  // nothing else is thrown
        }
    }

    /// - Parameter doing: what failed, e.g. "Failed to load into table \"sales\".\"orders\"".
    init(_ error: PostgresError, doing: String) {
        let words = "\(doing): \(error)"
        switch error.kind {
        case .service: self.init(.service, code: "postgres.service", words, .url)
        case .conflict: self.init(.conflict, code: "postgres.conflict", words)
        // A data error that no row is to blame for (isolation takes care of the others): nobody can go on from there.
        case .data: self.init(.configuration, code: "postgres.refused", words)
        case .configuration:
            let (code, advice) = error.isOfTLS ? ("postgres.tls", "") : Self.advice(error.sqlstate)
            let isOfConnection = error.isOfTLS || error.sqlstate.isEmpty || ["28", "3D"].contains(error.sqlstate.prefix(2))
            self.init(.configuration, code: code, words + advice, isOfConnection ? .url : .table)
        }
    }

    private static func advice(_ state: String) -> (code: String, advice: String) {
        switch state {
        case "42501":
            (
                "postgres.permission",
                ". Grant the role what it lacks (INSERT on the table; for upsert also SELECT and UPDATE, "
                    + "and TEMPORARY on the database; for etl_offsets SELECT, INSERT, UPDATE, or CREATE on its schema)"
            )
        case "42P01", "42703", "42804", "42P10":
            (
                "postgres.table_changed",
                ". The table was changed or dropped while the loader was running: put it right and start again"
            )
        case "3D000": ("postgres.database_missing", ". Create the database or correct the url")
        case "3F000": ("postgres.schema_missing", ". Create the schema or correct `table`")
        case _ where state.hasPrefix("28"): ("postgres.login", ". Check user, password and the server's pg_hba.conf")
        default: ("postgres.configuration", "")
        }
    }
}
