// Hot path: per record.
import Bytes
import JSON

/// Optionals: values that may be missing without an error.
extension Machine {
    /// An optional with a value.
    mutating func some(_ value: Value) -> Value {
        let place = allocateValues(1)
        place.pointee = value
        return Value(.optional, length: 1, bits: UInt64(UInt(bitPattern: place)))
    }

    /// An optional's value; nil: it has none.
    func content(_ optional: Value) -> Value? {
        optional.length == 1 ? optional.pointer?.assumingMemoryBound(to: Value.self).pointee : nil
    }

    /// `a.?b` and `a[?b]`.
    @inline(never)
    mutating func optionalMember(_ node: Node, _ index: UInt32) -> Value {
        let container = load(node.a)
        if let failure = failure(container, Position.node(index, operand: 1)) { return failure }
        let key = load(node.b)
        if let failure = failure(key, Position.node(index, operand: 2)) { return failure }
        return optionalMember(container, key, node.operation, index)
    }

    /// A member of a map, list or optional of these: an optional without value where it isn't there.
    mutating func optionalMember(_ container: Value, _ key: Value, _ operation: Operation, _ index: UInt32) -> Value {
        var container = container
        if container.tag == .optional {
            guard let content = content(container) else { return container }
            container = content
        }
        switch container.tag {
        case .map:
            guard let value = member(container, key) else { return Value(.optional) }
            return some(value)
        case .list where operation == .index || operation == .optionalIndex:
            guard let position = key.asIndex else { return noOverload(container, key, index) }
            let items = elements(container)
            return position >= 0 && position < items.count ? some(items[Int(position)]) : Value(.optional)
        default:
            return operation == .index || operation == .optionalIndex
                ? noOverload(container, key, index) : fail(.noSuchField, Position.node(index))
        }
    }

    /// `a.?b` of a slot: `a` is the slot, `b` that of the map it would be in.
    @inline(never)
    mutating func optionalSlot(_ node: Node, _ index: UInt32) -> Value {
        let value = load(node.a)
        if value.tag == .error { return value }
        if value.tag != .absent { return some(value) }
        let isThere = hasInParent(node, index)
        return isThere.tag == .error ? isThere : Value(.optional)
    }

    /// `a.or(b)` and `a.orValue(b)`: `b` is only evaluated where `a` has no value.
    @inline(never)
    mutating func optionalAlternative(_ node: Node, _ index: UInt32) -> Value {
        let first = load(node.a)
        guard first.tag == .optional else { return noOverload(first, index) }
        if let content = content(first) { return node.operation == .optionalOr ? first : content }
        let second = load(node.b)
        if let failure = failure(second, Position.node(index, operand: 2)) { return failure }
        if node.operation == .optionalOr, second.tag != .optional { return noOverload(first, second, index) }
        return second
    }

    /// `a.optMap(x, …)` and `a.optFlatMap(x, …)`.
    @inline(never)
    mutating func optionalMapped(_ node: Node, _ index: UInt32) -> Value {
        let optional = load(node.a)
        guard optional.tag == .optional else { return noOverload(optional, index) }
        guard let content = content(optional) else { return optional }
        locals[node.c.index] = content
        let value = load(operands[node.b.index])
        let place = Position.tableEntry(node.b.raw)
        if let failure = failure(value, place) { return failure }
        if node.operation == .optionalMapped { return some(value) }
        return value.tag == .optional ? value : noOverload(value, at: place)
    }

    /// Whether a value is its type's zero: what `optional.ofNonZeroValue` takes for none.
    mutating func isZero(_ value: Value) -> Bool {
        switch value.tag {
        case .null: true
        case .bool, .int, .uint, .duration: value.bits == 0
        case .timestamp: value.bits == 0 && value.length == 0
        case .decimal: value.unscaled == 0
        case .double: value.double == 0
        case .string, .bytes, .optional: value.length == 0
        case .list, .map: elements(value).isEmpty
        case .absent, .type, .error: false
        }
    }

    /// The values of a list's optionals that have one.
    mutating func unwrapped(_ list: Value, _ index: UInt32) -> Value {
        let items = elements(list)
        let target = allocateValues(items.count)
        var count = 0
        for item in items {
            guard item.tag == .optional else { return noOverload(item, at: Position.node(index)) }
            guard let content = content(item) else { continue }
            target[count] = content
            count += 1
        }
        return self.list(target, count)
    }
}
