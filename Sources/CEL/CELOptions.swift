/// What an expression means, where there is a choice.
public struct CELOptions: Sendable {
    /// Arithmetic on numbers of different types is an error, as the language definition has it, and an integer is compared with a
    /// double as the double nearest to it, as other implementations do. Otherwise int, uint and double mix (with a double the
    /// result is a double, with an int an int), and are compared exactly.
    public var strictNumbers = false

    /// Type errors that are certain, unknown names and unknown functions are errors when the expression is compiled. Otherwise they
    /// are errors of the evaluation, if it comes to them: the language's unchecked mode, in which `true || 1` is true.
    public var checksTypes = true

    /// The namespace names are looked up in first: in `a.b` the name `x` is `a.b.x`, or else `a.x`, or else `x`.
    public var container: [String] = []

    /// What pipelines use: numbers mix, types are checked, no container.
    public init() {}
}
