// Hot path: per record.
internal import Bytes
internal import Glibc
internal import JSON

/// Core specification, section 4.2.2: numbers are equal by value, arrays by elements, objects by members in any order.
enum Equality {
    static func isEqual(_ a: TapeView, _ x: Int, _ b: TapeView, _ y: Int) -> Bool {
        guard a.nodes[x].kind == b.nodes[y].kind else { return false }
        switch a.nodes[x].kind {
        case .null, .true, .false: return true
        case .string: return isSame(a.string(x), b.string(y))
        case .number: return isSameNumber(a, x, b, y)
        case .array, .object: return areSame(a, x, b, y)
        }
    }

    @inline(__always)
    private static func isSame(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        a.count == b.count && memcmp(a.baseAddress.unsafelyUnwrapped, b.baseAddress.unsafelyUnwrapped, a.count) == 0
    }

    private static func isSameNumber(_ a: TapeView, _ x: Int, _ b: TapeView, _ y: Int) -> Bool {
        let left = a.written(x)
        let right = b.written(y)
        return isSame(left, right) || DecimalText.compare(left, right) == 0
    }

    /// Recursion is bounded by the tapes' depth.
    @inline(never)
    private static func areSame(_ a: TapeView, _ x: Int, _ b: TapeView, _ y: Int) -> Bool {
        guard a.nodes[x].count == b.nodes[y].count else { return false }
        if a.nodes[x].kind == .object { return areSameMembers(a, x, b, y) }
        var left = x + 1
        var right = y + 1
        while left < Int(a.nodes[x].next) {
            if !isEqual(a, left, b, right) { return false }
            left = Int(a.nodes[left].next)
            right = Int(b.nodes[right].next)
        }
        return true
    }

    /// Members mostly come in the same order, so each is looked for behind the one before.
    private static func areSameMembers(_ a: TapeView, _ x: Int, _ b: TapeView, _ y: Int) -> Bool {
        let order = a.nodes[x].count > 32 ? KeyOrder(b, y) : nil
        var key = x + 1
        var hint = y + 1
        while key < Int(a.nodes[x].next) {
            defer { key = Int(a.nodes[key + 1].next) }
            if a.nodes[key].flags & TapeNode.Flags.repeated != 0 { continue }
            guard let other = order?.find(a, key, b) ?? find(a, key, b, y, from: hint) else { return false }
            if !isEqual(a, key + 1, b, other + 1) { return false }
            hint = Int(b.nodes[other + 1].next)
        }
        return true
    }

    private static func find(_ a: TapeView, _ key: Int, _ b: TapeView, _ object: Int, from hint: Int) -> Int? {
        let end = Int(b.nodes[object].next)
        var other = hint < end ? hint : object + 1
        let first = other
        guard first < end else { return nil }
        repeat {
            if isSameKey(a, key, b, other) { return other }
            other = Int(b.nodes[other + 1].next)
            if other >= end { other = object + 1 }
        } while other != first
        return nil
    }

    fileprivate static func isSameKey(_ a: TapeView, _ key: Int, _ b: TapeView, _ other: Int) -> Bool {
        a.nodes[key].count == b.nodes[other].count && b.nodes[other].flags & TapeNode.Flags.repeated == 0
            && isSame(a.string(key), b.string(other))
    }
}

/// The keys of a large object by their hashes.
private struct KeyOrder {
    private let keys: [Int]

    init(_ view: TapeView, _ object: Int) {
        var keys: [Int] = []
        var key = object + 1
        while key < Int(view.nodes[object].next) {
            keys.append(key)
            key = Int(view.nodes[key + 1].next)
        }
        self.keys = keys.sorted { view.nodes[$0].count < view.nodes[$1].count }
    }

    func find(_ a: TapeView, _ key: Int, _ b: TapeView) -> Int? {
        let hash = a.nodes[key].count
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if b.nodes[keys[middle]].count < hash { low = middle + 1 } else { high = middle }
        }
        while low < keys.count, b.nodes[keys[low]].count == hash {
            if Equality.isSameKey(a, key, b, keys[low]) { return keys[low] }
            low += 1
        }
        return nil
    }
}

/// Finds equal elements in linear time, however many there are and whoever chose them.
struct Uniqueness: ~Copyable {
    private var slots = Scratch<Int32>(capacity: 16)
    private var hashes = Scratch<UInt64>(capacity: 16)
    private let hash = KeyHash.shared

    mutating func isUnique(_ view: TapeView, _ array: Int) -> Bool {
        let count = Int(view.nodes[array].count)
        let end = Int(view.nodes[array].next)
        if count < 2 { return true }
        var size = 4
        while size < count * 2 { size *= 2 }
        slots.count = 0
        slots.append(repeating: -1, count: size)
        hashes.count = 0
        hashes.append(repeating: 0, count: size)
        var element = array + 1
        while element < end {
            let code = value(view, element)
            var slot = Int(truncatingIfNeeded: code) & (size - 1)
            while slots.start[slot] >= 0 {
                if hashes.start[slot] == code, Equality.isEqual(view, Int(slots.start[slot]), view, element) { return false }
                slot = (slot + 1) & (size - 1)
            }
            slots.start[slot] = Int32(truncatingIfNeeded: element)
            hashes.start[slot] = code
            element = Int(view.nodes[element].next)
        }
        return true
    }

    /// The same for equal values. Recursion is bounded by the tape's depth.
    private func value(_ view: TapeView, _ node: Int) -> UInt64 {
        let end = Int(view.nodes[node].next)
        switch view.nodes[node].kind {
        case .null: return 1
        case .false: return 2
        case .true: return 3
        case .number: return DecimalText.hash(view.written(node)) { hash($0, $1) }
        case .string: return hash(view.string(node))
        case .array:
            var code = hash(4, UInt64(view.nodes[node].count))
            var element = node + 1
            while element < end {
                code = hash(code, value(view, element))
                element = Int(view.nodes[element].next)
            }
            return code
        case .object:
            // Added up, so that the order of members doesn't matter.
            var code = hash(5, UInt64(view.nodes[node].count))
            var key = node + 1
            while key < end {
                if view.nodes[key].flags & TapeNode.Flags.repeated == 0 {
                    code &+= hash(hash(view.string(key)), value(view, key + 1))
                }
                key = Int(view.nodes[key + 1].next)
            }
            return code
        }
    }
}
