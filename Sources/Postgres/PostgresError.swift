/// What failed in Postgres, and what that means for whoever called. It never holds a row's values nor a password.
public struct PostgresError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What can be done about it. `SQLState` sorts every error into one of these, in one place.
    public enum Kind: String, Sendable {
        /// The server is away, busy or full: it may work if tried again, with a new connection if this one is lost.
        case service
        /// The transaction lost against another one: the same transaction may work at once.
        case conflict
        /// The server refuses a row: the others may be fine.
        case data
        /// Trying again won't help until somebody changes something.
        case configuration
    }

    public var kind: Kind
    /// Five characters, as the server gave it; empty where the client found the failure (a lost connection, no answer in time).
    public var sqlstate: String
    /// For kind `data` a text of ours (the server's quotes values), else the server's or the client's words.
    public var message: String
    /// Names only, as far as the server told; empty: not told.
    public var constraint: String
    public var column: String
    public var table: String
    /// For a failed COPY: the number of the row, from 1, as the server's context names it. A hint, not a promise.
    public var copyLine: Int?
    /// TLS is to blame: a certificate, or that one side wants none of it.
    public var isOfTLS = false

    public init(
        _ kind: Kind, sqlstate: String = "", _ message: String, constraint: String = "", column: String = "",
        table: String = "", copyLine: Int? = nil
    ) {
        self.kind = kind
        self.sqlstate = sqlstate
        self.message = message
        self.constraint = constraint
        self.column = column
        self.table = table
        self.copyLine = copyLine
    }

    public var description: String {
        var text = message
        if !constraint.isEmpty { text += ", constraint \(constraint)" }
        if !column.isEmpty { text += ", column \(column)" }
        if !table.isEmpty { text += ", table \(table)" }
        if !sqlstate.isEmpty { text += " (SQLSTATE \(sqlstate))" }
        return text
    }
}
