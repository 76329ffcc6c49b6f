/// JSON that reports are made of: members in the order given, two spaces a level.
indirect enum JSONText {
    case string(String)
    case integer(Int)
    case boolean(Bool)
    case null
    case array([JSONText])
    case object([(String, JSONText)])

    static func optional(_ text: String?) -> JSONText { text.map { .string($0) } ?? .null }

    /// With secrets masked in every string, before escapes hide them.
    func redacted(_ secrets: Secrets) -> JSONText {
        switch self {
        case .string(let text): .string(secrets.redact(text))
        case .array(let elements): .array(elements.map { $0.redacted(secrets) })
        case .object(let members): .object(members.map { ($0.0, $0.1.redacted(secrets)) })
        case .integer, .boolean, .null: self
        }
    }

    var text: String {
        var result = ""
        write(into: &result, indent: "")
        return result
    }

    private func write(into out: inout String, indent: String) {
        switch self {
        case .string(let text): Self.quote(text, into: &out)
        case .integer(let number): out += "\(number)"
        case .boolean(let flag): out += flag ? "true" : "false"
        case .null: out += "null"
        case .array(let elements):
            Self.list(elements, "[", "]", into: &out, indent) { element, out, indent in element.write(into: &out, indent: indent) }
        case .object(let members):
            Self.list(members, "{", "}", into: &out, indent) { member, out, indent in
                Self.quote(member.0, into: &out)
                out += ": "
                member.1.write(into: &out, indent: indent)
            }
        }
    }

    private static func list<T>(
        _ elements: [T], _ open: String, _ close: String, into out: inout String, _ indent: String,
        _ one: (T, inout String, String) -> Void
    ) {
        guard !elements.isEmpty else {
            out += open + close
            return
        }
        let inner = indent + "  "
        out += open
        for (index, element) in elements.enumerated() {
            out += index == 0 ? "\n\(inner)" : ",\n\(inner)"
            one(element, &out, inner)
        }
        out += "\n\(indent)\(close)"
    }

    private static func quote(_ text: String, into out: inout String) {
        out += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "\u{0}"..."\u{1F}", "\u{7F}":
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        out += "\""
    }
}
