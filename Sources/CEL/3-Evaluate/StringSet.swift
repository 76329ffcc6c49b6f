// Hot path: per record.
import Bytes
import JSON

/// Constant strings for `in`: compared one after the other when they are few, else by hash. It is a constant of the program: a value
/// whose pointer leads to the elements and, for hashed sets, whose aux is the logarithm of the table behind them.
enum StringSet {
    private static var fewest: Int { 9 }

    static func contains(_ value: Value, _ set: Value) -> Bool {
        guard let base = set.pointer else { return false }
        let items = base.assumingMemoryBound(to: Value.self)
        let count = Int(set.length)
        if set.aux == 0 {
            var index = 0
            while index < count {
                if equalBytes(items[index], value) { return true }
                index += 1
            }
            return false
        }
        let table = (base + count * MemoryLayout<Value>.stride).assumingMemoryBound(to: UInt32.self)
        let mask = 1 << Int(set.aux) - 1
        var place = hash(value) & mask
        while table[place] != 0 {
            if equalBytes(items[Int(table[place]) - 1], value) { return true }
            place = (place + 1) & mask
        }
        return false
    }

    /// The set of these strings, made in an arena that lives as long as the program.
    static func make(_ strings: UnsafeBufferPointer<Value>, arena: inout Arena) -> Value {
        let count = strings.count
        var logarithm = 0
        if count >= fewest {
            while 1 << logarithm < count * 2 { logarithm += 1 }
        }
        let tableBytes = logarithm == 0 ? 0 : 4 << logarithm
        let base = arena.allocate(count * MemoryLayout<Value>.stride + tableBytes)
        let items = base.bindMemory(to: Value.self, capacity: count)
        for index in 0..<count { items[index] = strings[index] }
        if logarithm > 0 {
            let mask = 1 << logarithm - 1
            let table = (base + count * MemoryLayout<Value>.stride).bindMemory(to: UInt32.self, capacity: 1 << logarithm)
            table.update(repeating: 0, count: 1 << logarithm)
            for index in 0..<count {
                var place = hash(items[index]) & mask
                while table[place] != 0 { place = (place + 1) & mask }
                table[place] = UInt32(index + 1)
            }
        }
        return Value(.list, aux: UInt16(logarithm), length: UInt32(count), bits: UInt64(UInt(bitPattern: base)))
    }

    /// Of the length, the first and the last eight bytes, and eight in the middle: the strings of one set differ there.
    private static func hash(_ value: Value) -> Int {
        let count = Int(value.length)
        var state = UInt64(truncatingIfNeeded: count) &* 0x9e37_79b9_7f4a_7c15
        guard count > 0, let base = value.pointer else { return 0 }
        if count >= 8 {
            for part in 0..<3 {
                let offset = (count - 8) * part / 2
                state = (state ^ base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0xff51_afd7_ed55_8ccd
                state ^= state >> 32
            }
        } else {
            for index in 0..<count {
                state = (state ^ UInt64(base.load(fromByteOffset: index, as: UInt8.self))) &* 0xff51_afd7_ed55_8ccd
            }
        }
        return Int(truncatingIfNeeded: (state ^ state >> 29) >> 1)
    }
}
