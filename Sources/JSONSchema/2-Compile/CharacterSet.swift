/// What a class of a pattern matches, and its text in RE2's syntax.
struct CharacterSet {
    private var ranges: [ClosedRange<UInt32>] = []
    /// Properties that RE2 knows itself: `\p{Greek}`.
    private var properties: [String] = []

    static let digits = CharacterSet(ranges: [0x30...0x39])
    static let word = CharacterSet(ranges: [0x30...0x39, 0x41...0x5a, 0x5f...0x5f, 0x61...0x7a])
    /// ECMA-262's WhiteSpace and LineTerminator.
    static let space = CharacterSet(ranges: [
        0x09...0x0d, 0x20...0x20, 0xa0...0xa0, 0x1680...0x1680, 0x2000...0x200a, 0x2028...0x2029, 0x202f...0x202f, 0x205f...0x205f,
        0x3000...0x3000, 0xfeff...0xfeff,
    ])

    init() {}

    private init(ranges: [ClosedRange<UInt32>]) { self.ranges = ranges }

    mutating func insert(_ scalar: Unicode.Scalar) { ranges.append(scalar.value...scalar.value) }

    mutating func insert(_ range: ClosedRange<UInt32>) { ranges.append(range) }

    mutating func insert(_ other: CharacterSet) {
        ranges += other.ranges
        properties += other.properties
    }

    /// Of a set without properties.
    var complement: CharacterSet {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
            next = max(next, range.upperBound + 1)
        }
        if next <= 0x10ffff { result.append(next...0x10ffff) }
        return CharacterSet(ranges: result)
    }

    func text(isNegated: Bool) -> String {
        // RE2 has no class without members.
        if ranges.isEmpty, properties.isEmpty { return isNegated ? #"[\x{0}-\x{10ffff}]"# : #"[^\x{0}-\x{10ffff}]"# }
        var text = isNegated ? "[^" : "["
        for range in ranges {
            text += Self.hex(range.lowerBound)
            if range.count > 1 { text += "-" + Self.hex(range.upperBound) }
        }
        return text + properties.joined() + "]"
    }

    private static func hex(_ value: UInt32) -> String { "\\x{" + String(value, radix: 16) + "}" }

    /// `\p{name}`, by ECMA-262's tables 67 to 69.
    mutating func insert(property name: String, isNegated: Bool) throws(PatternError) {
        let parts = name.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
        var set = CharacterSet()
        switch (parts.count, parts[0]) {
        case (2, "General_Category"), (2, "gc"):
            if ["Cased_Letter", "LC", "Unassigned", "Cn", "Other", "C"].contains(parts[1]) {
                return try insert(property: parts[1], isNegated: isNegated)
            }
            guard let category = Self.category(parts[1]) else { throw PatternError("`\(name)` is no property") }
            return properties.append("\\\(isNegated ? "P" : "p"){\(category)}")
        case (2, "Script"), (2, "sc"): return properties.append("\\\(isNegated ? "P" : "p"){\(parts[1])}")
        case (2, "Script_Extensions"), (2, "scx"):
            throw PatternError("`\(name)` is a property RE2 hasn't got", isUnsupported: true, suggestion: "use `Script=…`")
        case (1, _):
            if let category = Self.category(name) { return properties.append("\\\(isNegated ? "P" : "p"){\(category)}") }
            if name == "ASCII" {
                set.insert(0...0x7f)
                break
            }
            guard let has = Self.binary(name) else { throw PatternError("`\(name)` is no property") }
            set.insert(where: has)
        default: throw PatternError("`\(name)` is no property")
        }
        insert(isNegated ? set.complement : set)
    }

    private mutating func insert(where has: (Unicode.Scalar.Properties) -> Bool) {
        var start: UInt32?
        for value in UInt32(0)...0x110000 {
            let isMember = value <= 0x10ffff && Unicode.Scalar(value).map { has($0.properties) } ?? false
            if isMember, start == nil { start = value }
            if !isMember, let first = start {
                ranges.append(first...(value - 1))
                start = nil
            }
        }
    }

    /// RE2's name of a general category.
    private static func category(_ name: String) -> String? {
        categories[name] ?? (categories.values.contains(name) ? name : nil)
    }

    private static let categories = [
        "Letter": "L", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll", "Titlecase_Letter": "Lt",
        "Modifier_Letter": "Lm", "Other_Letter": "Lo", "Mark": "M", "Combining_Mark": "M", "Nonspacing_Mark": "Mn",
        "Spacing_Mark": "Mc", "Enclosing_Mark": "Me", "Number": "N", "Decimal_Number": "Nd", "digit": "Nd", "Letter_Number": "Nl",
        "Other_Number": "No", "Punctuation": "P", "punct": "P", "Connector_Punctuation": "Pc", "Dash_Punctuation": "Pd",
        "Open_Punctuation": "Ps", "Close_Punctuation": "Pe", "Initial_Punctuation": "Pi", "Final_Punctuation": "Pf",
        "Other_Punctuation": "Po", "Symbol": "S", "Math_Symbol": "Sm", "Currency_Symbol": "Sc", "Modifier_Symbol": "Sk",
        "Other_Symbol": "So", "Separator": "Z", "Space_Separator": "Zs", "Line_Separator": "Zl", "Paragraph_Separator": "Zp",
        "Control": "Cc", "cntrl": "Cc", "Format": "Cf", "Surrogate": "Cs", "Private_Use": "Co",
    ]

    private static func binary(_ name: String) -> ((Unicode.Scalar.Properties) -> Bool)? {
        switch name {
        case "Any": { _ in true }
        // Categories that RE2 hasn't got, or not whole.
        case "Cased_Letter", "LC": { [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter].contains($0.generalCategory) }
        case "Unassigned", "Cn": { $0.generalCategory == .unassigned }
        case "Other", "C": { [.control, .format, .surrogate, .privateUse, .unassigned].contains($0.generalCategory) }
        case "Alphabetic", "Alpha": { $0.isAlphabetic }
        case "Uppercase", "Upper": { $0.isUppercase }
        case "Lowercase", "Lower": { $0.isLowercase }
        case "White_Space", "space": { $0.isWhitespace }
        case "ID_Start", "IDS": { $0.isIDStart }
        case "ID_Continue", "IDC": { $0.isIDContinue }
        case "XID_Start", "XIDS": { $0.isXIDStart }
        case "XID_Continue", "XIDC": { $0.isXIDContinue }
        case "Emoji": { $0.isEmoji }
        case "Emoji_Presentation", "EPres": { $0.isEmojiPresentation }
        case "Emoji_Modifier", "EMod": { $0.isEmojiModifier }
        case "Emoji_Modifier_Base", "EBase": { $0.isEmojiModifierBase }
        case "Math": { $0.isMath }
        case "Dash": { $0.isDash }
        case "Diacritic", "Dia": { $0.isDiacritic }
        case "Ideographic", "Ideo": { $0.isIdeographic }
        case "Hex_Digit", "Hex": { $0.isHexDigit }
        case "ASCII_Hex_Digit", "AHex": { $0.isASCIIHexDigit }
        case "Quotation_Mark", "QMark": { $0.isQuotationMark }
        case "Cased": { $0.isCased }
        case "Case_Ignorable", "CI": { $0.isCaseIgnorable }
        case "Extender", "Ext": { $0.isExtender }
        case "Noncharacter_Code_Point", "NChar": { $0.isNoncharacterCodePoint }
        case "Default_Ignorable_Code_Point", "DI": { $0.isDefaultIgnorableCodePoint }
        case "Variation_Selector", "VS": { $0.isVariationSelector }
        case "Pattern_White_Space", "Pat_WS": { $0.isPatternWhitespace }
        case "Join_Control", "Join_C": { $0.isJoinControl }
        default: nil
        }
    }
}
