internal import Bytes
internal import YAML

/// Where the values of `${…}` come from.
struct Variables: Sendable {
    var environment: [String: String]
    /// The topology's own; `${file:PATH}` starts here.
    var directory: String

    var secretsDirectory: String { environment["ETL_SECRETS_DIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/run/secrets" }

    /// A text with its variables replaced.
    struct Expansion {
        var text = ""
        var hasVariables = false
        /// Values put in that nobody may see.
        var secrets: [String] = []
        /// Stretches of `text` and where they stood, both in UTF-8 bytes; a variable's value stands at its `$`.
        var pieces: [(offset: Int, written: Int, isVariable: Bool)] = []
        var failures: [(code: String, message: String, suggestion: String?, written: Int)] = []
    }

    /// Replaces `${NAME}`, `${NAME:-default}`, `${file:PATH}` and `${secret:NAME}`; `$${` becomes `${`.
    /// As in a shell, the default also stands in for an empty value.
    func expand(_ written: String) -> Expansion {
        var result = Expansion()
        var rest = written[...]
        func offset() -> Int { written.utf8.distance(from: written.startIndex, to: rest.startIndex) }
        result.pieces.append((0, 0, false))
        while let dollar = rest.firstRange(of: "${") {
            if dollar.lowerBound > written.startIndex, written[written.index(before: dollar.lowerBound)] == "$",
                dollar.lowerBound > rest.startIndex
            {
                result.text += rest[..<written.index(before: dollar.lowerBound)] + "${"
                rest = rest[dollar.upperBound...]
                result.pieces.append((result.text.utf8.count, offset(), false))
                continue
            }
            result.text += rest[..<dollar.lowerBound]
            rest = rest[dollar.lowerBound...]
            let start = offset()
            guard let end = rest.firstIndex(of: "}") else {
                result.failures.append(("variable.syntax", "`${` without `}`", "write `$${` for a literal `${`", start))
                result.text += rest
                return result
            }
            result.hasVariables = true
            result.pieces.append((result.text.utf8.count, start, true))
            let inside = String(rest[dollar.upperBound..<end])
            switch value(of: inside) {
            case .plain(let value): result.text += value
            case .secret(let value):
                result.text += value
                result.secrets.append(value)
            case .missing(let code, let message, let suggestion): result.failures.append((code, message, suggestion, start))
            }
            rest = rest[rest.index(after: end)...]
            result.pieces.append((result.text.utf8.count, offset(), false))
        }
        result.text += rest
        return result
    }

    private enum Value {
        case plain(String)
        case secret(String)
        case missing(code: String, message: String, suggestion: String?)
    }

    private func value(of written: String) -> Value {
        var name = written
        var fallback: String?
        if let dash = written.firstRange(of: ":-") {
            name = String(written[..<dash.lowerBound])
            fallback = String(written[dash.upperBound...])
        }
        if name.hasPrefix("file:") { return file(String(name.dropFirst(5)), fallback) }
        if name.hasPrefix("secret:") { return secret(String(name.dropFirst(7)), fallback) }
        guard isVariableName(name) else {
            let message = "`${\(written)}` is no variable"
            return .missing(
                code: "variable.syntax", message: message,
                suggestion: "write ${NAME}, ${NAME:-default}, ${file:PATH} or ${secret:NAME}; `$${` for a literal `${`")
        }
        if let value = environment[name], !value.isEmpty || fallback == nil {
            return looksSecret(name) ? .secret(value) : .plain(value)
        }
        if let fallback { return .plain(fallback) }
        return .missing(
            code: "variable.unset", message: "environment variable `\(name)` is not set",
            suggestion: nearest(to: name, among: environment.keys.sorted()).map { "did you mean `\($0)`?" }
                ?? "set it, or write ${\(name):-default}")
    }

    private func file(_ path: String, _ fallback: String?) -> Value {
        guard !path.isEmpty else { return .missing(code: "variable.syntax", message: "`${file:}` names no file", suggestion: nil) }
        let path = absolutePath(path, from: directory)
        switch readFile(path, limit: 1 << 20) {
        case .success(let bytes):
            let text = trimmed(bytes)
            return path.hasPrefix(secretsDirectory + "/") || path.hasPrefix("/run/secrets/") ? .secret(text) : .plain(text)
        case .failure(let error):
            if let fallback { return .plain(fallback) }
            return .missing(code: "file.missing", message: "cannot read file `\(path)`: \(error.reason)", suggestion: nil)
        }
    }

    private func secret(_ name: String, _ fallback: String?) -> Value {
        let isName = !name.isEmpty && name.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
        guard isName, name != ".", name != ".." else {
            return .missing(
                code: "variable.syntax", message: "`\(name)` is no name of a secret",
                suggestion: "use letters, digits, `_`, `-` and `.`")
        }
        let path = secretsDirectory + "/" + name
        switch readFile(path, limit: 1 << 20) {
        case .success(let bytes): return .secret(trimmed(bytes))
        case .failure(let error):
            if let value = environment[name], !value.isEmpty { return .secret(value) }
            if let fallback { return .secret(fallback) }
            let message = "secret `\(name)` is neither in \(secretsDirectory) (\(error.reason)) nor in the environment"
            return .missing(
                code: "secret.missing", message: message, suggestion: "put it into \(path), or set ETL_SECRETS_DIR or \(name)")
        }
    }

    /// Text files end in a line break that isn't part of the value.
    private func trimmed(_ bytes: [UInt8]) -> String {
        var bytes = bytes[...]
        if bytes.last == 0x0A { bytes.removeLast() }
        if bytes.last == 0x0D { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}

private func isVariableName(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return name.utf8.allSatisfy { isWord($0) }
}

private func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
    default: false
    }
}
