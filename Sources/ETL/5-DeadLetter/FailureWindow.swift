/// Whether too large a share of a partition's last records failed: exact, and touched only when a record fails.
///
/// A partition's records are numbered as they are processed. Of the failed ones the numbers are kept; when `enough` of them lie
/// within the last `window` numbers, the share is above `maxRate`. Fewer than `enough` failures never trip it, however few
/// records there are: a topic of ten records with ten bad ones is what dead letters are for.
package struct FailureWindow: Equatable, Sendable {
    /// One failure more than the share allows.
    package let enough: Int
    package let window: Int64
    /// In order.
    private var failed: [Int64] = []

    package init(_ plan: DeadLetterPlan) {
        window = Int64(plan.window)
        // 0.3 * 10 is 3 here, not 3.0000000000000004 nor 2.9999999999999996.
        enough = Int((plan.maxRate * Double(plan.window) + 1e-9).rounded(.down)) + 1
    }

    /// The record of this number failed. True: too many did. Numbers may come out of order back to what was settled.
    package mutating func add(_ number: Int64) -> Bool {
        guard enough <= window else { return false }
        var place = failed.count
        while place > 0, failed[place - 1] > number { place -= 1 }
        failed.insert(number, at: place)
        // Those of which the new one is a part: it is the last of the first, and the first of the last.
        var last = max(place, enough - 1)
        while last < min(place + enough, failed.count) {
            if failed[last] - failed[last - enough + 1] < window { return true }
            last += 1
        }
        return false
    }

    /// Nothing up to this number will come any more: what can't be part of a later finding is forgotten.
    package mutating func settle(upTo number: Int64) {
        guard failed.count >= 2 * enough else { return }
        let settled = failed.count { $0 <= number }
        if settled > enough { failed.removeFirst(settled - enough) }
    }

    /// How many of the last `window` records up to number `latest` failed.
    package func failures(upTo latest: Int64) -> Int { failed.count { $0 > latest - window && $0 <= latest } }
}
