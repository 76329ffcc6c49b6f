internal import Bytes
internal import YAML

/// Reads YAML nodes against declared fields and gathers every problem on the way. One document, one thread.
final class FieldReader {
    /// A node with the key it stands under.
    struct Value {
        var node: Node
        var label: String
        var keyPosition: SourcePosition
        var isSecret: Bool

        func element(_ node: Node) -> Value {
            Value(node: node, label: label, keyPosition: SourcePosition(node.place), isSecret: isSecret)
        }
    }

    /// A scalar with its variables replaced.
    struct Text {
        var text: String
        /// Unquoted, or wholly made by the writer's variables: may be a number, true, false or null.
        var isPlain: Bool
        var expansion: Variables.Expansion
    }

    let variables: Variables
    private(set) var problems: [Problem] = []
    private(set) var secrets = Secrets()

    init(variables: Variables) {
        self.variables = variables
    }

    private(set) var errorCount = 0
    /// Nobody reads more, and what makes as many is most likely no topology.
    private static let mostProblems = 1000

    func report(_ problem: Problem) {
        if problem.severity == .error { errorCount += 1 }
        guard problems.count < Self.mostProblems else { return }
        problems.append(problem)
        if problems.count == Self.mostProblems {
            problems.append(
                Problem(.warning, code: "problems.more", message: "there are more problems than are shown", at: problem.position))
        }
    }

    /// Whether there is still room for a suggestion to be shown; finding one is costly.
    var hasRoom: Bool { problems.count < Self.mostProblems }

    func report(
        _ code: String, _ message: String, at position: SourcePosition, _ suggestion: String? = nil,
        severity: Problem.Severity = .error
    ) {
        report(Problem(severity, code: code, message: message, at: position, suggestion: suggestion))
    }

    /// Marks a text as one nobody may see.
    func keepSecret(_ text: String) {
        secrets.insert(text)
        if let password = password(in: text) { secrets.insert(password) }
        // Of a key in several lines, a report may show one.
        let lines = text.split(separator: "\n")
        if lines.count > 1 { for line in lines where line.utf8.count >= 16 { secrets.insert(String(line)) } }
    }

    /// A value for a message: in bounds, and masked where it is or holds a secret.
    func shown(_ text: some StringProtocol) -> String {
        if secrets.contains(String(text)) { return Secrets.mask }
        let redacted = secrets.redact(String(text))
        return redacted.count > 60 ? redacted.prefix(60) + "…" : redacted
    }

    /// The text of a scalar; nil where it is none or a variable has no value, which is reported.
    func text(_ value: Value, allowsNull: Bool = false) -> Text? {
        let position = SourcePosition(value.node.place)
        guard let scalar = value.node.scalar else { return nil }
        let expansion = variables.expand(scalar.text)
        for secret in expansion.secrets { keepSecret(secret) }
        if value.isSecret || !expansion.secrets.isEmpty { keepSecret(expansion.text) }
        guard expansion.failures.isEmpty else {
            let places = ExpressionPlan(source: scalar.text, position: position, runs: value.node.expressionRuns)
            for failure in expansion.failures {
                report(failure.code, failure.message, at: places.position(at: failure.written), failure.suggestion)
            }
            return nil
        }
        let isPlain = scalar.style == .plain || (expansion.hasVariables && scalar.style != .literal && scalar.style != .folded)
        return Text(text: expansion.text, isPlain: isPlain, expansion: expansion)
    }

    /// Whether a node counts as absent: nothing, `null`, or a variable that is empty.
    func isAbsent(_ node: Node) -> Bool {
        guard let scalar = node.scalar, scalar.style == .plain else { return false }
        if Scalar.nulls.contains(scalar.text) { return true }
        guard scalar.text.contains("${") else { return false }
        let expansion = variables.expand(scalar.text)
        return expansion.failures.isEmpty && expansion.text.isEmpty
    }

    /// "`threads` must be a whole number, not `six`".
    func reportType(_ value: Value, _ shape: Shape, _ suggestion: String? = nil) {
        let found =
            switch value.node.content {
            case .mapping: "a mapping"
            case .sequence: "a list"
            case .scalar where isAbsent(value.node): "nothing"
            case .scalar(let scalar): quote(scalar, isSecret: value.isSecret)
            }
        report(
            "value.type", "`\(value.label)` must be \(shape.description), not \(found)", at: SourcePosition(value.node.place),
            suggestion)
    }

    private func quote(_ scalar: Scalar, isSecret: Bool) -> String {
        let expansion = variables.expand(scalar.text)
        if isSecret || !expansion.secrets.isEmpty { keepSecret(expansion.text) }
        let shown = shown(expansion.text)
        return scalar.style == .plain ? "`\(shown)`" : "the text `\(shown)`"
    }

    /// Reads a value that stands under a declared field.
    func read<T>(_ type: ValueType<T>, _ value: Value) -> Written<T>? {
        type.read(value, self).map {
            Written(value: $0, position: SourcePosition(value.node.place), keyPosition: value.keyPosition)
        }
    }

    /// Reads a mapping with declared keys.
    func read<T>(_ type: ObjectType<T>, _ value: Value) -> T? {
        guard let entries = value.node.entries else {
            reportType(value, .object(type.shape))
            return nil
        }
        let mapping = MappingReader(entries: entries, shape: type.shape, value: value, reader: self)
        mapping.checkKeys()
        return type.make(mapping)
    }
}

/// One mapping being read.
struct MappingReader {
    private let entries: [Node.Entry]
    private let shape: ObjectShape
    private let value: FieldReader.Value
    private let reader: FieldReader
    private let errorsBefore: Int

    init(entries: [Node.Entry], shape: ObjectShape, value: FieldReader.Value, reader: FieldReader) {
        self.entries = entries
        self.shape = shape
        self.value = value
        self.reader = reader
        errorsBefore = reader.errorCount
    }

    /// Where the mapping stands: its key, or in a list its first key.
    var position: SourcePosition { value.keyPosition }

    /// Whether something in it, read so far, is wrong.
    var isBroken: Bool { reader.errorCount > errorsBefore }

    subscript<T>(key: Key<T>) -> Written<T>? { read(key.field, key.type) }

    subscript<T>(key: DefaultKey<T>) -> Written<T>? { read(key.field, key.type) }

    private func read<T>(_ field: Field, _ type: ValueType<T>) -> Written<T>? {
        assert(shape.field(named: field.name) != nil, "\(field.name) is read but not declared in \(shape.name)")
        guard let entry = entries.first(where: { $0.key == field.name }) else { return nil }
        // An expression may be `null`.
        if case .expression = field.shape {} else if reader.isAbsent(entry.value) { return nil }
        let value = FieldReader.Value(
            node: entry.value, label: field.name, keyPosition: SourcePosition(entry.keyPlace), isSecret: field.isSecret)
        return reader.read(type, value)
    }

    /// Keys nobody knows, keys of another version, and missing ones.
    func checkKeys() {
        let names = shape.fields.filter(\.isAvailable).map(\.name)
        var written: [String] = []
        for entry in entries {
            let position = SourcePosition(entry.keyPlace)
            guard let field = shape.field(named: entry.key) else {
                guard reader.hasRoom else { continue }
                let suggestion = suggest(entry.key, among: names, called: "\(shape.name) has")
                reader.report("key.unknown", "unknown key `\(entry.key)`", at: position, suggestion)
                // The slip of a required key isn't missing as well.
                if let near = nearest(to: entry.key, among: names) { written.append(near) }
                continue
            }
            guard field.isAvailable else {
                written.append(field.name)
                reader.report("key.not_available", "`\(entry.key)` of \(shape.name) is not available in this version", at: position)
                continue
            }
            if reader.isAbsent(entry.value), case .expression = field.shape {
                written.append(field.name)
            } else if reader.isAbsent(entry.value) {
                if entry.value.scalar?.text == "" {
                    let message = "`\(entry.key)` is empty and counts as absent"
                    reader.report(
                        "value.empty", message, at: position, "write `\(entry.key): null` if that is meant", severity: .warning)
                }
            } else {
                written.append(field.name)
            }
        }
        for field in shape.fields where field.isRequired && !written.contains(field.name) {
            reader.report("key.missing", "`\(field.name)` is missing in \(shape.name)", at: position, nil)
        }
        for group in shape.exactlyOne { checkExactlyOne(group, written) }
    }

    private func checkExactlyOne(_ group: [String], _ written: [String]) {
        let found = group.filter(written.contains)
        let available = group.filter { name in shape.field(named: name)?.isAvailable == true }
        if found.isEmpty {
            // An unknown key that is like none of them was most likely meant as one.
            guard !entries.contains(where: { shape.field(named: $0.key) == nil }) else { return }
            let one = available.count > 1 ? "one of " : ""
            let message = "\(shape.name) needs \(one)\(available.map { "`\($0)`" }.joined(separator: ", "))"
            reader.report("key.missing", message, at: position)
        } else if found.count > 1, let second = entries.filter({ found.contains($0.key) }).dropFirst().first {
            let both = found.map { "`\($0)`" }.joined(separator: " and ")
            reader.report("key.conflict", "\(shape.name) has \(both)", at: SourcePosition(second.keyPlace), "keep one of them")
        }
    }
}

extension SourcePosition {
    init(_ place: Place) {
        self.init(file: place.file, line: place.line, column: place.column)
    }
}

extension Node {
    var expressionRuns: [ExpressionPlan.Run] {
        runs.map { ExpressionPlan.Run(offset: $0.offset, line: $0.line, column: $0.column, isVariable: false) }
    }
}

/// The password of a connection URL or of libpq's `key=value` pairs.
private func password(in text: String) -> String? {
    if let scheme = text.firstRange(of: "://") {
        let rest = text[scheme.upperBound...]
        guard let at = rest.prefix(while: { $0 != "?" }).lastIndex(of: "@"), let colon = rest[..<at].firstIndex(of: ":") else {
            return nil
        }
        return String(rest[rest.index(after: colon)..<at])
    }
    return text.split(separator: " ").first { $0.hasPrefix("password=") }.map { String($0.dropFirst(9)) }
}
