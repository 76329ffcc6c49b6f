/// Exponential backoff with full jitter: each delay is drawn between 0 and a bound that grows to a maximum.
/// See Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
package struct Backoff {
    private let plan: RetryPlan
    private var bound: Double
    package private(set) var attempts = 0

    package init(_ plan: RetryPlan) {
        self.plan = plan
        bound = Double(plan.initialMs)
    }

    /// The next delay, in milliseconds.
    package mutating func next() -> Int64 {
        attempts += 1
        let delay = plan.fullJitter ? Double.random(in: 0...max(bound, 1)) : bound
        bound = min(bound * plan.multiplier, Double(plan.maxMs))
        return Int64(delay)
    }

    /// Whether this attempt is worth a log line: the first, and each doubling.
    package var isNotable: Bool { attempts & (attempts - 1) == 0 }

    package mutating func reset() {
        attempts = 0
        bound = Double(plan.initialMs)
    }
}
