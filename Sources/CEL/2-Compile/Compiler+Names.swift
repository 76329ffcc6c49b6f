import JSON

/// Names, members and `has()`.
extension Compiler {
    /// `a.b["c"]` as a chain of names, with the end of each.
    struct Chain {
        var rooted: Bool
        var start: Int
        var names: [String]
        var ends: [Int]
    }

    func chain(_ expression: Expression) -> Chain? {
        switch expression.kind {
        case .name(let name, let rooted):
            return Chain(rooted: rooted, start: expression.start, names: [name], ends: [expression.end])
        case .select(let inner, let field, optional: false): return chain(inner).map { longer($0, field, expression.end) }
        case .index(let inner, let key, optional: false):
            guard resolver.indexesAreNames, case .literal(.string(let bytes)) = key.kind else { return nil }
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

    /// What a name may stand for, in the order the container asks for: `a.b` in container `c.d` is `c.d.a.b`, `c.a.b` or `a.b`.
    private func candidates(_ names: ArraySlice<String>, rooted: Bool) -> [[String]] {
        if rooted || options.container.isEmpty { return [Array(names)] }
        return (0...options.container.count).reversed().map { Array(options.container.prefix($0) + names) }
    }

    /// The slot of a chain of names.
    private mutating func slot(_ names: ArraySlice<String>, _ chain: Chain) throws(CELError) -> (slot: UInt32, path: [String])? {
        for candidate in candidates(names, rooted: chain.rooted) {
            guard let slot = resolver.slot(for: candidate) else { continue }
            guard slot >= 0, slot <= Int(Operand.maxIndex) else { throw CELError("too many names", at: chain.start) }
            return (UInt32(slot), candidate)
        }
        return nil
    }

    private func isVariable(_ chain: Chain) -> Bool { !chain.rooted && variables.contains(chain.names[0]) }

    /// The longest beginning of a chain that is a variable, a slot or a type, and of how many names it is.
    private mutating func root(_ chain: Chain) throws(CELError) -> (Compiled, Int) {
        let name = chain.names[0]
        func compiled(_ operand: Operand, _ types: TypeSet, _ count: Int) -> (Compiled, Int) {
            (Compiled(operand: operand, types: types, start: chain.start, end: chain.ends[count - 1]), count)
        }
        if !chain.rooted, let number = variables.lastIndex(of: name) { return compiled(.local(UInt32(number)), .any, 1) }
        for count in stride(from: chain.names.count, through: 1, by: -1) {
            guard let (slot, path) = try slot(chain.names[..<count], chain) else { continue }
            return compiled(.slot(slot), resolver.types(of: path), count)
        }
        for count in stride(from: chain.names.count, through: 1, by: -1) {
            for candidate in candidates(chain.names[..<count], rooted: chain.rooted) {
                guard let type = Tag(typeName: candidate.joined(separator: ".")) else { continue }
                return compiled(assembly.constant(Value(.type, aux: UInt16(type.rawValue))), .type, count)
            }
        }
        let known = variables + resolver.roots
        let error = CELError("unknown name '\(name)'", at: chain.start, suggestion: nearest(name, among: known))
        return (try refused(error, chain.start, chain.ends[0], .unknownName), 1)
    }

    private func select(_ container: Compiled, _ field: String, _ end: Int, optional: Bool = false) -> Compiled {
        let key = Compiled(operand: assembly.constant(.string, Array(field.utf8)), types: .string, start: container.end, end: end)
        let node = Node(optional ? .optionalSelect : .select, count: 2, container.operand, key.operand)
        let operand = assembly.node(node, container.start, end, [container, key])
        return Compiled(operand: operand, types: optional ? .optional : .any, start: container.start, end: end)
    }

    /// A member of something that isn't a chain of names, or an optional one.
    mutating func member(_ expression: Expression) throws(CELError) -> Compiled {
        let (start, end) = (expression.start, expression.end)
        switch expression.kind {
        case .select(let inner, let field, let optional):
            if optional, let member = try optionalSlot(inner, field, expression) { return member }
            let container = try compile(inner)
            if container.types.isDisjoint(with: [.map, .optional]) {
                return try refused(CELError("\(container.types.names) has no fields", at: container.start), start, end)
            }
            return select(container, field, end, optional: optional)
        case .index(let inner, let key, let optional):
            let parts = [try compile(inner), try compile(key)]
            let isList = parts[0].types.contains(.list) && !parts[1].types.isDisjoint(with: .number)
            if !isList, parts[0].types.isDisjoint(with: [.map, .optional]) {
                return try refused(noOverload("[]", parts, start), start, end)
            }
            return try emit(optional ? .optionalIndex : .index, parts, optional ? .optional : .any, start, end)
        default: throw CELError("expected a name or a member", at: expression.start)
        }
    }

    /// `a.?b` where `a.b` has a slot of its own.
    private mutating func optionalSlot(
        _ inner: Expression, _ field: String, _ expression: Expression
    ) throws(CELError) -> Compiled? {
        guard let chain = chain(inner), !isVariable(chain),
            let parts = try slotAndParent(longer(chain, field, expression.end), inner)
        else { return nil }
        return try emit(.optionalSlot, parts, .optional, expression.start, expression.end)
    }

    /// The slot of a chain and that of its parent, as `has` and `.?` want them; nil: they haven't both.
    private mutating func slotAndParent(_ chain: Chain, _ inner: Expression) throws(CELError) -> [Compiled]? {
        guard let (slot, path) = try slot(chain.names[...], chain),
            let parent = resolver.parentSlot(for: Array(path.dropLast()))
        else { return nil }
        let end = chain.ends[chain.ends.count - 1]
        return [
            Compiled(operand: .slot(slot), types: .any, start: chain.start, end: end),
            Compiled(operand: .slot(UInt32(parent)), types: .any, start: inner.start, end: inner.end),
        ]
    }

    /// `has(a.b)`: of a slot, or of a computed map's key.
    mutating func has(_ argument: Expression, _ start: Int, _ end: Int) throws(CELError) -> Compiled {
        guard case .select(let inner, let field, optional: false) = argument.kind else {
            throw CELError("has() takes a field, as in has(message.country)", at: argument.start)
        }
        if let chain = chain(argument), !isVariable(chain), let parts = try slotAndParent(chain, inner) {
            return try emit(.hasSlot, parts, .bool, start, end)
        }
        let container = try compile(inner)
        if container.types.isDisjoint(with: [.map, .optional]) {
            return try refused(CELError("\(container.types.names) has no fields", at: container.start), start, end)
        }
        let key = assembly.constant(.string, Array(field.utf8))
        let parts = [container, Compiled(operand: key, types: .string, start: argument.start, end: argument.end)]
        return try emit(.hasKey, parts, .bool, start, end)
    }
}
