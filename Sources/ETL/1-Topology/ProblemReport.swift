internal import Glibc
internal import YAML

extension LoadedTopologies {
    /// As compilers show problems: place, what, the line and a caret under the place.
    public func problemsAsText(color: Bool = false) -> String {
        var out = ""
        for problem in problems {
            let isError = problem.severity == .error
            out += header(
                problem.position, problem.severity.rawValue, isError ? "31" : "33", "\(problem.text) [\(problem.code)]", color)
            out += excerpt(problem.position, color)
            for related in problem.related {
                out += header(related.position, "note", "36", related.message, color)
                out += excerpt(related.position, color)
            }
        }
        return out + summary
    }

    /// For `--format=json`.
    public func problemsAsJSON() -> String { JSONText.object([("problems", .array(problemList))]).text + "\n" }

    var problemList: [JSONText] {
        problems.map { problem in
            JSONText.object([
                ("severity", .string(problem.severity.rawValue)), ("code", .string(problem.code)),
                ("message", .string(problem.message)),
                ("suggestion", .optional(problem.suggestion)), ("file", .string(problem.position.file)),
                ("line", .integer(problem.position.line)), ("column", .integer(problem.position.column)),
                (
                    "related",
                    .array(
                        problem.related.map { related in
                            .object([
                                ("message", .string(related.message)), ("file", .string(related.position.file)),
                                ("line", .integer(related.position.line)), ("column", .integer(related.position.column)),
                            ])
                        })
                ),
            ])
        }
    }

    /// "2 errors, 1 warning"; nothing where there are none.
    private var summary: String {
        let errors = problems.count { $0.severity == .error }
        let counts = [(errors, "error"), (problems.count - errors, "warning")].filter { $0.0 > 0 }
        guard !counts.isEmpty else { return "" }
        return counts.map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }.joined(separator: ", ") + "\n"
    }

    private func header(_ position: SourcePosition, _ what: String, _ code: String, _ text: String, _ color: Bool) -> String {
        color ? "\u{1B}[1m\(position): \u{1B}[\(code)m\(what):\u{1B}[0m \(text)\n" : "\(position): \(what): \(text)\n"
    }

    private func excerpt(_ position: SourcePosition, _ color: Bool) -> String {
        // A line nobody can read isn't shown; cutting it first could show half a secret.
        guard let line = sources[position.file]?.line(position.line), line.utf8.count < 5000,
            line.utf8.contains(where: { $0 > 0x20 })
        else { return "" }
        let before = String(String.UnicodeScalarView(line.unicodeScalars.prefix(position.column - 1)))
        var shown = printable(hideSecrets(line))
        // A secret before the place was as long as its mask after.
        var lead = printable(hideSecrets(before))
        let longest = 120
        if lead.unicodeScalars.count > longest / 2 {
            let cut = lead.unicodeScalars.count - longest / 2
            shown = "…" + String(String.UnicodeScalarView(shown.unicodeScalars.dropFirst(cut)))
            lead = "…" + String(String.UnicodeScalarView(lead.unicodeScalars.dropFirst(cut)))
        }
        if shown.unicodeScalars.count > longest {
            shown = String(String.UnicodeScalarView(shown.unicodeScalars.prefix(longest))) + "…"
        }
        let number = "\(position.line)"
        let gutter = String(repeating: " ", count: max(0, 5 - number.count)) + number
        let caret = color ? "\u{1B}[32m^\u{1B}[0m" : "^"
        let indent = String(repeating: " ", count: lead.unicodeScalars.count)
        return "\(gutter) | \(shown)\n      | \(indent)\(caret)\n"
    }

    /// Control characters would move what a terminal shows.
    private func printable(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? " " : $0 }))
    }

    /// Known secrets, and what stands under keys that look like secrets even where nothing read them.
    func hideSecrets(_ line: String) -> String {
        var out = ""
        var rest = secrets.redact(line)[...]
        while let colon = rest.firstIndex(of: ":") {
            let name = rest[..<colon].reversed().prefix { $0.isLetter || $0.isNumber || "_.-\"'".contains($0) }
            let key = String(String(name.reversed()).filter { !"\"'".contains($0) })
            let start = rest.index(after: colon)
            let isVariable = rest[..<rest.index(colon, offsetBy: -name.count)].hasSuffix("${") && (key == "secret" || key == "file")
            out += rest[..<start]
            rest = rest[start...]
            if !isVariable, looksSecret(key) {
                let value = rest.prefix { $0 != "," && $0 != "}" }
                // A variable is no secret, what it stands for is.
                if let variable = value.firstRange(of: "${"), value[..<variable.lowerBound].allSatisfy({ " \"'".contains($0) }) {
                    continue
                }
                guard value.contains(where: { !" {[".contains($0) }) else { continue }
                out += " " + Secrets.mask
                rest = rest[value.endIndex...]
            } else if rest.hasPrefix("//"), let at = rest.prefix(while: { $0 != " " && $0 != "\"" }).lastIndex(of: "@"),
                let password = rest[..<at].firstIndex(of: ":")
            {
                out += rest[...password] + Secrets.mask
                rest = rest[at...]
            }
        }
        return out + rest
    }
}

/// Whether to write colours to a file descriptor: a terminal, and nobody asked for none. https://no-color.org
public func wantsColor(descriptor: Int32) -> Bool {
    isatty(descriptor) == 1 && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
        && getenv("TERM").map { String(cString: $0) } != "dumb"
}
