/// How much a file may hold before it is refused, so that no file exhausts memory or the stack.
public struct Limits: Sendable {
    public var bytes: Int
    /// Of mappings and sequences within each other.
    public var depth: Int
    /// Of one file, each alias counted as a copy of what it names.
    public var nodes: Int

    public init(bytes: Int = 1 << 20, depth: Int = 64, nodes: Int = 50_000) {
        self.bytes = bytes
        self.depth = depth
        self.nodes = nodes
    }
}

/// What a file held.
public struct YAMLFile: Sendable {
    public var source: Source
    /// In the order written. A document with a syntax error is left out, those after it are not.
    public var documents: [Node]
    public var problems: [YAMLProblem]
}
