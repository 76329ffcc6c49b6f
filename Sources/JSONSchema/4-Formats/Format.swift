// Hot path: per record.

/// Formats of strings that can be checked: section 7.3 of the validation specification.
enum Format: UInt8, CaseIterable {
    case dateTime, date, time, duration, email, idnEmail, hostname, idnHostname, ipv4, ipv6, uri, uriReference, iri, iriReference,
        uuid, uriTemplate, jsonPointer, relativeJSONPointer, regex

    /// Nil: it isn't one of them.
    static func named(_ name: String) -> Format? { allCases.first { $0.name == name } }

    var name: String {
        switch self {
        case .dateTime: "date-time"
        case .date: "date"
        case .time: "time"
        case .duration: "duration"
        case .email: "email"
        case .idnEmail: "idn-email"
        case .hostname: "hostname"
        case .idnHostname: "idn-hostname"
        case .ipv4: "ipv4"
        case .ipv6: "ipv6"
        case .uri: "uri"
        case .uriReference: "uri-reference"
        case .iri: "iri"
        case .iriReference: "iri-reference"
        case .uuid: "uuid"
        case .uriTemplate: "uri-template"
        case .jsonPointer: "json-pointer"
        case .relativeJSONPointer: "relative-json-pointer"
        case .regex: "regex"
        }
    }

    /// Whether a string, which must be UTF-8, has this format.
    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .dateTime: DateTimeText.isDateTime(text)
        case .date: DateTimeText.isDate(text)
        case .time: DateTimeText.isTime(text)
        case .duration: DateTimeText.isDuration(text)
        case .email: AddressText.isEmail(text, international: false)
        case .idnEmail: AddressText.isEmail(text, international: true)
        case .hostname: HostText.isHostname(text, international: false)
        case .idnHostname: HostText.isHostname(text, international: true)
        case .ipv4: AddressText.isIPv4(text)
        case .ipv6: AddressText.isIPv6(text)
        case .uri: URIText.isURI(text, relative: false, international: false)
        case .uriReference: URIText.isURI(text, relative: true, international: false)
        case .iri: URIText.isURI(text, relative: false, international: true)
        case .iriReference: URIText.isURI(text, relative: true, international: true)
        case .uuid: AddressText.isUUID(text)
        case .uriTemplate: URIText.isTemplate(text)
        case .jsonPointer: PointerText.isPointer(text)
        case .relativeJSONPointer: PointerText.isRelativePointer(text)
        case .regex: PointerText.isPattern(text)
        }
    }
}

/// Goes through a text byte by byte.
struct ByteCursor: BitwiseCopyable {
    let text: UnsafeRawBufferPointer
    var index = 0

    init(_ text: UnsafeRawBufferPointer) { self.text = text }

    var isAtEnd: Bool { index == text.count }
    /// 0 at the end.
    var peek: UInt8 { index < text.count ? text[index] : 0 }

    mutating func take(_ byte: UInt8) -> Bool {
        guard index < text.count, text[index] == byte else { return false }
        index += 1
        return true
    }

    /// A letter in either case.
    mutating func take(letter: UInt8) -> Bool {
        guard index < text.count, text[index] | 0x20 == letter else { return false }
        index += 1
        return true
    }

    /// Exactly `count` digits as a number; nil: they aren't there.
    mutating func number(digits count: Int) -> Int? {
        guard text.count - index >= count else { return nil }
        var value = 0
        for _ in 0..<count {
            let digit = text[index] &- 48
            guard digit <= 9 else { return nil }
            value = value * 10 + Int(digit)
            index += 1
        }
        return value
    }

    /// How many digits come now; behind them afterwards.
    mutating func skipDigits() -> Int {
        let start = index
        while index < text.count, text[index] &- 48 <= 9 { index += 1 }
        return index - start
    }
}

extension UInt8 {
    var isDigit: Bool { self &- 48 <= 9 }
    var isLetter: Bool { (self | 0x20) &- 0x61 < 26 }
    var isHexDigit: Bool { isDigit || (self | 0x20) &- 0x61 < 6 }
}
