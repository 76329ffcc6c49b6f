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
    public var description: String { "\(message) at offset \(offset)" + meant }

    /// Line and column (from 1, in characters), message and suggestion; then the line, and below it a caret at the place.
    public func text(in source: String) -> String {
        SourcePlace(offset, in: source).text(message + meant)
    }

    private var meant: String { suggestion.map { "; did you mean '\($0)'?" } ?? "" }
}

/// Something about an expression that compiles, but hardly does what was meant.
public struct CELWarning: Equatable, Sendable {
    /// What is odd about it.
    public var message: String
    /// Where in the source, in UTF-8 bytes from its start.
    public var offset: Int
}

/// A place in a source text, as people count: lines and columns from 1.
package struct SourcePlace {
    package let line: Int
    package let column: Int
    /// The line's text, cut to what fits a terminal around the place.
    private let shown: String
    private let caret: Int

    /// The place of a byte offset; beyond the end counts as the end.
    package init(_ offset: Int, in source: String) {
        let bytes = Array(source.utf8)
        let offset = max(0, min(offset, bytes.count))
        let start = bytes[..<offset].lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
        let end = bytes[offset...].firstIndex(of: 0x0a) ?? bytes.count
        line = bytes[..<offset].count { $0 == 0x0a } + 1
        let before = Array(String(decoding: bytes[start..<offset], as: UTF8.self))
        let after = Array(String(decoding: bytes[offset..<end], as: UTF8.self))
        column = before.count + 1
        let left = before.suffix(60)
        let dots = left.count < before.count ? "…" : ""
        shown = String((dots + left + after.prefix(60)).map { $0 < " " ? " " : $0 }) + (after.count > 60 ? "…" : "")
        caret = left.count + dots.count
    }

    /// `line:column: message`, the line, and a caret below the place.
    package func text(_ message: String) -> String {
        "\(line):\(column): \(message)\n  | \(shown)\n  | \(String(repeating: " ", count: caret))^"
    }
}
