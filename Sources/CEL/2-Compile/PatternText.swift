/// A regular expression that is plain text, perhaps anchored: compared as text rather than matched.
struct PatternText: Equatable {
    var text: [UInt8]
    /// Begins with `^`.
    var fromStart: Bool
    /// Ends with `$`.
    var toEnd: Bool

    /// Nil: the pattern needs RE2 (https://github.com/google/re2/wiki/Syntax).
    init?(_ pattern: [UInt8]) {
        var rest = pattern[...]
        fromStart = rest.first == UInt8(ascii: "^")
        if fromStart { rest = rest.dropFirst() }
        toEnd = false
        text = []
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "$"), rest.isEmpty {
                toEnd = true
            } else if byte == UInt8(ascii: "\\") {
                // An escaped punctuation character is that character.
                guard let next = rest.popFirst(), next > 0x20, next < 0x7f, !next.isNamePart else { return nil }
                text.append(next)
            } else if PatternText.special.contains(byte) {
                return nil
            } else {
                text.append(byte)
            }
        }
    }

    private static let special = Set("^$.|?*+()[]{}".utf8)
}
