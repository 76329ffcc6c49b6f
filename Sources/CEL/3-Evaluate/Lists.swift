// Hot path: per record.
import Bytes
import JSON

/// The functions of the lists and sets libraries (https://pkg.go.dev/github.com/google/cel-go/ext#Lists).
extension Machine {
    /// The most elements a list can be made of by a number.
    private static var maxRange: Int64 { 1_000_000 }

    mutating func range(_ count: Int64, _ index: UInt32) -> Value {
        guard count <= Machine.maxRange else { return fail(.tooLarge, Position.node(index)) }
        let target = allocateValues(Int(max(count, 0)))
        var number: Int64 = 0
        while number < count {
            target[Int(number)] = .int(number)
            number += 1
        }
        return list(target, Int(number))
    }

    mutating func slice(_ list: Value, _ start: Int64, _ end: Int64, _ index: UInt32) -> Value {
        let items = elements(list)
        guard start >= 0, start <= end, end <= Int64(items.count) else { return fail(.indexOutOfBounds, Position.node(index)) }
        // The same elements: nothing is copied.
        let first = items.baseAddress.map { UInt64(UInt(bitPattern: $0 + Int(start))) } ?? 0
        return Value(.list, length: UInt32(truncatingIfNeeded: end - start), bits: first)
    }

    mutating func reversedList(_ list: Value) -> Value {
        let items = elements(list)
        let target = allocateValues(items.count)
        for position in 0..<items.count { target[items.count - 1 - position] = items[position] }
        return self.list(target, items.count)
    }

    /// The elements of the lists in a list in its place, so many levels deep.
    mutating func flattened(_ list: Value, levels: Int64, _ index: UInt32) -> Value {
        guard levels >= 0 else { return fail(.indexOutOfBounds, Position.node(index)) }
        var result = list
        var left = levels
        while left > 0 {
            let items = elements(result)
            guard items.contains(where: { $0.tag == .list }) else { break }
            var count = 0
            for item in items { count += item.tag == .list ? elements(item).count : 1 }
            stepsLeft -= count
            if stepsLeft < 0 { return fail(.tooManySteps, Position.node(index)) }
            let target = allocateValues(count)
            var next = 0
            for item in items {
                if item.tag == .list {
                    for inner in elements(item) {
                        target[next] = inner
                        next += 1
                    }
                } else {
                    target[next] = item
                    next += 1
                }
            }
            result = self.list(target, next)
            left -= 1
        }
        return result
    }

    /// The first of equal elements each.
    mutating func distinct(_ list: Value, _ index: UInt32) -> Value {
        let items = elements(list)
        let target = allocateValues(items.count)
        var count = 0
        for item in items {
            stepsLeft -= count
            if stepsLeft < 0 { return fail(.tooManySteps, Position.node(index)) }
            var isNew = true
            for earlier in 0..<count where isNew {
                let order = equalityOrder(target[earlier], item)
                if let failure = orderFailure(order, index) { return failure }
                isNew = order != .equal
            }
            if isNew {
                target[count] = item
                count += 1
            }
        }
        return self.list(target, count)
    }

    // MARK: Order

    mutating func sorted(_ list: Value, _ index: UInt32) -> Value {
        let items = elements(list)
        return sorted(items, keys: items, index)
    }

    /// `sortBy`: in the order of what the expression gives for each.
    mutating func sortedBy(_ node: Node, _ items: UnsafeBufferPointer<Value>, _ index: UInt32) -> Value {
        let keys = allocateValues(items.count)
        for position in 0..<items.count {
            let key = body(node, 0, items, 1, position)
            if key.tag == .error { return key }
            keys[position] = key
        }
        return sorted(items, keys: UnsafeBufferPointer(start: keys, count: items.count), index)
    }

    /// The elements in the order of their keys, equal ones as they stood: merged from runs of 1, 2, 4, … elements.
    private mutating func sorted(
        _ items: UnsafeBufferPointer<Value>, keys: UnsafeBufferPointer<Value>, _ index: UInt32
    ) -> Value {
        let count = items.count
        for key in keys {
            let order = order(key, keys[0])
            if order == .differentTypes { return noOverload(key, at: Position.node(index)) }
            if let failure = orderFailure(order, index) { return failure }
        }
        var from = arena.pointee.allocate(count * 4).bindMemory(to: UInt32.self, capacity: count)
        var to = arena.pointee.allocate(count * 4).bindMemory(to: UInt32.self, capacity: count)
        for position in 0..<count { from[position] = UInt32(truncatingIfNeeded: position) }
        var width = 1
        while width < count {
            var start = 0
            while start < count {
                let (middle, end) = (min(start + width, count), min(start + 2 * width, count))
                var (left, right) = (start, middle)
                for place in start..<end {
                    // Of an element and one that stood behind it the first goes first, unless the other is less.
                    let takesRight =
                        left >= middle
                        || (right < end && order(keys[Int(from[right])], keys[Int(from[left])]) == .less)
                    to[place] = takesRight ? from[right] : from[left]
                    if takesRight { right += 1 } else { left += 1 }
                }
                start = end
            }
            swap(&from, &to)
            width *= 2
        }
        let target = allocateValues(count)
        for position in 0..<count { target[position] = items[Int(from[position])] }
        return list(target, count)
    }

    // MARK: Sets

    mutating func compareSets(_ operation: Operation, _ left: Value, _ right: Value, _ index: UInt32) -> Value {
        switch operation {
        case .setContains: return holds(left, right, all: true, index)
        case .setIntersects: return holds(left, right, all: false, index)
        default:
            let forth = holds(left, right, all: true, index)
            return forth.isTrue ? holds(right, left, all: true, index) : forth
        }
    }

    /// Whether a list has all, or any, of the other's elements.
    private mutating func holds(_ list: Value, _ others: Value, all: Bool, _ index: UInt32) -> Value {
        let items = elements(list)
        for other in elements(others) {
            stepsLeft -= items.count
            if stepsLeft < 0 { return fail(.tooManySteps, Position.node(index)) }
            var isThere = false
            for item in items where !isThere {
                let order = equalityOrder(item, other)
                if let failure = orderFailure(order, index) { return failure }
                isThere = order == .equal
            }
            if isThere != all { return .bool(isThere) }
        }
        return .bool(all)
    }
}
