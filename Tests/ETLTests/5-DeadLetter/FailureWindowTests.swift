import Foundation
import Testing

@testable import ETL

/// If these fail, a topic is drained into its dead letters, or a healthy partition stands still.
@Suite struct FailureWindowTests {
    private func window(_ rate: Double, _ window: Int) -> FailureWindow {
        FailureWindow(DeadLetterPlan(maxRate: rate, window: window, maxAttempts: 1))
    }

    /// The numbers of the records that fail, and the first at which it trips.
    @Test(arguments: [
        // 6 of the last 10.
        (0.5, 10, Array(1...10), 6), (0.5, 10, [1, 3, 5, 7, 9, 11, 13], nil), (0.5, 10, [1, 3, 5, 7, 9, 10], 10),
        (0.5, 10, [1, 2, 3, 4, 5, 11], nil), (0.5, 10, [1, 2, 3, 4, 5, 10], 10), (0.5, 10, [1, 2, 3, 4, 5, 20, 21, 22, 23, 24, 25], 25),
        // 0: the first failure. 1: never.
        (0, 1000, [7], 7), (1, 3, Array(1...100), nil), (0.99, 100, Array(1...100), 100),
        // Decimal fractions that doubles don't have: 4 of 10, not 3 and not 5.
        (0.3, 10, [1, 2, 3, 4], 4), (0.29, 100, Array(1...30), 30), (0.7, 10, Array(1...8), 8),
        // Fewer records than enough never do.
        (0.5, 1000, Array(1...500), nil), (0.5, 1000, Array(1...501), 501), (0.5, 1, [1], 1),
    ] as [(Double, Int, [Int64], Int64?)])
    func trips(_ rate: Double, _ size: Int, _ failed: [Int64], _ at: Int64?) {
        var window = window(rate, size)
        #expect(failed.first { window.add($0) } == at)
    }

    /// Windows of any size and rate, for records of which a share fails.
    private func atRandom(_ rounds: Int, _ body: (_ size: Int, _ rate: Double, _ share: Double, inout SplitMix, _ what: String) -> Void) {
        let seed = ProcessInfo.processInfo.environment["ETL_TEST_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...9_999_999)
        var generator = SplitMix(state: seed)
        for _ in 0..<rounds {
            let size = Int.random(in: 1...40, using: &generator)
            let rate = Double(Int.random(in: 0...20, using: &generator)) / 20
            let share = Double.random(in: 0...1, using: &generator)
            body(size, rate, share, &generator, "seed \(seed), rate \(rate), window \(size)")
        }
    }

    /// Against the definition, record by record; with and without forgetting, in order and (as a loader learns of refused rows)
    /// each batch's failures in any order.
    @Test func agreesWithCounting() {
        atRandom(300) { size, rate, share, generator, what in
            var window = window(rate, size)
            var fails: [Bool] = []
            var found = false, expected = false
            for _ in 0..<10 {
                let start = fails.count
                fails += (0..<Int.random(in: 1...60, using: &generator)).map { _ in Double.random(in: 0..<1, using: &generator) < share }
                var numbers = (start..<fails.count).filter { fails[$0] }.map { Int64($0 + 1) }
                if Bool.random(using: &generator) { numbers.shuffle(using: &generator) }
                for number in numbers { if window.add(number) { found = true } }
                window.settle(upTo: Int64(fails.count))
                for end in start..<fails.count {
                    let last = fails[max(0, end + 1 - size)...end]
                    if Double(last.count { $0 }) > rate * Double(size) + 1e-9 { expected = true }
                }
                #expect(found == expected, "\(what)")
                if found != expected || found { break }
            }
        }
    }

    /// A loader hears of a batch's refused rows when it has rejected some of the next one already.
    @Test func agreesWithCountingWhereBatchesOverlap() {
        atRandom(1000) { size, rate, share, generator, what in
            var window = window(rate, size)
            var fails: [Bool] = []
            var found = false
            var refused: [Int64] = []
            for _ in 0..<10 {
                let start = fails.count
                fails += (0..<Int.random(in: 1...60, using: &generator)).map { _ in Double.random(in: 0..<1, using: &generator) < share }
                let numbers = (start..<fails.count).filter { fails[$0] }.map { Int64($0 + 1) }
                let late = numbers.filter { _ in Bool.random(using: &generator) }
                for number in numbers where !late.contains(number) { if window.add(number) { found = true } }
                for number in refused { if window.add(number) { found = true } }
                window.settle(upTo: Int64(start))
                refused = late
            }
            for number in refused { if window.add(number) { found = true } }
            let expected = fails.indices.contains { end in
                Double(fails[max(0, end + 1 - size)...end].count { $0 }) > rate * Double(size) + 1e-9
            }
            #expect(found == expected, "\(what)")
        }
    }

    @Test func countsTheLastOnes() {
        var window = window(0.5, 10)
        for number in [1, 2, 9, 12] as [Int64] { _ = window.add(number) }
        #expect(window.failures(upTo: 12) == 2)
        #expect(window.failures(upTo: 11) == 2)
    }
}
