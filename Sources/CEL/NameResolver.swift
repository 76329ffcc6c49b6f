/// Gives the names of an expression their slots while it compiles.
public protocol NameResolver {
    /// The slot for a chain of names, e.g. `["message", "address", "city"]`, `["key"]`, `["country", "region"]`; nil: no such name.
    /// For a root (first name) it knows it gives a slot for any path below. The compiler asks for the longest chain first.
    mutating func slot(for path: [String]) -> Int?

    /// The roots it knows, for suggestions.
    var roots: [String] { get }
}
