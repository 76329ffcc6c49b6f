/// Gives the names of an expression their slots while it compiles.
public protocol NameResolver {
    /// The slot for a chain of names, e.g. `["message", "address", "city"]`, `["key"]`, `["country", "region"]`; nil: no such name.
    /// For a root (first name) it knows it gives a slot for any path below. The compiler asks for the longest chain first.
    mutating func slot(for path: [String]) -> Int?

    /// The slot of a name that is only asked whether it is a map: what `has(a.b)` wants to know of `a`. As `slot(for:)` unless
    /// the resolver knows better.
    mutating func parentSlot(for path: [String]) -> Int?

    /// The roots it knows, for suggestions.
    var roots: [String] { get }
}

extension NameResolver {
    public mutating func parentSlot(for path: [String]) -> Int? { slot(for: path) }
}
