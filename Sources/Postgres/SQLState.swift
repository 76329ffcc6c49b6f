/// Sorts SQLSTATEs. The codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
public enum SQLState {
    /// What an error of this SQLSTATE means for a loader.
    public static func kind(of state: String) -> PostgresError.Kind {
        switch state {
        // No SQLSTATE: libpq itself failed, and what it does is talking to the server.
        case "": return .service
        // A value's binary form doesn't have the length its type wants. (Class 08 otherwise is the connection.)
        case "08P01": return .data
        // A constraint found broken when the transaction ended: the rows did it, not another transaction.
        case "40002": return .data
        // The outcome is unknown: like a lost connection.
        case "40003": return .service
        // Read-only: a standby, or a primary that is being demoted. After the failover it works again.
        case "25006": return .service
        // The transaction failed before or was ended by a timeout (idle, or as a whole): a new one may work. Others of class 25
        // say that statements came in a wrong order, which is no fault of the server.
        case "25P02", "25P03", "25P04": return .service
        // The database was dropped.
        case "57P04": return .configuration
        // COPY data that is no COPY data at all: what writes it is wrong, and no row.
        case "22P04": return .configuration
        // A limit of the configuration (temp_file_limit): waiting raises none.
        case "53400": return .configuration
        // A parameter that can't be set while the server runs, or an enum value not committed yet.
        case "55P02", "55P04": return .configuration
        // Of a foreign table: its server can't be reached, or is out of memory. Others of class HV say that it is set up wrongly.
        case "HV00N", "HV001": return .service
        // A type or encoding the server can't handle at all is no row's fault; but "feature not supported" for a value
        // (e.g. \u0000 in a function's result) doesn't occur in COPY.
        case "0A000": return .configuration
        default: break
        }
        switch state.prefix(2) {
        // Connection failures, also at COMMIT (08007): whether it was done, the batch's name in etl_offsets tells.
        case "08": return .service
        // Wrong user, password or pg_hba.conf entry.
        case "28": return .configuration
        // No such database, no such schema.
        case "3D", "3F": return .configuration
        // Numbers out of range, text the encoding or type doesn't take: one row's value.
        case "22": return .data
        // Not null, unique, check, foreign key, exclusion.
        case "23": return .data
        // A second row for the same key within one ON CONFLICT DO UPDATE: rows one at a time work.
        case "21": return .data
        // What triggers and functions raise: they refuse the row (20: a CASE without ELSE, 2F: a function without RETURN).
        case "09", "20", "27", "2F", "38", "39", "P0": return .data
        // XML queries: one row's value.
        case "10": return .data
        // The view's WITH CHECK OPTION refuses the row.
        case "44": return .data
        // Limits one row may pass alone: too large for an index, nested too deep.
        case "54": return .data
        // Missing table, column or permission; a type that changed.
        case "42": return .configuration
        // Serialization failure, deadlock, rollback: the server undid this transaction so that another could go on; a snapshot
        // that was too old.
        case "40", "72": return .conflict
        // Disk full, out of memory, too many connections.
        case "53": return .service
        // Lock not available, object in use, a server starting up.
        case "55": return .service
        // Shutdown, crash recovery, cancelled by a timeout or an operator.
        case "57": return .service
        // I/O errors of the server's files.
        case "58": return .service
        // Internal error or damaged data: the row is not known to be at fault, and somebody must look; the circuit breaker says so.
        case "XX": return .service
        // Anything else isn't known to pass by waiting nor to be a row's fault: stop and say so.
        default: return .configuration
        }
    }

    /// Words of ours for why a row was refused: the server's message may quote values.
    public static func refusal(of state: String) -> String {
        switch state {
        case "08P01", "22P03": "a value's binary form is not what the column's type takes"
        case "22001": "a string is longer than the column allows"
        case "22003": "a number is out of range"
        case "22007", "22008": "a date or time is out of range"
        case "22021", "22P05": "a character the database's encoding doesn't have"
        case "22P02": "a value that the column's type doesn't take"
        case "23502": "null in a column that must not be null"
        case "23503": "the row it refers to doesn't exist (foreign key)"
        case "23505": "a row with the same key exists already (unique)"
        case "23514": "a check constraint fails"
        case "23P01": "an exclusion constraint fails"
        case "21000": "two rows of the same key in one statement"
        case "44000": "the view's check option fails"
        case "54000", "54001", "54011", "54023": "the row is beyond a limit of the server"
        case "P0001": "raised by a trigger or function"
        default: "refused by the server"
        }
    }
}
