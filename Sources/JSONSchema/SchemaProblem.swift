/// Something wrong with a schema, or worth a remark, and where.
public struct SchemaProblem: Error, Equatable, Sendable {
    /// An error keeps the schema from being used.
    public enum Severity: Sendable { case error, warning }

    public var severity: Severity
    /// Dotted: `schema.keyword`.
    public var code: String
    public var message: String
    /// What to do.
    public var suggestion: String?
    public var place: Place

    /// Place, message and suggestion in one line.
    public var text: String {
        "\(place.uri.isEmpty ? "" : place.uri + ":")\(place.line):\(place.column): \(message)\(suggestion.map { "; \($0)" } ?? "")"
    }

    init(_ severity: Severity, code: String, _ message: String, _ suggestion: String? = nil, at place: Place) {
        self.severity = severity
        self.code = code
        self.message = message
        self.suggestion = suggestion
        self.place = place
    }
}

/// A place in a schema's text; line and column (in characters) count from 1.
public struct Place: Equatable, Sendable {
    /// The document, as it was given.
    public var uri: String
    public var line: Int
    public var column: Int

    init(_ uri: String, at offset: Int, in text: UnsafeRawBufferPointer) {
        self.uri = uri
        line = 1
        column = 1
        for byte in text.prefix(offset) {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xc0 != 0x80 {
                column += 1
            }
        }
    }
}

/// Everything that keeps a schema from being used.
public struct SchemaProblems: Error, Equatable, Sendable {
    public var problems: [SchemaProblem]
}
