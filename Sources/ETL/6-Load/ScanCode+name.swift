import JSON

extension ScanCode {
    /// The last part of the code `parse.…`.
    var name: String {
        switch self {
        case .ok: "ok"
        case .syntax: "syntax"
        case .utf8: "utf8"
        case .depth: "depth"
        case .truncated: "truncated"
        case .trailing: "trailing"
        case .emptyInput: "empty"
        case .number: "number"
        case .escape: "escape"
        case .control: "control"
        case .tooLarge: "too_large"
        }
    }
}
