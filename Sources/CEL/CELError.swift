/// Why an expression doesn't compile: what is wrong, where, and what was probably meant.
public struct CELError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong, without the position.
    public var message: String
    /// Where in the source, in UTF-8 bytes from its start.
    public var offset: Int
    /// A name or spelling that would be right, where one is near.
    public var suggestion: String?

    /// An error at a byte offset of the source.
    public init(_ message: String, at offset: Int, suggestion: String? = nil) {
        self.message = message
        self.offset = offset
        self.suggestion = suggestion
    }

    /// One line: message, offset and suggestion.
    public var description: String {
        "\(message) at offset \(offset)" + (suggestion.map { "; did you mean '\($0)'?" } ?? "")
    }
}
