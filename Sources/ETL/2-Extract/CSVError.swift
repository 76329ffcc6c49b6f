/// Why a CSV source can't go on: unlike a bad row, this is nothing to step over.
public struct CSVError: Error, Equatable, Sendable {
    /// `csv.files` (no file matches), `csv.file` (can't be read, vanished), `csv.file_changed` (not what the checkpoint saw),
    /// `csv.header`, `csv.options`, `csv.checkpoint`.
    public var code: String
    /// What failed, in which file, and what to do.
    public var message: String

    public init(code: String, _ message: String) {
        self.code = code
        self.message = message
    }
}

/// Why a row is bad.
public enum CSVRowCode: String, Sendable, CaseIterable {
    /// Too many or too few fields.
    case fields = "csv.fields"
    /// A quote that isn't closed, text after a closing quote, or a quote inside an unquoted field.
    case quote = "csv.quote"
    /// A value that doesn't fit its column's type.
    case type = "csv.type"
    case utf8 = "csv.utf8"
    /// Longer than the bound for rows.
    case rowSize = "csv.row_size"
}
