/// Macros, and which overload a call means.
extension Compiler {
    /// The comprehension or test a macro stands for; nil: the call is no macro.
    mutating func macro(
        _ name: String, _ target: Expression?, _ arguments: [Expression], _ expression: Expression
    ) throws(CELError) -> Compiled? {
        guard let target else {
            guard name == "has" else { return nil }
            guard arguments.count == 1 else { throw CELError("has() takes 1 argument, not \(arguments.count)", at: expression.start) }
            return try has(arguments[0], expression.start, expression.end)
        }
        let operation: Operation
        switch (name, arguments.count) {
        case ("all", 2): operation = .all
        case ("exists", 2): operation = .exists
        case ("exists_one", 2), ("existsOne", 2): operation = .existsOne
        case ("filter", 2): operation = .filtered
        case ("map", 2): operation = .mapped
        case ("map", 3): operation = .mappedFiltered
        case ("all", _), ("exists", _), ("exists_one", _), ("existsOne", _), ("filter", _), ("map", _):
            throw CELError("\(name)() takes a variable and an expression, as in list.\(name)(x, x > 0)", at: expression.start)
        case ("transformList", _), ("transformMap", _), ("transformMapEntry", _), ("optMap", _), ("optFlatMap", _):
            throw CELError("the macro \(name)() isn't supported", at: expression.start)
        default: return nil
        }
        guard case .name(let variable, rooted: false) = arguments[0].kind else {
            throw CELError("expected a variable's name as first argument of \(name)()", at: arguments[0].start)
        }
        return try comprehension(operation, target, variable, Array(arguments.dropFirst()), expression)
    }

    private mutating func comprehension(
        _ operation: Operation, _ target: Expression, _ variable: String, _ bodies: [Expression], _ expression: Expression
    ) throws(CELError) -> Compiled {
        let range = try compile(target)
        if range.types.isDisjoint(with: [.list, .map]) {
            throw CELError("expected a list or map, not \(range.types.names)", at: range.start)
        }
        let number = variables.count
        variables.append(variable)
        defer { variables.removeLast() }
        assembly.localCount = max(assembly.localCount, variables.count)
        var parts: [Compiled] = []
        for body in bodies { parts.append(try compile(body)) }
        if operation != .mapped, !parts[0].types.contains(.bool) {
            throw CELError("expected a bool, not \(parts[0].types.names)", at: parts[0].start)
        }
        let table = assembly.table(parts)
        let node = Node(operation, range.operand, table.start, Operand(raw: UInt32(number)))
        let operand = assembly.node(node, expression.start, expression.end, [range])
        let collects = operation == .mapped || operation == .filtered || operation == .mappedFiltered
        return Compiled(operand: operand, types: collects ? .list : .bool, start: expression.start, end: expression.end)
    }

    /// The instruction for operands of these types, and what types its result may have.
    func overload(
        _ name: String, _ style: Overload.Style, _ parts: [Compiled], _ offset: Int
    ) throws(CELError) -> (operation: Operation, types: TypeSet) {
        let named = Overload.named(name, style)
        let fitting = named.filter { $0.parameters.count == parts.count }
        guard !fitting.isEmpty else {
            let counts = Set(named.map { $0.parameters.count - (style == .method ? 1 : 0) }).sorted()
            let expected = counts.map(String.init).joined(separator: " or ")
            let given = parts.count - (style == .method ? 1 : 0)
            throw CELError("\(name)() takes \(expected) argument\(counts == [1] ? "" : "s"), not \(given)", at: offset)
        }
        let possible = fitting.filter { overload in
            zip(overload.parameters, parts).allSatisfy { !$0.isDisjoint(with: $1.types) }
        }
        guard let first = possible.first else { throw noOverload(name, parts, offset) }
        return (first.operation, possible.reduce(TypeSet()) { $0.union($1.result) })
    }

    func noOverload(_ name: String, _ parts: [Compiled], _ offset: Int) -> CELError {
        let types = parts.map(\.types.names).joined(separator: ", ")
        return CELError("no matching overload for '\(name)' on (\(types))", at: offset)
    }

    func unknown(_ name: String, _ style: Overload.Style, _ offset: Int) -> CELError {
        let other: Overload.Style = style == .function ? .method : .function
        let shown = name.count > 64 ? name.prefix(64) + "…" : name
        if !Overload.named(name, other).isEmpty {
            return style == .function
                ? CELError("'\(shown)' is a method: write value.\(shown)(…)", at: offset)
                : CELError("'\(shown)' is a function: write \(shown)(value)", at: offset)
        }
        let macros = style == .method ? ["all", "exists", "exists_one", "map", "filter"] : ["has"]
        let suggestion = nearest(name, among: Overload.names(style) + macros) ?? nearest(name, among: Overload.names(other))
        return CELError("unknown \(style == .method ? "method" : "function") '\(shown)'", at: offset, suggestion: suggestion)
    }
}
