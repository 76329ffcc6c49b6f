// Hot path: per record.
import Bytes
import JSON

/// The macros over lists and maps. One variable is set to each element of a list or each key of a map; two are set to index and
/// element, or key and value.
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
        case .mapBuilt, .mapBuiltFiltered: return mapBuilt(node, items, step)
        case .mapMerged, .mapMergedFiltered: return mapMerged(node, items, step)
        case .sortedBy: return range.tag == .list ? sortedBy(node, items, index) : noOverload(range, at: Position.node(index))
        default: return collected(node, items, step)
        }
    }

    /// The element's predicate, or other expression, at a place in the operand table: a value or an error, never absent.
    mutating func body(_ node: Node, _ place: UInt32, _ items: UnsafeBufferPointer<Value>, _ step: Int, _ position: Int) -> Value {
        if node.count == 1 {
            locals[node.c.index] = items[position]
        } else {
            locals[node.c.index] = step == 1 ? .int(Int64(position)) : items[position]
            locals[node.c.index + 1] = items[position + step - 1]
        }
        let value = load(operands[Int(node.b.raw &+ place)])
        if stepsLeft < 0 { return fail(.tooManySteps, Position.tableEntry(node.b.raw &+ place)) }
        return failure(value, Position.tableEntry(node.b.raw &+ place)) ?? value
    }

    mutating func predicate(_ node: Node, _ items: UnsafeBufferPointer<Value>, _ step: Int, _ position: Int) -> Value {
        let value = body(node, 0, items, step, position)
        return value.tag == .bool || value.tag == .error ? value : noOverload(value, at: Position.tableEntry(node.b.raw))
    }

    /// Like a chain of `&&` or `||`: a deciding element wins over errors of others.
    private mutating func quantified(
        _ node: Node, _ items: UnsafeBufferPointer<Value>, _ step: Int, stopsAt deciding: UInt64
    ) -> Value {
        var failed: Value?
        var position = 0
        while position < items.count {
            let value = predicate(node, items, step, position)
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
            let value = predicate(node, items, step, position)
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
            let here = position
            position += step
            if node.operation != .mapped {
                let keep = predicate(node, items, step, here)
                if keep.tag == .error { return keep }
                if keep.bits == 0 { continue }
            }
            let value =
                node.operation == .filtered
                ? items[here] : body(node, node.operation == .mapped ? 0 : 1, items, step, here)
            if value.tag == .error { return value }
            target[count] = value
            count += 1
        }
        return list(target, count)
    }

    /// `transformMap`: the same keys with other values.
    private mutating func mapBuilt(_ node: Node, _ items: UnsafeBufferPointer<Value>, _ step: Int) -> Value {
        let target = allocateValues(items.count / step * 2)
        var count = 0
        var position = 0
        while position < items.count {
            let here = position
            position += step
            if node.operation == .mapBuiltFiltered {
                let keep = predicate(node, items, step, here)
                if keep.tag == .error { return keep }
                if keep.bits == 0 { continue }
            }
            let value = body(node, node.operation == .mapBuilt ? 0 : 1, items, step, here)
            if value.tag == .error { return value }
            target[count * 2] = step == 1 ? .int(Int64(here)) : items[here]
            target[count * 2 + 1] = value
            count += 1
        }
        return Value(.map, length: UInt32(truncatingIfNeeded: count), bits: UInt64(UInt(bitPattern: target)))
    }

    /// `transformMapEntry`: the entries of all the maps that the expression gives, in one map.
    private mutating func mapMerged(_ node: Node, _ items: UnsafeBufferPointer<Value>, _ step: Int) -> Value {
        var merged = Value(.map)
        var capacity = 0
        let place: UInt32 = node.operation == .mapMerged ? 0 : 1
        for position in stride(from: 0, to: items.count, by: step) {
            if place == 1 {
                let keep = predicate(node, items, step, position)
                if keep.tag == .error { return keep }
                if keep.bits == 0 { continue }
            }
            let entries = body(node, place, items, step, position)
            if entries.tag == .error { return entries }
            guard entries.tag == .map else { return noOverload(entries, at: Position.tableEntry(node.b.raw &+ place)) }
            let added = elements(entries)
            let count = Int(merged.length)
            if count + added.count / 2 > capacity {
                capacity = max(8, (count + added.count / 2) * 2)
                let larger = allocateValues(capacity * 2)
                let old = elements(merged)
                for index in 0..<old.count { larger[index] = old[index] }
                merged = Value(.map, length: merged.length, bits: UInt64(UInt(bitPattern: larger)))
            }
            guard let memory = UnsafeMutableRawPointer(mutating: merged.pointer) else { continue }
            let target = memory.assumingMemoryBound(to: Value.self)
            for pair in stride(from: 0, to: added.count, by: 2) {
                stepsLeft -= Int(merged.length)
                if stepsLeft < 0 { return fail(.tooManySteps, Position.tableEntry(node.b.raw &+ place)) }
                if member(merged, added[pair]) != nil { return fail(.duplicateKey, Position.tableEntry(node.b.raw &+ place)) }
                target[Int(merged.length) * 2] = added[pair]
                target[Int(merged.length) * 2 + 1] = added[pair + 1]
                merged = Value(.map, length: merged.length + 1, bits: merged.bits)
            }
        }
        return merged
    }

    /// `cel.bind` and `cel.block`: variables with the values of expressions. An error is a value too: it counts where it is used.
    @inline(never)
    mutating func bind(_ node: Node) -> Value {
        var entry = node.a.raw
        let last = entry &+ node.b.raw &- 1
        var variable = node.c.index
        while entry < last {
            let value = load(operands[Int(entry)])
            locals[variable] = failure(value, Position.tableEntry(entry)) ?? value
            variable += 1
            entry &+= 1
        }
        let value = load(operands[Int(last)])
        return failure(value, Position.tableEntry(last)) ?? value
    }
}
