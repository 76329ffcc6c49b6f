import JSON

/// An expression to nodes: names to slots, calls to instructions, constant parts computed, patterns compiled.
struct Compiler<Resolver: NameResolver> {
    let source: [UInt8]
    var resolver: Resolver
    let assembly = Assembly()
    /// The variables of the comprehensions around, innermost last; a variable's place is its number.
    var variables: [String] = []

    init(source: [UInt8], resolver: Resolver) {
        self.source = source
        self.resolver = resolver
    }

    mutating func compile(_ expression: Expression) throws(CELError) -> Compiled {
        let (start, end) = (expression.start, expression.end)
        switch expression.kind {
        case .literal(let literal): return compile(literal, start, end)
        case .name, .select, .index:
            if let compiled = try path(expression) { return compiled }
            return try member(expression)
        case .conditional(let condition, let first, let second):
            let parts = [try compile(condition), try compile(first), try compile(second)]
            if !parts[0].types.contains(.bool) { throw noOverload("?:", parts, start) }
            return try emit(.conditional, parts, parts[1].types.union(parts[2].types), start, end)
        case .operator(let name, let operands): return try compileOperator(name, operands, start, end)
        case .call(let name, let target, let arguments, let offset):
            if let macro = try macro(name, target, arguments, expression) { return macro }
            return try call(name, target, arguments, offset, start, end)
        case .list(let items):
            var parts: [Compiled] = []
            for item in items { parts.append(try compile(item)) }
            return try emitTable(.list, parts, .list, start, end)
        case .map(let entries): return try map(entries, start, end)
        }
    }

    private func compile(_ literal: Literal, _ start: Int, _ end: Int) -> Compiled {
        let (operand, types): (Operand, TypeSet) =
            switch literal {
            case .null: (assembly.constant(.null), .null)
            case .bool(let value): (assembly.constant(.bool(value)), .bool)
            case .int(let value): (assembly.constant(.int(value)), .int)
            case .uint(let value): (assembly.constant(.uint(value)), .uint)
            case .double(let value, let text): (double(value, text), .double)
            case .string(let bytes): (assembly.constant(.string, bytes), .string)
            case .bytes(let bytes): (assembly.constant(.bytes, bytes), .bytes)
            }
        return Compiled(operand: operand, types: types, start: start, end: end)
    }

    /// A double literal, with its exact value as a constant beside it.
    private func double(_ value: Double, _ text: [UInt8]) -> Operand {
        let decimal = text.withUnsafeBytes { Decimal.parse($0) }
        var place = Value.noDecimal
        if decimal.state == .ok, let exact = decimal.value { place = UInt32(assembly.constant(exact).index) }
        return assembly.constant(Value(.double, flags: Value.literalFlag, length: place, bits: value.bitPattern))
    }

    // MARK: Operators and calls

    private mutating func compileOperator(
        _ name: String, _ operands: [Expression], _ start: Int, _ end: Int
    ) throws(CELError) -> Compiled {
        var parts: [Compiled] = []
        for operand in operands { parts.append(try compile(operand)) }
        if name == "&&" || name == "||" {
            if let wrong = parts.first(where: { !$0.types.contains(.bool) }) {
                throw CELError("'\(name)' needs bools, not \(wrong.types.names)", at: wrong.start)
            }
            return try emitTable(name == "&&" ? .and : .or, parts, .bool, start, end)
        }
        if parts.count > 2 {  // a chain of +
            var types = parts[0].types
            for part in parts.dropFirst() {
                let sum = Compiled(operand: part.operand, types: types, start: start, end: part.start)
                types = try overload(name, .operator, [sum, part], start).types
            }
            return try emitTable(.addChain, parts, types, start, end)
        }
        let (operation, types) = try overload(name, .operator, parts, start)
        if operation == .in, parts[1].operand.isConstant, let set = stringSet(parts[1].operand) {
            let node = Node(.inSet, parts[0].operand, parts[1].operand, set)
            if parts[0].operand.isConstant { return try emit(.in, parts, types, start, end) }
            let operand = assembly.node(node, start, end, parts)
            return Compiled(operand: operand, types: types, start: start, end: end)
        }
        return try emit(operation, parts, types, start, end)
    }

    /// The set for a constant list of nothing but strings.
    private func stringSet(_ operand: Operand) -> Operand? {
        let list = assembly.constants[operand.index]
        guard list.tag == .list, let items = list.pointer?.assumingMemoryBound(to: Value.self), list.length > 0 else { return nil }
        for index in 0..<Int(list.length) where items[index].tag != .string { return nil }
        return assembly.stringSet(list)
    }

    private mutating func call(
        _ name: String, _ target: Expression?, _ arguments: [Expression], _ offset: Int, _ start: Int, _ end: Int
    ) throws(CELError) -> Compiled {
        let style: Overload.Style = target == nil ? .function : .method
        if Overload.named(name, style).isEmpty { throw unknown(name, style, offset) }
        var parts: [Compiled] = []
        if let target { parts.append(try compile(target)) }
        for argument in arguments { parts.append(try compile(argument)) }
        let (operation, types) = try overload(name, style, parts, offset)
        if operation == .matchesDynamic, parts[1].operand.isConstant { return try matches(parts, start, end) }
        if operation == .replaceLimited { return try emitTable(operation, parts, types, start, end) }
        return try emit(operation, parts, types, start, end)
    }

    private mutating func matches(_ parts: [Compiled], _ start: Int, _ end: Int) throws(CELError) -> Compiled {
        let source = assembly.constants[parts[1].operand.index]
        guard let plain = PatternText(Array(source.bytes)) else {
            let number = try assembly.pattern(source, at: parts[1].start)
            let operand = assembly.node(
                Node(.matches, count: 1, parts[0].operand, parts[1].operand, Operand(raw: number)), start, end, parts)
            return Compiled(operand: operand, types: .bool, start: start, end: end)
        }
        var text = parts[1]
        text.operand = assembly.constant(.string, plain.text)
        let operation: Operation =
            switch (plain.fromStart, plain.toEnd) {
            case (true, true): .isText
            case (true, false): .startsWith
            case (false, true): .endsWith
            case (false, false): .contains
            }
        return try emit(operation, [parts[0], text], .bool, start, end)
    }

    private mutating func map(
        _ entries: [(key: Expression, value: Expression)], _ start: Int, _ end: Int
    ) throws(CELError) -> Compiled {
        var parts: [Compiled] = []
        var keys: Set<Literal.Key> = []
        var computedKeys = 0
        for entry in entries {
            let key = try compile(entry.key)
            if key.types.isDisjoint(with: [.string, .int, .uint, .bool]) {
                throw CELError("a map's key is a string, int, uint or bool, not \(key.types.names)", at: key.start)
            }
            if case .literal(let literal) = entry.key.kind {
                if let known = Literal.Key(literal), !keys.insert(known).inserted { throw CELError("duplicate key", at: key.start) }
            } else {
                computedKeys += 1
            }
            parts.append(key)
            parts.append(try compile(entry.value))
        }
        // Keys are compared pair by pair when they are computed.
        if entries.count > 1_000, computedKeys > 0 { throw CELError("a map with computed keys has at most 1000 entries", at: start) }
        if entries.count > 10_000 { throw CELError("a map literal has at most 10000 entries", at: start) }
        return try emitTable(.map, parts, .map, start, end)
    }

    // MARK: Nodes

    func emit(
        _ operation: Operation, _ parts: [Compiled], _ types: TypeSet, _ start: Int, _ end: Int
    ) throws(CELError) -> Compiled {
        let unused = Operand(raw: 0)
        let node = Node(
            operation, count: UInt8(parts.count), parts[0].operand, parts.count > 1 ? parts[1].operand : unused,
            parts.count > 2 ? parts[2].operand : unused)
        let before = assembly.operands.count
        let operand = assembly.node(node, start, end, parts)
        let compiled = Compiled(operand: operand, types: types, start: start, end: end)
        return operation == .dyn ? compiled : try folded(compiled, parts, operandsFrom: before)
    }

    func emitTable(
        _ operation: Operation, _ parts: [Compiled], _ types: TypeSet, _ start: Int, _ end: Int
    ) throws(CELError) -> Compiled {
        let before = assembly.operands.count
        let table = assembly.table(parts)
        let operand = assembly.node(Node(operation, table.start, table.count), start, end, [])
        return try folded(Compiled(operand: operand, types: types, start: start, end: end), parts, operandsFrom: before)
    }

    /// The value instead of the node where all operands are constants. A type error is reported now; any other stays for the
    /// evaluation, which may never come to it.
    private func folded(_ compiled: Compiled, _ parts: [Compiled], operandsFrom start: Int) throws(CELError) -> Compiled {
        guard parts.allSatisfy(\.operand.isConstant) else { return compiled }
        let value = assembly.evaluateLast()
        if value.tag == .error {
            guard value.aux == EvaluationError.noMatchingOverload.rawValue else { return compiled }
            throw CELError("no matching overload for \(EvaluationError.types(of: value))", at: compiled.start)
        }
        assembly.dropLast(operandsFrom: start)
        var constant = compiled
        constant.operand = assembly.constant(value)
        constant.types = TypeSet(value.tag)
        return constant
    }
}

extension Literal {
    /// What makes two literal keys of a map the same.
    fileprivate enum Key: Hashable {
        case bool(Bool)
        case integer(Int128)
        case string([UInt8])

        init?(_ literal: Literal) {
            switch literal {
            case .bool(let value): self = .bool(value)
            case .int(let value): self = .integer(Int128(value))
            case .uint(let value): self = .integer(Int128(value))
            case .string(let bytes): self = .string(bytes)
            default: return nil
            }
        }
    }
}
