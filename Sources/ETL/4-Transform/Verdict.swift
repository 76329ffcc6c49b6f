/// What became of a record.
public enum Verdict: UInt8, Sendable {
    /// One output record was appended.
    case out
    /// A filter, a check or a lookup let it go: nothing was appended.
    case dropped
    /// It failed: `StageProgram.failure` says why; the caller writes the dead letter.
    case dead
}

/// Why a record failed, for its dead letter. Never holds values of the record.
public struct RecordFailure: Equatable, Sendable {
    public var code: Code
    /// Name of the step; empty: the record never reached one.
    public var step: String
    /// At most 500 bytes.
    public var message: String
    /// JSON Pointer (RFC 6901) to the field at fault; empty: the whole record.
    public var pointer: String

    /// Every code a stage's steps can give.
    public enum Code: String, Sendable, CaseIterable {
        /// The value is there but has no bytes.
        case parseEmpty = "parse.empty"
        /// Not JSON by RFC 8259.
        case parseSyntax = "parse.syntax"
        /// Bytes that aren't UTF-8.
        case parseUTF8 = "parse.utf8"
        /// Nested deeper than a record may be.
        case parseDepth = "parse.depth"
        /// JSON, but no object.
        case parseNotObject = "parse.not_object"
        /// A field breaks a rule of `validate`.
        case validateSchema = "validate.schema"
        /// A `check` isn't true.
        case checkFailed = "check.failed"
        /// An expression can't be evaluated on this record, or gives something its step can't use.
        case expressionError = "expression.error"
        /// The lookup's table has no such key, or the record has none.
        case lookupMissing = "lookup.missing"
        /// The lookup's key is neither string, integer, bool nor decimal.
        case lookupKeyType = "lookup.key_type"
        /// The value `set` computed has no JSON form: bytes, a type, NaN or an infinity.
        case setNotJSON = "set.not_json"
        /// A field to be written lies below something that is there but no object.
        case setNotObject = "set.not_object"
        /// The key `rekey` computed is no string, integer, bool, decimal or null.
        case rekeyType = "rekey.type"
    }

    public init(_ code: Code, step: String = "", _ message: String, pointer: String = "") {
        self.code = code
        self.step = step
        self.message = Self.bounded(message)
        self.pointer = pointer
    }

    /// At most 500 bytes, cut between characters.
    private static func bounded(_ text: String) -> String {
        guard text.utf8.count > 500 else { return text }
        var end = text.startIndex
        var bytes = 0
        for character in text {
            bytes += character.utf8.count
            if bytes > 497 { break }
            end = text.index(after: end)
        }
        return text[..<end] + "…"
    }

    /// The JSON Pointer of a path: `~` and `/` in names are escaped.
    static func pointer(_ path: [String]) -> String {
        var text = ""
        for name in path {
            text += "/"
            for character in name {
                switch character {
                case "~": text += "~0"
                case "/": text += "~1"
                default: text.append(character)
                }
            }
        }
        return text
    }
}

/// What a stage's steps did since the last `takeCounters`.
public struct StageCounters: Equatable, Sendable {
    public var records = 0
    public var out = 0
    public var dropped = 0
    public var dead = 0
    /// For each step, in the stage's order: records that failed a check which only warns.
    public var warned: [Int]
}

/// Everything that is wrong with what a stage's steps say, found before the first record. Codes: `expression.syntax`,
/// `expression.name`, `expression.type`, `pattern.syntax`, `rule.number`, `rule.enum`, `path.empty`, `path.overlap`,
/// `lookup.alias`, `lookup.unknown`.
public struct StageProblems: Error, Equatable, Sendable {
    public var problems: [Problem]
}
