// Hot path: per record.
import Bytes
import JSON

/// Lists and maps: members, membership, equality, construction.
extension Machine {
    /// A list's elements, or a map's keys and values in turn; made from JSON text where it is that.
    mutating func elements(_ value: Value) -> UnsafeBufferPointer<Value> {
        var open = value
        if value.flags & Value.Flags.raw != 0 {
            // An empty one will do: the result is an error.
            if stepsLeft < 0 { return UnsafeBufferPointer(start: nil, count: 0) }
            open = materialize(value, record: record, arena: &arena.pointee)
            stepsLeft &-= Int(open.length) >> 2
        }
        let count = Int(open.length) * (open.tag == .map ? 2 : 1)
        return UnsafeBufferPointer(start: open.pointer?.assumingMemoryBound(to: Value.self), count: open.pointer == nil ? 0 : count)
    }

    /// The value of a key; nil: no such key. Numbers are the same key when they are the same number.
    mutating func member(_ map: Value, _ key: Value) -> Value? {
        if map.flags & Value.Flags.raw != 0 { return textMember(map, key) }
        let pairs = elements(map)
        var index = 0
        while index < pairs.count {
            let candidate = pairs[index]
            if candidate.tag == .string, key.tag == .string {
                if equalBytes(candidate, key) { return pairs[index + 1] }
            } else if equalityOrder(candidate, key) == .equal {
                return pairs[index + 1]
            }
            index += 2
        }
        return nil
    }

    /// Of a map that is JSON text. It costs what making the map's elements does: a lookup goes through all of them too.
    private mutating func textMember(_ map: Value, _ key: Value) -> Value? {
        if stepsLeft < 0 { return nil }
        let found = lookUp(key, in: map, record: record, arena: &arena.pointee)
        stepsLeft &-= found.count >> 2
        return found.value.tag == .absent ? nil : found.value
    }

    /// `map.field`.
    @inline(never)
    mutating func select(_ node: Node, _ index: UInt32) -> Value {
        let map = load(node.a)
        if let failure = failure(map, Position.node(index, operand: 1)) { return failure }
        if map.tag == .optional { return optionalMember(map, constants[node.b.index], node.operation, index) }
        guard map.tag == .map, let value = member(map, constants[node.b.index]) else {
            return fail(.noSuchField, Position.node(index))
        }
        return value
    }

    /// `has(map.field)` on a computed map.
    @inline(never)
    mutating func hasKey(_ node: Node, _ index: UInt32) -> Value {
        var map = load(node.a)
        if let failure = failure(map, Position.node(index, operand: 1)) { return failure }
        if map.tag == .optional {
            guard let content = content(map) else { return .bool(false) }
            map = content
        }
        guard map.tag == .map else { return fail(.noSuchField, Position.node(index, operand: 1)) }
        return .bool(member(map, constants[node.b.index]) != nil)
    }

    /// `has()` of a slot that is absent: false in a map, an error below anything else.
    @inline(never)
    mutating func hasInParent(_ node: Node, _ index: UInt32) -> Value {
        let parent = load(node.b)
        if parent.tag == .error { return parent }
        return parent.tag == .map ? .bool(false) : fail(.noSuchField, Position.node(index, operand: 2))
    }

    /// `list[0]`, `map[key]`.
    @inline(never)
    mutating func subscripted(_ node: Node, _ index: UInt32) -> Value {
        let container = load(node.a)
        if let failure = failure(container, Position.node(index, operand: 1)) { return failure }
        let key = load(node.b)
        if let failure = failure(key, Position.node(index, operand: 2)) { return failure }
        switch container.tag {
        case .optional: return optionalMember(container, key, node.operation, index)
        case .map:
            return member(container, key) ?? fail(.noSuchKey, Position.node(index))
        case .list:
            guard let position = key.asIndex else { return noOverload(container, key, index) }
            let items = elements(container)
            return position >= 0 && position < items.count
                ? items[Int(position)] : fail(.indexOutOfBounds, Position.node(index))
        default: return noOverload(container, key, index)
        }
    }

    /// `value in list`, `key in map`.
    @inline(never)
    mutating func inList(_ value: Value, _ node: Node, _ index: UInt32) -> Value {
        if let failure = failure(value, Position.node(index, operand: 1)) { return failure }
        let container = load(node.b)
        if let failure = failure(container, Position.node(index, operand: 2)) { return failure }
        guard container.tag == .list || container.tag == .map else { return noOverload(value, container, index) }
        if container.tag == .map, container.flags & Value.Flags.raw != 0 { return .bool(textMember(container, value) != nil) }
        let step = container.tag == .map ? 2 : 1
        let items = elements(container)
        var failed: Value?
        var position = 0
        while position < items.count {
            let order = equalityOrder(items[position], value)
            if order == .equal { return .bool(true) }
            if failed == nil { failed = orderFailure(order, index) }
            position += step
        }
        return failed ?? .bool(false)
    }

    mutating func listEquality(_ left: Value, _ right: Value) -> Order {
        let (a, b) = (elements(left), elements(right))
        guard a.count == b.count else { return .less }
        for index in 0..<a.count {
            let order = equalityOrder(a[index], b[index])
            if order != .equal { return order }
        }
        return .equal
    }

    mutating func mapEquality(_ left: Value, _ right: Value) -> Order {
        let (a, opened) = (elements(left), elements(right))
        guard a.count == opened.count else { return .less }
        let pairs = UInt32(truncatingIfNeeded: opened.count / 2)
        let b = Value(.map, length: pairs, bits: UInt64(UInt(bitPattern: opened.baseAddress)))
        var index = 0
        while index < a.count {
            guard let other = member(b, a[index]) else { return .less }
            let order = equalityOrder(a[index + 1], other)
            if order != .equal { return order }
            index += 2
        }
        return .equal
    }

    mutating func concatenateLists(_ left: Value, _ right: Value) -> Value {
        let (a, b) = (elements(left), elements(right))
        let target = allocateValues(a.count + b.count)
        for index in 0..<a.count { target[index] = a[index] }
        for index in 0..<b.count { target[a.count + index] = b[index] }
        return list(target, a.count + b.count)
    }

    /// `[a, b]`, or a map's keys and values in turn.
    @inline(never)
    mutating func construct(_ node: Node, _ index: UInt32) -> Value {
        let start = node.a.raw
        let count = Int(node.b.raw)
        let target = allocateValues(count)
        var used = 0
        for offset in 0..<count {
            let entry = start &+ UInt32(truncatingIfNeeded: offset)
            var value = load(operands[Int(entry)])
            if let failure = failure(value, Position.tableEntry(entry)) { return failure }
            if node.c.raw != 0, operands[Int(node.c.raw) - 1 + offset / 32].raw >> UInt32(offset % 32) & 1 != 0 {
                guard value.tag == .optional else { return noOverload(value, at: Position.tableEntry(entry)) }
                guard let content = content(value) else {
                    if node.operation == .map { used -= 1 }  // its key
                    continue
                }
                value = content
            }
            if node.operation == .map, offset & 1 == 0 {
                switch value.tag {
                case .string, .int, .uint, .bool: break
                default: return fail(.invalidKey, Position.tableEntry(entry))
                }
                // Literal keys were compared when the program was compiled.
                let toCompare = node.count == 0 ? used : 0
                for earlier in stride(from: 0, to: toCompare, by: 2) where equalityOrder(target[earlier], value) == .equal {
                    return fail(.duplicateKey, Position.tableEntry(entry))
                }
            }
            target[used] = value
            used += 1
        }
        if node.operation == .list { return list(target, used) }
        return Value(.map, length: UInt32(truncatingIfNeeded: used / 2), bits: UInt64(UInt(bitPattern: target)))
    }

    mutating func allocateValues(_ count: Int) -> UnsafeMutablePointer<Value> {
        stepsLeft &-= count >> 2
        return arena.pointee.allocate(count * MemoryLayout<Value>.stride).bindMemory(to: Value.self, capacity: count)
    }

    func list(_ elements: UnsafeMutablePointer<Value>, _ count: Int) -> Value {
        Value(.list, length: UInt32(truncatingIfNeeded: count), bits: UInt64(UInt(bitPattern: elements)))
    }
}

extension Value {
    /// A list index: an int, a uint, or a double without fraction. Nil: not a number for that.
    var asIndex: Int64? {
        switch tag {
        case .int: int
        case .uint: Int64(clamping: bits)
        case .double: isOutOfRange ? nil : Int64(exactly: double)
        default: nil
        }
    }
}
