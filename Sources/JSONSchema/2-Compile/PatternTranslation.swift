/// Regular expressions of ECMA-262 (with its `u` flag, as JSON Schema asks for) in RE2's syntax.
///
/// What means another thing there is written out: classes, escapes, white space, the dot. Groups capture nothing, since nobody
/// asks. What RE2 hasn't got at all (look-around, back-references) is refused. What ECMA-262 tolerates without the flag and people
/// write (`\-`, a lone `]`) is tolerated; letters that escape nothing are not.
struct PatternTranslation {
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var output = ""
    private var depth = 0
    /// Something stands before that can be repeated.
    private var isRepeatable = false

    /// Nested groups a pattern may have.
    private static let maxDepth = 200

    static func translate(_ source: String) throws(PatternError) -> String {
        var translation = PatternTranslation(scalars: Array(source.unicodeScalars))
        try translation.run()
        return translation.output
    }

    private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

    private mutating func run() throws(PatternError) {
        while let scalar = next() {
            switch scalar {
            case "\\": try escape()
            case "[": try characterClass()
            case "(": try open()
            case ")":
                guard depth > 0 else { throw PatternError("`)` closes nothing") }
                depth -= 1
                put(")", repeatable: true)
            case ".": put(#"[^\n\r\x{2028}\x{2029}]"#, repeatable: true)
            case "^": put("^", repeatable: false)
            case "$": put(#"\z"#, repeatable: false)
            case "|": put("|", repeatable: false)
            case "*", "+", "?": try quantify(String(scalar))
            case "{":
                if let bounds = try bounds() { try quantify(bounds) } else { put(#"\{"#, repeatable: true) }
            default: put(Self.literal(scalar), repeatable: true)
            }
        }
        guard depth == 0 else { throw PatternError("`(` is never closed") }
    }

    private mutating func next() -> Unicode.Scalar? {
        guard index < scalars.count else { return nil }
        index += 1
        return scalars[index - 1]
    }

    private func peek(_ ahead: Int = 0) -> Unicode.Scalar? { index + ahead < scalars.count ? scalars[index + ahead] : nil }

    private mutating func skip(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard scalars.count - index >= wanted.count, scalars[index..<(index + wanted.count)].elementsEqual(wanted) else {
            return false
        }
        index += wanted.count
        return true
    }

    private mutating func put(_ text: String, repeatable: Bool) {
        output += text
        isRepeatable = repeatable
    }

    /// A character that stands for itself, outside or inside a class.
    static func literal(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", " ", "_", "\u{80}"...: String(scalar)
        default: "\\x{" + String(scalar.value, radix: 16) + "}"
        }
    }

    private mutating func open() throws(PatternError) {
        guard depth < Self.maxDepth else { throw PatternError("groups are nested too deeply", isUnsupported: true) }
        depth += 1
        if skip("?:") { return put("(?:", repeatable: false) }
        for (text, name) in [("?=", "look-ahead"), ("?!", "look-ahead"), ("?<=", "look-behind"), ("?<!", "look-behind")]
        where skip(text) {
            throw PatternError(
                "`(\(text)` is \(name), which RE2 hasn't got", isUnsupported: true,
                suggestion: "use `not` or `allOf` with several patterns, or a `check` step")
        }
        if skip("?<") {
            var name = ""
            while let scalar = next(), scalar != ">" { name.unicodeScalars.append(scalar) }
            guard scalars[index - 1] == ">", let first = name.unicodeScalars.first, Self.startsName(first),
                name.unicodeScalars.allSatisfy({ Self.startsName($0) || $0.properties.isIDContinue })
            else { throw PatternError("`(?<\(name)` is no named group") }
        } else if peek() == "?" {
            throw PatternError("`(?\(peek(1).map { String($0) } ?? "")` is no group")
        }
        put("(?:", repeatable: false)
    }

    private static func startsName(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "$" || scalar == "_" || scalar.properties.isIDStart
    }

    /// Behind `{`: `2}`, `2,}` or `2,5}` in RE2's words; nil: the brace stands for itself.
    private mutating func bounds() throws(PatternError) -> String? {
        let start = index
        let least = digits()
        guard !least.isEmpty else {
            index = start
            return nil
        }
        var most: String? = least
        if peek() == "," {
            index += 1
            let upper = digits()
            most = upper.isEmpty ? nil : upper
        }
        guard next() == "}" else {
            index = start
            return nil
        }
        guard let low = Int(least), low <= 1000, most == nil || (Int(most ?? "") ?? .max) <= 1000 else {
            throw PatternError(
                "a repetition is above 1,000, which RE2 hasn't got", isUnsupported: true,
                suggestion: "bound the length with `minLength` and `maxLength`")
        }
        if let most, let high = Int(most), high < low { throw PatternError("`{\(least),\(most)}` is out of order") }
        return most == nil ? "{\(least),}" : "{\(least),\(most ?? "")}"
    }

    private mutating func digits() -> String {
        var text = ""
        while let scalar = peek(), ("0"..."9").contains(scalar) {
            text.unicodeScalars.append(scalar)
            index += 1
        }
        return text
    }

    private mutating func quantify(_ text: String) throws(PatternError) {
        guard isRepeatable else { throw PatternError("`\(text)` has nothing to repeat") }
        put(text, repeatable: false)
        if peek() == "?" {
            index += 1
            output += "?"
        }
    }

    // MARK: Escapes

    private mutating func escape() throws(PatternError) {
        guard let scalar = next() else { throw PatternError("it ends in a backslash") }
        switch scalar {
        case "b": put(#"\b"#, repeatable: false)
        case "B": put(#"\B"#, repeatable: false)
        case "1"..."9", "k":
            throw PatternError("`\\\(scalar)` is a back-reference, which RE2 hasn't got", isUnsupported: true)
        default:
            var set = CharacterSet()
            try escape(scalar, in: &set, isClass: false)
            put(set.text(isNegated: false), repeatable: true)
        }
    }

    /// What the escape of `scalar` stands for; the backslash and it have been read.
    private mutating func escape(_ scalar: Unicode.Scalar, in set: inout CharacterSet, isClass: Bool) throws(PatternError) {
        switch scalar {
        case "d": set.insert(CharacterSet.digits)
        case "D": set.insert(CharacterSet.digits.complement)
        case "w": set.insert(CharacterSet.word)
        case "W": set.insert(CharacterSet.word.complement)
        case "s": set.insert(CharacterSet.space)
        case "S": set.insert(CharacterSet.space.complement)
        case "p", "P":
            guard next() == "{" else { throw PatternError("`\\\(scalar)` needs a property in braces: `\\\(scalar){L}`") }
            var name = ""
            while let part = next(), part != "}" { name.unicodeScalars.append(part) }
            guard scalars[index - 1] == "}" else { throw PatternError("`\\\(scalar){` is never closed") }
            try set.insert(property: name, isNegated: scalar == "P")
        default: set.insert(try character(scalar, isClass: isClass))
        }
    }

    /// The character an escape stands for.
    private mutating func character(_ scalar: Unicode.Scalar, isClass: Bool) throws(PatternError) -> Unicode.Scalar {
        switch scalar {
        case "t": return "\t"
        case "n": return "\n"
        case "v": return "\u{b}"
        case "f": return "\u{c}"
        case "r": return "\r"
        case "b" where isClass: return "\u{8}"
        case "0":
            if let digit = peek(), ("0"..."9").contains(digit) { throw PatternError("`\\0\(digit)` is no escape") }
            return "\0"
        case "c":
            guard let letter = next(), letter.isASCII, letter.properties.isAlphabetic,
                let control = Unicode.Scalar(letter.value & 31)
            else { throw PatternError("`\\c` needs a letter") }
            return control
        case "x":
            guard let value = hex(2), let scalar = Unicode.Scalar(value) else {
                throw PatternError("`\\x` needs two hexadecimal digits")
            }
            return scalar
        case "u": return try unicodeEscape()
        case "a"..."z", "A"..."Z", "0"..."9": throw PatternError("`\\\(scalar)` is no escape of ECMA-262")
        default: return scalar
        }
    }

    private mutating func unicodeEscape() throws(PatternError) -> Unicode.Scalar {
        if peek() == "{" {
            index += 1
            var text = ""
            while let scalar = next(), scalar != "}" { text.unicodeScalars.append(scalar) }
            guard scalars[index - 1] == "}", let value = UInt32(text, radix: 16), value <= 0x10ffff else {
                throw PatternError("`\\u{\(text)}` is no character")
            }
            return try scalar(value)
        }
        guard var value = hex(4) else { throw PatternError("`\\u` needs four hexadecimal digits") }
        if value & 0xfc00 == 0xd800, peek() == "\\", peek(1) == "u" {
            let start = index
            index += 2
            if let low = hex(4), low & 0xfc00 == 0xdc00 {
                value = 0x10000 + (value & 0x3ff) << 10 + low & 0x3ff
            } else {
                index = start
            }
        }
        return try scalar(value)
    }

    private func scalar(_ value: UInt32) throws(PatternError) -> Unicode.Scalar {
        guard let scalar = Unicode.Scalar(value) else {
            throw PatternError("half of a surrogate pair is no character of a text", isUnsupported: true)
        }
        return scalar
    }

    private mutating func hex(_ count: Int) -> UInt32? {
        guard scalars.count - index >= count else { return nil }
        var value: UInt32 = 0
        for scalar in scalars[index..<(index + count)] {
            guard scalar.isASCII, let digit = Character(scalar).hexDigitValue else { return nil }
            value = value << 4 | UInt32(digit)
        }
        index += count
        return value
    }

    // MARK: Classes

    private mutating func characterClass() throws(PatternError) {
        let isNegated = skip("^")
        var set = CharacterSet()
        while true {
            guard let scalar = next() else { throw PatternError("`[` is never closed") }
            if scalar == "]" { break }
            guard let low = try member(scalar, &set) else { continue }
            guard peek() == "-", let after = peek(1), after != "]" else {
                set.insert(low)
                continue
            }
            index += 1
            guard let end = next() else { throw PatternError("`[` is never closed") }
            var other = CharacterSet()
            if let high = try member(end, &other) {
                guard low <= high else { throw PatternError("`\(low)-\(high)` is out of order") }
                set.insert(low.value...high.value)
            } else {
                // `a-\d`: neither end of a range.
                set.insert(low)
                set.insert("-")
                set.insert(other)
            }
        }
        put(set.text(isNegated: isNegated), repeatable: true)
    }

    /// One character of a class; nil: it was a set of them, which is in `set` now.
    private mutating func member(_ scalar: Unicode.Scalar, _ set: inout CharacterSet) throws(PatternError) -> Unicode.Scalar? {
        guard scalar == "\\" else { return scalar }
        guard let escaped = next() else { throw PatternError("it ends in a backslash") }
        if "dDwWsSpP".unicodeScalars.contains(escaped) {
            try escape(escaped, in: &set, isClass: true)
            return nil
        }
        return try character(escaped, isClass: true)
    }
}
