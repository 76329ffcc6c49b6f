/// Gives the names of an expression their slots while it compiles.
public protocol NameResolver {
    /// The slot for a chain of names, e.g. `["message", "address", "city"]`, `["key"]`, `["country", "region"]`; nil: no such name.
    /// For a root (first name) it knows it gives a slot for any path below. The compiler asks for the longest chain first.
    mutating func slot(for path: [String]) -> Int?

    /// The slot of a name that is only asked whether it is a map: what `has(a.b)` wants to know of `a`. As `slot(for:)` unless
    /// the resolver knows better.
    mutating func parentSlot(for path: [String]) -> Int?

    /// The types a chain of names that has a slot may have. As far as they are known, a call that can never succeed is an error
    /// when the expression is compiled, and a comparison that is always false a warning. `.any` unless the resolver knows better.
    func types(of path: [String]) -> TypeSet

    /// Whether `a["b"]` is the chain of names that `a.b` is; false where names may have dots in them.
    var indexesAreNames: Bool { get }

    /// The roots it knows, for suggestions.
    var roots: [String] { get }
}

extension NameResolver {
    /// As `slot(for:)`.
    public mutating func parentSlot(for path: [String]) -> Int? { slot(for: path) }
    /// Nothing is known.
    public func types(of path: [String]) -> TypeSet { .any }
    /// `a["b"]` is `a.b`.
    public var indexesAreNames: Bool { true }
}
