/// A node of a YAML document: what was written and where. Aliases are replaced by what they name.
public struct Node: Sendable {
    public enum Content: Sendable {
        case scalar(Scalar)
        case sequence([Node])
        /// In the order written; no key twice.
        case mapping([Entry])
    }

    /// One key of a mapping with its value.
    public struct Entry: Sendable {
        public var key: String
        public var keyPlace: Place
        public var value: Node

        public init(key: String, keyPlace: Place, value: Node) {
            self.key = key
            self.keyPlace = keyPlace
            self.value = value
        }
    }

    public var content: Content
    /// The first character; of a quoted scalar the quote, of a block scalar the `|` or `>`.
    public var place: Place

    public init(content: Content, place: Place) {
        self.content = content
        self.place = place
    }

    public var scalar: Scalar? {
        if case .scalar(let scalar) = content { scalar } else { nil }
    }

    public var entries: [Entry]? {
        if case .mapping(let entries) = content { entries } else { nil }
    }

    public var elements: [Node]? {
        if case .sequence(let nodes) = content { nodes } else { nil }
    }

    /// The value of a key, where this is a mapping that has it.
    public subscript(key: String) -> Node? {
        entries?.first { $0.key == key }?.value
    }

    /// Null as YAML 1.2's core schema has it: nothing, `~` or `null`, unquoted.
    public var isNull: Bool {
        guard let scalar, scalar.style == .plain else { return false }
        return Scalar.nulls.contains(scalar.text)
    }
}

/// The text of a scalar, and how it was written, which decides what it may mean: `6` is a number, `"6"` is text.
public struct Scalar: Sendable, Equatable {
    public enum Style: Sendable, Equatable { case plain, singleQuoted, doubleQuoted, literal, folded }

    public var text: String
    public var style: Style

    public init(text: String, style: Style) {
        self.text = text
        self.style = style
    }

    /// How YAML 1.2's core schema writes null. https://yaml.org/spec/1.2.2/#1032-tag-resolution
    public static let nulls: Set<String> = ["", "~", "null", "Null", "NULL"]
}

/// What is wrong with a YAML file, and where.
public struct YAMLProblem: Error, Sendable {
    /// `yaml.syntax`, `yaml.encoding`, `yaml.limit`, `yaml.merge_key`, `yaml.tag`, `yaml.alias`, `key.duplicate`, `key.type`.
    public var code: String
    public var message: String
    public var place: Place
    public var suggestion: String?
    /// The other place it is about: where a key was written first.
    public var related: (message: String, place: Place)?
    /// Index of the document it is in; nil where that document is left out.
    public var document: Int?

    func isSame(as other: YAMLProblem) -> Bool {
        code == other.code && message == other.message && place.line == other.place.line && place.column == other.place.column
    }
}
