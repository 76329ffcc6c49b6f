/// An expression as parsed: what was written, and where.
struct Expression {
    var kind: Kind
    /// Span in the source, in UTF-8 bytes.
    var start: Int
    var end: Int
    /// Levels of operators and calls below, this one counted: bounded by `maxDepth`, and with it every recursion over expressions.
    var depth: Int

    /// Deeper than any expression a person writes, and shallow enough for any thread's stack.
    static let maxDepth = 250

    /// An entry of a map; optional: `{?key: value}`.
    struct Entry {
        var key: Expression
        var value: Expression
        var isOptional: Bool
    }

    indirect enum Kind {
        case literal(Literal)
        /// A name; rooted: written with a leading dot, so that comprehension variables don't hide it.
        case name(String, rooted: Bool)
        /// `a.b`; optional: `a.?b`.
        case select(Expression, field: String, optional: Bool)
        /// `a[b]`; optional: `a[?b]`.
        case index(Expression, Expression, optional: Bool)
        case conditional(Expression, Expression, Expression)
        /// A unary or binary operator, or a chain of three or more operands of the same `&&`, `||` or `+`.
        case `operator`(String, [Expression])
        /// A function, or with a target a method.
        case call(String, target: Expression?, arguments: [Expression], nameOffset: Int)
        /// The elements, and the numbers of those written with `?`: they are optionals, and left out where they have no value.
        case list([Expression], optional: Set<Int>)
        case map([Entry])
    }
}

/// A literal's value.
enum Literal: Equatable {
    case null
    case bool(Bool)
    case int(Int64)
    case uint(UInt64)
    /// With the text it was written as: decimal arithmetic uses that, never the double.
    case double(Double, text: [UInt8])
    case string([UInt8])
    case bytes([UInt8])
}
