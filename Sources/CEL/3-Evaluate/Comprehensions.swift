// Hot path: per record.
import Bytes
import JSON

/// The macros `all`, `exists`, `exists_one`, `map` and `filter`: one variable, set to each element of a list or each key of a map.
extension Machine {
    @inline(never)
    mutating func comprehension(_ node: Node, _ index: UInt32) -> Value {
        let range = load(node.a)
        if let failure = failure(range, Position.node(index, operand: 1)) { return failure }
        guard range.tag == .list || range.tag == .map else { return noOverload(range, at: Position.node(index)) }
        let step = range.tag == .map ? 2 : 1
        let items = elements(range)
        stepsLeft -= items.count
        if stepsLeft < 0 { return fail(.tooManySteps, Position.node(index)) }
        switch node.operation {
        case .all: return quantified(node, items, step, stopsAt: 0)
        case .exists: return quantified(node, items, step, stopsAt: 1)
        case .existsOne: return existsOne(node, items, step)
        default: return collected(node, items, step)
        }
    }

    /// The element's predicate, or other expression, at a place in the operand table: a value or an error, never absent.
    private mutating func body(_ node: Node, _ place: UInt32, _ element: Value) -> Value {
        locals[node.c.index] = element
        let value = load(operands[Int(node.b.raw &+ place)])
        return failure(value, Position.tableEntry(node.b.raw &+ place)) ?? value
    }

    private mutating func predicate(_ node: Node, _ element: Value) -> Value {
        let value = body(node, 0, element)
        return value.tag == .bool || value.tag == .error ? value : noOverload(value, at: Position.tableEntry(node.b.raw))
    }

    /// Like a chain of `&&` or `||`: a deciding element wins over errors of others.
    private mutating func quantified(
        _ node: Node, _ items: UnsafeBufferPointer<Value>, _ step: Int, stopsAt deciding: UInt64
    ) -> Value {
        var failed: Value?
        var position = 0
        while position < items.count {
            let value = predicate(node, items[position])
            if value.tag == .error {
                if failed == nil { failed = value }
            } else if value.bits == deciding {
                return value
            }
            position += step
        }
        return failed ?? .bool(deciding == 0)
    }

    /// Errors of any element win: whether there is just one can't be known then.
    private mutating func existsOne(_ node: Node, _ items: UnsafeBufferPointer<Value>, _ step: Int) -> Value {
        var found = 0
        var position = 0
        while position < items.count {
            let value = predicate(node, items[position])
            if value.tag == .error { return value }
            if value.bits != 0 { found += 1 }
            position += step
        }
        return .bool(found == 1)
    }

    private mutating func collected(_ node: Node, _ items: UnsafeBufferPointer<Value>, _ step: Int) -> Value {
        let target = allocateValues(items.count / step)
        var count = 0
        var position = 0
        while position < items.count {
            let element = items[position]
            position += step
            if node.operation != .mapped {
                let keep = predicate(node, element)
                if keep.tag == .error { return keep }
                if keep.bits == 0 { continue }
            }
            let value = node.operation == .filtered ? element : body(node, node.operation == .mapped ? 0 : 1, element)
            if value.tag == .error { return value }
            target[count] = value
            count += 1
        }
        return list(target, count)
    }
}
