import Testing

@testable import ETL

/// How long to wait before trying again: too short hammers a service that is coming up, too long leaves a pipeline idle beside a
/// sound one, and without jitter all members come back at the same moment.
@Suite struct BackoffTests {
    private func plan(_ initialMs: Int, _ maxMs: Int, _ multiplier: Double, jitter: Bool = false) -> RetryPlan {
        RetryPlan(initialMs: initialMs, maxMs: maxMs, multiplier: multiplier, fullJitter: jitter)
    }

    static let growth: [(initialMs: Int, maxMs: Int, multiplier: Double, delays: [Int64])] = [
        (100, 10_000, 2, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]),
        (100, 1000, 3, [100, 300, 900, 1000, 1000]), (10, 15, 1.2, [10, 12, 14, 15, 15]), (200, 500, 1, [200, 200, 200]),
        (50, 50, 2, [50, 50, 50]), (1, 7, 1000, [1, 7, 7]),
    ]

    @Test(arguments: growth.indices) func growsToItsCap(_ index: Int) {
        let row = Self.growth[index]
        var backoff = Backoff(plan(row.initialMs, row.maxMs, row.multiplier))
        let delays = row.delays.map { _ in backoff.next() }
        #expect(delays == row.delays, "\(row)")
        #expect(backoff.attempts == row.delays.count)
        backoff.reset()
        #expect(backoff.attempts == 0)
        let next = backoff.next()
        #expect(next == Int64(row.initialMs), "after success it begins anew")
    }

    /// However long a service is away.
    @Test func staysAtItsCap() {
        var backoff = Backoff(plan(1, 30_000, 10))
        for _ in 0..<5000 { _ = backoff.next() }
        let next = backoff.next()
        #expect(next == 30_000)
    }

    /// Full jitter draws from all of 0 to the bound: 2,000 draws that leave a tenth of the range empty are a fault, not chance
    /// (less than one in 10^90).
    @Test(arguments: growth.indices) func jitterTakesTheWholeRange(_ index: Int) {
        let row = Self.growth[index]
        let draws = (0..<2000).map { _ in
            var backoff = Backoff(plan(row.initialMs, row.maxMs, row.multiplier, jitter: true))
            return row.delays.map { _ in backoff.next() }
        }
        for (step, bound) in row.delays.enumerated() {
            let found = draws.map { $0[step] }
            #expect(found.allSatisfy { (0...bound).contains($0) }, "\(row), step \(step): \(found.max() ?? -1)")
            guard bound >= 100 else { continue }
            let tenths = Set(found.map { min(9, $0 * 10 / bound) })
            #expect(tenths.count == 10, "\(row), step \(step): only \(tenths.sorted()) of ten")
        }
    }

    @Test func theFirstAndEachDoublingAreNotable() {
        var backoff = Backoff(plan(1, 1, 2))
        let notable = (1...70).filter { _ in
            _ = backoff.next()
            return backoff.isNotable
        }
        #expect(notable == [1, 2, 4, 8, 16, 32, 64])
        backoff.reset()
        _ = backoff.next()
        #expect(backoff.isNotable)
    }
}
