/// Macros: calls whose arguments are names and expressions rather than values.
extension Compiler {
    /// What a macro stands for; nil: the call is no macro.
    mutating func macro(
        _ name: String, _ target: Expression?, _ arguments: [Expression], _ expression: Expression
    ) throws(CELError) -> Compiled? {
        guard let target else {
            guard name == "has" else { return nil }
            guard arguments.count == 1 else {
                throw CELError("has() takes 1 argument, not \(arguments.count)", at: expression.start)
            }
            return try has(arguments[0], expression.start, expression.end)
        }
        if case .name("cel", _) = target.kind, let compiled = try celMacro(name, arguments, expression) { return compiled }
        let operation: Operation
        var variableCount = 1
        switch (name, arguments.count) {
        case ("all", 2): operation = .all
        case ("exists", 2): operation = .exists
        case ("exists_one", 2), ("existsOne", 2): operation = .existsOne
        case ("filter", 2): operation = .filtered
        case ("map", 2): operation = .mapped
        case ("map", 3): operation = .mappedFiltered
        case ("sortBy", 2): operation = .sortedBy
        case ("optMap", 2): operation = .optionalMapped
        case ("optFlatMap", 2): operation = .optionalFlatMapped
        default:
            variableCount = 2
            switch (name, arguments.count) {
            case ("all", 3): operation = .all
            case ("exists", 3): operation = .exists
            case ("exists_one", 3), ("existsOne", 3): operation = .existsOne
            case ("transformList", 3): operation = .mapped
            case ("transformList", 4): operation = .mappedFiltered
            case ("transformMap", 3): operation = .mapBuilt
            case ("transformMap", 4): operation = .mapBuiltFiltered
            case ("transformMapEntry", 3): operation = .mapMerged
            case ("transformMapEntry", 4): operation = .mapMergedFiltered
            default:
                guard let example = Self.macroExamples[name] else { return nil }
                throw CELError("\(name)() takes a variable and an expression, as in \(example)", at: expression.start)
            }
        }
        var names: [String] = []
        for argument in arguments.prefix(variableCount) {
            guard let variable = variable(argument) else {
                throw CELError("expected a variable's name as argument of \(name)()", at: argument.start)
            }
            if names.contains(variable) { throw CELError("the two variables of \(name)() need two names", at: argument.start) }
            names.append(variable)
        }
        return try comprehension(operation, target, names, Array(arguments.dropFirst(variableCount)), expression)
    }

    /// Names of macros that are methods, with an example of each.
    static var macroExamples: [String: String] {
        [
            "all": "list.all(x, x > 0)", "exists": "list.exists(x, x > 0)", "exists_one": "list.exists_one(x, x > 0)",
            "existsOne": "list.existsOne(x, x > 0)", "filter": "list.filter(x, x > 0)", "map": "list.map(x, x * 2)",
            "sortBy": "list.sortBy(x, x.price)", "optMap": "optional.optMap(x, x * 2)",
            "optFlatMap": "optional.optFlatMap(x, x.?name)", "transformList": "list.transformList(i, x, x + i)",
            "transformMap": "map.transformMap(k, v, v + 1)", "transformMapEntry": "map.transformMapEntry(k, v, {v: k})",
        ]
    }

    /// The name a macro's variable is given: a plain name, or `cel.iterVar(0, 1)`.
    private func variable(_ argument: Expression) -> String? {
        switch argument.kind {
        case .name(let name, rooted: false): return name
        case .call(let name, let target?, let arguments, _):
            guard case .name("cel", _) = target.kind else { return nil }
            return Self.generated(name, arguments)
        default: return nil
        }
    }

    /// The variables that `cel.index(0)`, `cel.iterVar(0, 1)` and `cel.accuVar(0, 1)` stand for: names nobody can write.
    private static func generated(_ name: String, _ arguments: [Expression]) -> String? {
        let numbers = arguments.compactMap { argument -> Int64? in
            guard case .literal(.int(let number)) = argument.kind else { return nil }
            return number
        }
        guard numbers.count == arguments.count else { return nil }
        switch (name, numbers.count) {
        case ("index", 1): return "@index\(numbers[0])"
        case ("iterVar", 2): return "@it:\(numbers[0]):\(numbers[1])"
        case ("accuVar", 2): return "@ac:\(numbers[0]):\(numbers[1])"
        default: return nil
        }
    }

    /// `cel.bind(name, value, expression)` and `cel.block([values], expression)`.
    private mutating func celMacro(
        _ name: String, _ arguments: [Expression], _ expression: Expression
    ) throws(CELError) -> Compiled? {
        if let name = Self.generated(name, arguments) {
            guard let number = variables.lastIndex(of: name) else {
                throw CELError("nothing here has the variable \(name)", at: expression.start)
            }
            return Compiled(operand: .local(UInt32(number)), types: .any, start: expression.start, end: expression.end)
        }
        switch (name, arguments.count) {
        case ("bind", 3):
            guard let variable = variable(arguments[0]) else {
                throw CELError("expected a variable's name as first argument of cel.bind()", at: arguments[0].start)
            }
            return try bind([(variable, arguments[1])], arguments[2], expression)
        case ("block", 2):
            guard case .list(let items, let optional) = arguments[0].kind, optional.isEmpty else {
                throw CELError("expected a list as first argument of cel.block()", at: arguments[0].start)
            }
            return try bind(items.enumerated().map { ("@index\($0)", $1) }, arguments[1], expression)
        case ("bind", _):
            throw CELError(
                "cel.bind() takes a name, a value and an expression, as in cel.bind(x, 1 + 2, x * x)", at: expression.start)
        default: return nil
        }
    }

    private mutating func bind(
        _ bindings: [(name: String, value: Expression)], _ body: Expression, _ expression: Expression
    ) throws(CELError) -> Compiled {
        let first = variables.count
        defer { variables.removeLast(variables.count - first) }
        var parts: [Compiled] = []
        for (name, value) in bindings {
            parts.append(try compile(value))
            variables.append(name)
        }
        assembly.localCount = max(assembly.localCount, variables.count)
        parts.append(try compile(body))
        let table = assembly.table(parts)
        let operand = assembly.node(
            Node(.bind, table.start, table.count, Operand(raw: UInt32(first))), expression.start, expression.end, [])
        return Compiled(operand: operand, types: parts[parts.count - 1].types, start: expression.start, end: expression.end)
    }

    private mutating func comprehension(
        _ operation: Operation, _ target: Expression, _ names: [String], _ bodies: [Expression], _ expression: Expression
    ) throws(CELError) -> Compiled {
        let range = try compile(target)
        let expected: TypeSet =
            switch operation {
            case .optionalMapped, .optionalFlatMapped: .optional
            case .sortedBy: .list
            default: [.list, .map]
            }
        if range.types.isDisjoint(with: expected) {
            let error = CELError("expected a \(expected.names), not \(range.types.names)", at: range.start)
            return try refused(error, expression.start, expression.end)
        }
        let number = variables.count
        variables += names
        defer { variables.removeLast(names.count) }
        assembly.localCount = max(assembly.localCount, variables.count)
        var parts: [Compiled] = []
        for body in bodies { parts.append(try compile(body)) }
        let hasCondition: Bool =
            switch operation {
            case .mapped, .mapBuilt, .mapMerged, .sortedBy, .optionalMapped, .optionalFlatMapped: false
            default: true
            }
        if hasCondition, !parts[0].types.contains(.bool), options.checksTypes {
            throw CELError("expected a bool, not \(parts[0].types.names)", at: parts[0].start)
        }
        let table = assembly.table(parts)
        let node = Node(operation, count: UInt8(names.count), range.operand, table.start, Operand(raw: UInt32(number)))
        let operand = assembly.node(node, expression.start, expression.end, [range])
        let types: TypeSet =
            switch operation {
            case .all, .exists, .existsOne: .bool
            case .mapBuilt, .mapBuiltFiltered, .mapMerged, .mapMergedFiltered: .map
            case .optionalMapped, .optionalFlatMapped: .optional
            default: .list
            }
        return Compiled(operand: operand, types: types, start: expression.start, end: expression.end)
    }
}
