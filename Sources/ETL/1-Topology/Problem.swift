/// Something wrong with a topology, or worth a remark, and where. Never holds a secret.
public struct Problem: Error, Sendable, Equatable {
    public enum Severity: String, Sendable, CaseIterable {
        /// The topology can't run.
        case error
        /// It can, but perhaps not as meant.
        case warning
    }

    /// Another place that has to do with it: where a name was used first.
    public struct Related: Sendable, Equatable {
        public var message: String
        public var position: SourcePosition
    }

    public var severity: Severity
    /// Dotted: `key.unknown`.
    public var code: String
    public var message: String
    public var position: SourcePosition
    /// What to do: "did you mean `steps`?".
    public var suggestion: String?
    public var related: [Related]

    public init(
        _ severity: Severity = .error, code: String, message: String, at position: SourcePosition, suggestion: String? = nil,
        related: [Related] = []
    ) {
        self.severity = severity
        self.code = code
        self.message = message
        self.position = position
        self.suggestion = suggestion
        self.related = related
    }

    /// Message and suggestion in one sentence.
    public var text: String { suggestion.map { "\(message); \($0)" } ?? message }
}

extension [Problem] {
    /// Whether one of them keeps the topology from running.
    public var hasErrors: Bool { contains { $0.severity == .error } }

    /// By place; at one place errors first, and none twice.
    func sortedByPlace() -> [Problem] {
        var result: [Problem] = []
        let sorted = enumerated().sorted { a, b in
            if a.element.position != b.element.position { return a.element.position < b.element.position }
            if a.element.severity != b.element.severity { return a.element.severity == .error }
            return a.offset < b.offset
        }
        for (_, problem) in sorted where !result.reversed().prefix(while: { $0.position == problem.position }).contains(problem) {
            result.append(problem)
        }
        return result
    }
}
