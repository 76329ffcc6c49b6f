/// SplitMix64: everything a seed decides comes from one of these, in the order the simulation asks.
package struct Random {
    private(set) var state: UInt64

    package init(seed: UInt64) {
        state = seed
        // Neighbouring seeds shall have nothing in common from the first draw on.
        state = next() ^ 0x5851_f42d_4c95_7f2d
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// 0 ..< `count`.
    mutating func below(_ count: Int) -> Int { Int(next() % UInt64(max(count, 1))) }
    mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }
    /// True in `perMille` of a thousand cases. Draws even where the answer is known, so that seeds stay alike when a rate changes.
    mutating func chance(_ perMille: Int) -> Bool { below(1000) < perMille }
    mutating func one<T>(of values: [T]) -> T { values[below(values.count)] }
}
