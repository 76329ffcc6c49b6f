/// A token: its kind and where it stands in the source, in UTF-8 bytes. Literals are decoded from that span by the parser.
struct Token: Equatable {
    var kind: Kind
    var start: Int
    var end: Int

    enum Kind: String {
        case end = "the end of the expression"
        case identifier = "a name"
        case quotedIdentifier = "a quoted name"
        case int = "an integer"
        case uint = "an unsigned integer"
        case double = "a double"
        case string = "a string"
        case bytes = "bytes"
        case leftParenthesis = "'('"
        case rightParenthesis = "')'"
        case leftBracket = "'['"
        case rightBracket = "']'"
        case leftBrace = "'{'"
        case rightBrace = "'}'"
        case dot = "'.'"
        case comma = "','"
        case colon = "':'"
        case question = "'?'"
        case plus = "'+'"
        case minus = "'-'"
        case star = "'*'"
        case slash = "'/'"
        case percent = "'%'"
        case not = "'!'"
        case and = "'&&'"
        case or = "'||'"
        case equal = "'=='"
        case notEqual = "'!='"
        case less = "'<'"
        case lessEqual = "'<='"
        case greater = "'>'"
        case greaterEqual = "'>='"
        case `in` = "'in'"
    }
}
