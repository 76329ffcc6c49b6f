/// What is wrong with a text that isn't JSON. `description` ends a sentence that starts with "the value is not JSON:".
public enum ScanCode: UInt8, Sendable, CustomStringConvertible {
    case ok
    /// A byte that can't stand here (also NaN, single quotes, a byte order mark, a missing comma or colon).
    case syntax
    /// Malformed, overlong or surrogate UTF-8; the offset is the sequence's first byte.
    case utf8
    /// More containers inside each other than `maxDepth`; the offset is the bracket that was too many.
    case depth
    /// The text ends before the value does; the offset is the text's length.
    case truncated
    /// Something other than white space behind the value.
    case trailing
    /// Nothing, or nothing but white space.
    case emptyInput
    /// Leading zeros, no digit where one must be.
    case number
    /// An unknown escape, or a surrogate escape that isn't half of a pair; the offset is its backslash.
    case escape
    /// A control character inside a string that isn't escaped.
    case control
    /// 4 GiB or more.
    case tooLarge

    public var description: String {
        switch self {
        case .ok: "nothing is wrong"
        case .syntax: "unexpected character"
        case .utf8: "malformed UTF-8"
        case .depth: "nested too deeply"
        case .truncated: "it ends too early"
        case .trailing: "something follows it"
        case .emptyInput: "it is empty"
        case .number: "malformed number"
        case .escape: "malformed escape in a string"
        case .control: "control character in a string"
        case .tooLarge: "4 GiB or larger"
        }
    }
}

/// What became of a scan: `.ok`, or what is wrong and at which byte offset of the record.
public struct ScanResult: Equatable, Sendable {
    public var code: ScanCode
    public var offset: Int

    public init(code: ScanCode, offset: Int) {
        self.code = code
        self.offset = offset
    }
}
