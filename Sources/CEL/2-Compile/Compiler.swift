import Bytes
import JSON

/// An expression to nodes: names to slots, calls to instructions, constant parts computed, patterns compiled.
struct Compiler<Resolver: NameResolver> {
    let options: CELOptions
    var resolver: Resolver
    let assembly = Assembly()
    /// The variables of the macros around, innermost last; a variable's place is its number.
    var variables: [String] = []
    var warnings: [CELWarning] = []

    init(resolver: Resolver, options: CELOptions) {
        self.resolver = resolver
        self.options = options
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
            if !parts[0].types.contains(.bool) { return try refused(noOverload("?:", parts, start), start, end) }
            warnIfConstant(parts[0], condition)
            return try emit(.conditional, parts, parts[1].types.union(parts[2].types), start, end)
        case .operator(let name, let operands): return try compileOperator(name, operands, start, end)
        case .call(let name, let target, let arguments, let offset):
            if let macro = try macro(name, target, arguments, expression) { return macro }
            return try call(name, target, arguments, offset, start, end)
        case .list(let items, let optional):
            var parts: [Compiled] = []
            for item in items { parts.append(try compile(item)) }
            return try emitTable(.list, parts, .list, start, end, optional: optional)
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
        if decimal.state == .ok, let exact = assembly.value(of: decimal) { place = UInt32(assembly.constant(exact).index) }
        return assembly.constant(Value(.double, flags: Value.literalFlag, length: place, bits: value.bitPattern))
    }

    // MARK: Operators

    private mutating func compileOperator(
        _ name: String, _ operands: [Expression], _ start: Int, _ end: Int
    ) throws(CELError) -> Compiled {
        var parts: [Compiled] = []
        for operand in operands { parts.append(try compile(operand)) }
        if name == "&&" || name == "||" {
            if let wrong = parts.first(where: { !$0.types.contains(.bool) }), options.checksTypes {
                throw CELError("'\(name)' needs bools, not \(wrong.types.names)", at: wrong.start)
            }
            for (part, operand) in zip(parts, operands) { warnIfConstant(part, operand) }
            return try emitTable(name == "&&" ? .and : .or, parts, .bool, start, end)
        }
        if parts.count > 2 {  // a chain of +
            var types = parts[0].types
            for part in parts.dropFirst() {
                let sum = Compiled(operand: part.operand, types: types, start: start, end: part.start)
                guard let chosen = try overload(name, .operator, [sum, part], start) else { break }
                types = chosen.types
            }
            return try emitTable(.addChain, parts, types, start, end)
        }
        guard let (operation, types) = try overload(name, .operator, parts, start) else {
            return failing(.noMatchingOverload, start, end)
        }
        if operation == .equal || operation == .notEqual { warnIfNeverEqual(parts, negated: operation == .notEqual, start) }
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

    private mutating func map(_ entries: [Expression.Entry], _ start: Int, _ end: Int) throws(CELError) -> Compiled {
        var parts: [Compiled] = []
        var keys: Set<Literal.Key> = []
        var computedKeys = 0
        var optional: Set<Int> = []
        for entry in entries {
            let key = try compile(entry.key)
            if key.types.isDisjoint(with: [.string, .int, .uint, .bool]) {
                let error = CELError("a map's key is a string, int, uint or bool, not \(key.types.names)", at: key.start)
                return try refused(error, start, end)
            }
            if case .literal(let literal) = entry.key.kind {
                if let known = Literal.Key(literal), !keys.insert(known).inserted {
                    return try refused(CELError("duplicate key", at: key.start), start, end, .duplicateKey)
                }
            } else {
                computedKeys += 1
            }
            if entry.isOptional { optional.insert(parts.count + 1) }
            parts.append(key)
            parts.append(try compile(entry.value))
        }
        // Keys are compared pair by pair when they are computed.
        if entries.count > 1_000, computedKeys > 0 {
            throw CELError("a map with computed keys has at most 1000 entries", at: start)
        }
        return try emitTable(.map, parts, .map, start, end, count: computedKeys == 0 ? 1 : 0, optional: optional)
    }

    // MARK: Warnings and refusals

    /// A condition that was computed now decides nothing at run time; `true` and `false` as written were meant.
    private mutating func warnIfConstant(_ part: Compiled, _ expression: Expression) {
        if case .literal = expression.kind { return }
        guard part.operand.isConstant, part.types == .bool else { return }
        let value = assembly.constants[part.operand.index].isTrue
        warnings.append(CELWarning(message: "this condition is always \(value)", offset: part.start))
    }

    private mutating func warnIfNeverEqual(_ parts: [Compiled], negated: Bool, _ start: Int) {
        guard !parts[0].types.mayEqual(parts[1].types) else { return }
        let (left, right) = (parts[0].types.names, parts[1].types.names)
        warnings.append(
            CELWarning(message: "always \(negated): \(left) never equals \(right)", offset: start))
    }

    /// An error of the compilation, or where types aren't checked an instruction that fails when it is run.
    func refused(
        _ error: CELError, _ start: Int, _ end: Int, _ code: EvaluationError = .noMatchingOverload
    ) throws(CELError) -> Compiled {
        if options.checksTypes { throw error }
        return failing(code, start, end)
    }

    func failing(_ code: EvaluationError, _ start: Int, _ end: Int) -> Compiled {
        let operand = assembly.node(Node(.failing, Operand(raw: UInt32(code.rawValue))), start, end, [])
        return Compiled(operand: operand, types: .any, start: start, end: end)
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
