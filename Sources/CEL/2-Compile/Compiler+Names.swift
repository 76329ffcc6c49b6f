import JSON

/// Names, members and `has()`.
extension Compiler {
    /// `a.b["c"]` as a chain of names, with the end of each.
    private struct Chain {
        var rooted: Bool
        var start: Int
        var names: [String]
        var ends: [Int]
    }

    private func chain(_ expression: Expression) -> Chain? {
        switch expression.kind {
        case .name(let name, let rooted): return Chain(rooted: rooted, start: expression.start, names: [name], ends: [expression.end])
        case .select(let inner, let field): return chain(inner).map { longer($0, field, expression.end) }
        case .index(let inner, let key):
            guard case .literal(.string(let bytes)) = key.kind else { return nil }
            return chain(inner).map { longer($0, String(decoding: bytes, as: UTF8.self), expression.end) }
        default: return nil
        }
    }

    private func longer(_ chain: Chain, _ name: String, _ end: Int) -> Chain {
        var result = chain
        result.names.append(name)
        result.ends.append(end)
        return result
    }

    /// A chain of names: a variable's or a slot's value and what is selected from it. Nil: no such chain.
    mutating func path(_ expression: Expression) throws(CELError) -> Compiled? {
        guard let chain = chain(expression) else { return nil }
        var (result, used) = try root(chain)
        while used < chain.names.count {
            result = select(result, chain.names[used], chain.ends[used])
            used += 1
        }
        return result
    }

    /// The longest beginning of a chain that is a variable, a slot or a type, and of how many names it is.
    private mutating func root(_ chain: Chain) throws(CELError) -> (Compiled, Int) {
        let name = chain.names[0]
        func compiled(_ operand: Operand, _ types: TypeSet, _ count: Int) -> (Compiled, Int) {
            (Compiled(operand: operand, types: types, start: chain.start, end: chain.ends[count - 1]), count)
        }
        if !chain.rooted, let number = variables.lastIndex(of: name) { return compiled(.local(UInt32(number)), .any, 1) }
        for count in stride(from: chain.names.count, through: 1, by: -1) {
            guard let slot = resolver.slot(for: Array(chain.names[..<count])) else { continue }
            guard slot >= 0, slot <= Int(Operand.maxIndex) else { throw CELError("too many names", at: chain.start) }
            return compiled(.slot(UInt32(slot)), .any, count)
        }
        if let type = typeNames[name] { return compiled(assembly.constant(Value(.type, aux: UInt16(type.rawValue))), .type, 1) }
        throw CELError("unknown name '\(name)'", at: chain.start, suggestion: nearest(name, among: variables + resolver.roots))
    }

    private func select(_ container: Compiled, _ field: String, _ end: Int) -> Compiled {
        let key = Compiled(operand: assembly.constant(.string, Array(field.utf8)), types: .string, start: container.end, end: end)
        let node = Node(.select, count: 2, container.operand, key.operand)
        let operand = assembly.node(node, container.start, end, [container, key])
        return Compiled(operand: operand, types: .any, start: container.start, end: end)
    }

    /// A member of something that isn't a chain of names.
    mutating func member(_ expression: Expression) throws(CELError) -> Compiled {
        switch expression.kind {
        case .select(let inner, let field):
            let container = try compile(inner)
            if !container.types.contains(.map) {
                throw CELError("\(container.types.names) has no fields", at: container.start)
            }
            return select(container, field, expression.end)
        case .index(let inner, let key):
            let parts = [try compile(inner), try compile(key)]
            let isList = parts[0].types.contains(.list) && !parts[1].types.isDisjoint(with: .number)
            if !isList, !parts[0].types.contains(.map) { throw noOverload("[]", parts, expression.start) }
            return try emit(.index, parts, .any, expression.start, expression.end)
        default: throw CELError("expected a name or a member", at: expression.start)
        }
    }

    /// `has(a.b)`: of a slot, or of a computed map's key.
    mutating func has(_ argument: Expression, _ start: Int, _ end: Int) throws(CELError) -> Compiled {
        guard case .select(let inner, let field) = argument.kind else {
            throw CELError("has() takes a field, as in has(message.country)", at: argument.start)
        }
        let tested: Operand
        let parts: [Compiled]
        let operation: Operation
        if let chain = chain(argument), chain.rooted || !variables.contains(chain.names[0]),
            let slot = resolver.slot(for: chain.names), let parent = resolver.parentSlot(for: Array(chain.names.dropLast()))
        {
            tested = .slot(UInt32(slot))
            parts = [
                Compiled(operand: tested, types: .any, start: argument.start, end: argument.end),
                Compiled(operand: .slot(UInt32(parent)), types: .any, start: inner.start, end: inner.end),
            ]
            operation = .hasSlot
        } else {
            let container = try compile(inner)
            if !container.types.contains(.map) { throw CELError("\(container.types.names) has no fields", at: container.start) }
            let key = assembly.constant(.string, Array(field.utf8))
            parts = [container, Compiled(operand: key, types: .string, start: argument.start, end: argument.end)]
            operation = .hasKey
        }
        return try emit(operation, parts, .bool, start, end)
    }
}

private let typeNames: [String: Tag] = [
    "int": .int, "uint": .uint, "double": .double, "decimal": .decimal, "bool": .bool, "string": .string, "bytes": .bytes,
    "list": .list, "map": .map, "null_type": .null, "type": .type,
]
