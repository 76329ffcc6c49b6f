import JSON

/// Instructions, and their values where all operands are constants.
extension Compiler {
    func emit(
        _ operation: Operation, _ parts: [Compiled], _ types: TypeSet, _ start: Int, _ end: Int
    ) throws(CELError) -> Compiled {
        let unused = Operand(raw: 0)
        let node = Node(
            operation, count: UInt8(parts.count), parts.count > 0 ? parts[0].operand : unused,
            parts.count > 1 ? parts[1].operand : unused, parts.count > 2 ? parts[2].operand : unused)
        return try emit(node, parts, types, start, end)
    }

    func emit(_ node: Node, _ parts: [Compiled], _ types: TypeSet, _ start: Int, _ end: Int) throws(CELError) -> Compiled {
        let before = assembly.operands.count
        let operand = assembly.node(node, start, end, parts)
        let compiled = Compiled(operand: operand, types: types, start: start, end: end)
        return node.operation == .dyn ? compiled : try folded(compiled, parts, operandsFrom: before)
    }

    /// An instruction of any number of operands. `optional`: numbers of those that are optionals to be unwrapped or left out.
    func emitTable(
        _ operation: Operation, _ parts: [Compiled], _ types: TypeSet, _ start: Int, _ end: Int, count: UInt8 = 0,
        optional: Set<Int> = []
    ) throws(CELError) -> Compiled {
        let before = assembly.operands.count
        let table = assembly.table(parts)
        let flags = optional.isEmpty ? Operand(raw: 0) : assembly.flags(optional, count: parts.count)
        let node = Node(operation, count: count, table.start, table.count, flags)
        let operand = assembly.node(node, start, end, [])
        return try folded(Compiled(operand: operand, types: types, start: start, end: end), parts, operandsFrom: before)
    }

    /// The value instead of the node where all operands are constants. A type error is reported now; any other stays for the
    /// evaluation, which may never come to it.
    private func folded(_ compiled: Compiled, _ parts: [Compiled], operandsFrom start: Int) throws(CELError) -> Compiled {
        guard parts.allSatisfy(\.operand.isConstant) else { return compiled }
        let value = assembly.evaluateLast(strictNumbers: options.strictNumbers)
        if value.tag == .error {
            guard value.aux == EvaluationError.noMatchingOverload.rawValue, options.checksTypes else { return compiled }
            throw CELError("no matching overload for \(EvaluationError.types(of: value))", at: compiled.start)
        }
        assembly.dropLast(operandsFrom: start)
        var constant = compiled
        constant.operand = assembly.constant(value)
        constant.types = TypeSet(value.tag)
        return constant
    }
}
