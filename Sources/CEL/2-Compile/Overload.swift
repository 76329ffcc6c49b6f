import JSON

/// One overload of an operator, function or method: what arity, type checks, suggestions and the instruction come from.
/// A method's target is its first parameter.
struct Overload {
    enum Style { case `operator`, function, method }
    var style: Style
    var name: String
    var parameters: [TypeSet]
    var result: TypeSet
    var operation: Operation

    init(_ style: Style, _ name: String, _ parameters: [TypeSet], _ result: TypeSet, _ operation: Operation) {
        self.style = style
        self.name = name
        self.parameters = parameters
        self.result = result
        self.operation = operation
    }

    static func named(_ name: String, _ style: Style) -> [Overload] { all[Key(name: name, style: style)] ?? [] }

    static func names(_ style: Style) -> [String] { sortedNames[style] ?? [] }

    /// First names of functions like `math.abs`.
    static let namespaces: Set<String> = Set(
        names(.function).compactMap { name in name.contains(".") ? String(name.prefix { $0 != "." }) : nil } + ["cel"])

    private struct Key: Hashable {
        var name: String
        var style: Style
    }

    private static let all = Dictionary(grouping: operators + standard + libraries) { Key(name: $0.name, style: $0.style) }

    private static let sortedNames = Dictionary(grouping: all.keys, by: \.style).mapValues { $0.map(\.name).sorted() }
}
