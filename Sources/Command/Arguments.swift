/// An option a command takes: `--name=VALUE` or `--name VALUE`, or a flag without a value.
package struct Option: Sendable {
    package let name: String
    /// Nil: a flag.
    package let value: String?
    package let doc: String
    /// May be given several times, see `Arguments.list`.
    package let repeats: Bool

    package init(_ name: String, _ value: String? = nil, _ doc: String, repeats: Bool = false) {
        self.name = name
        self.value = value
        self.doc = doc
        self.repeats = repeats
    }
}

/// What a command is: enough to parse its command line and to print its help.
package struct Command: Sendable {
    package let name: String
    /// Starts with a verb.
    package let summary: String
    /// What follows the name, e.g. `FILE…`; empty: nothing may follow.
    package let operands: String
    package let options: [Option]
    package let examples: [String]

    package init(name: String, summary: String, operands: String = "", options: [Option], examples: [String]) {
        self.name = name
        self.summary = summary
        self.operands = operands
        self.options = options + [Option("help", nil, "print this help")]
        self.examples = examples
    }

    package var help: String {
        let width = options.map { label($0).count }.max() ?? 0
        var text = "\(summary)\n\nUsage: \(name)\(options.count > 1 ? " [options]" : "")"
        text += "\(operands.isEmpty ? "" : " \(operands)")\n\nOptions:\n"
        for option in options {
            let label = label(option)
            text += "  \(label)\(String(repeating: " ", count: width - label.count))  \(option.doc)\n"
        }
        text += "\nExamples:\n" + examples.map { "  \($0)\n" }.joined()
        text += "\nExit status: 0 done, 1 failed while running, 2 usage, 3 the topology is wrong, 4 a service can't be reached.\n"
        return text
    }

    private func label(_ option: Option) -> String { "--\(option.name)\(option.value.map { "=\($0)" } ?? "")" }
}

/// A command line that can't be carried out: what is wrong with it and what would be right.
package struct UsageError: Error, Equatable {
    package let message: String
    package init(_ message: String) { self.message = message }
}

/// A parsed command line.
package struct Arguments: Equatable {
    package private(set) var operands: [String] = []
    private var values: [String: String] = [:]
    private var lists: [String: [String]] = [:]
    private var flags: Set<String> = []

    package init(_ words: [String], for command: Command) throws(UsageError) {
        var index = 0
        var onlyOperands = false
        while index < words.count {
            let word = words[index]
            index += 1
            if onlyOperands || !word.hasPrefix("--") {
                if !onlyOperands, word.hasPrefix("-"), word.count > 1 {
                    throw UsageError("unknown option '\(word)'; options are written --name=VALUE, see '\(command.name) --help'")
                }
                operands.append(word)
                continue
            }
            if word == "--" {
                onlyOperands = true
                continue
            }
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let option = command.options.first(where: { $0.name == parts[0] }) else {
                let near = nearest(parts[0], command.options.map(\.name)).map { "; did you mean --\($0)?" } ?? ""
                throw UsageError("unknown option '--\(parts[0])'\(near) See '\(command.name) --help'.")
            }
            if values[option.name] != nil || flags.contains(option.name) { throw UsageError("--\(option.name) is given twice") }
            guard let valueName = option.value else {
                if parts.count > 1 { throw UsageError("--\(option.name) takes no value, but '\(parts[1])' is given") }
                flags.insert(option.name)
                continue
            }
            let value: String
            if parts.count > 1 {
                value = parts[1]
            } else if index < words.count, !words[index].hasPrefix("--") {
                value = words[index]
                index += 1
            } else {
                throw UsageError("--\(option.name) needs a value: --\(option.name)=\(valueName)")
            }
            if option.repeats { lists[option.name, default: []].append(value) } else { values[option.name] = value }
        }
        if command.operands.isEmpty, let extra = operands.first, !has("help") {
            throw UsageError("unexpected '\(extra)'; see '\(command.name) --help'")
        }
    }

    package func has(_ flag: String) -> Bool { flags.contains(flag) }
    package func value(_ name: String) -> String? { values[name] }
    /// The values of an option that may be given several times, in their order.
    package func list(_ name: String) -> [String] { lists[name] ?? [] }

    package func required(_ name: String, _ command: Command) throws(UsageError) -> String {
        guard let value = values[name], !value.isEmpty else {
            let form = command.options.first { $0.name == name }?.value ?? "VALUE"
            throw UsageError("--\(name)=\(form) is required; see '\(command.name) --help'")
        }
        return value
    }

    package func integer(_ name: String, in range: ClosedRange<Int>) throws(UsageError) -> Int? {
        guard let text = values[name] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw UsageError("--\(name)=\(text) is not a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    package func choice(_ name: String, of choices: [String]) throws(UsageError) -> String? {
        guard let text = values[name] else { return nil }
        guard choices.contains(text) else {
            throw UsageError("--\(name)=\(text): must be one of \(choices.joined(separator: ", "))")
        }
        return text
    }
}

/// The candidate a person most likely meant, if one is near enough (Levenshtein distance of at most a third of the word).
package func nearest(_ word: String, _ candidates: [String]) -> String? {
    let scored = candidates.map { ($0, distance(Array(word.utf8), Array($0.utf8))) }.min { $0.1 < $1.1 }
    guard let scored, scored.1 <= max(1, word.utf8.count / 3) else { return nil }
    return scored.0
}

private func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for i in 0..<a.count {
        var diagonal = row[0]
        row[0] = i + 1
        for j in 0..<b.count {
            let next = min(row[j] + 1, row[j + 1] + 1, diagonal + (a[i] == b[j] ? 0 : 1))
            diagonal = row[j + 1]
            row[j + 1] = next
        }
    }
    return row[b.count]
}
