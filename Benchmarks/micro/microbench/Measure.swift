import BenchmarkSubjects
import CAllocations
import Glibc

/// One line of the report: what a call costs, beside the same thing written by hand.
struct Measurement {
    var name: String
    var nanoseconds: Double
    var byHand: Double?
    var allocations: Double
    /// What it shall not exceed.
    var target: Double?

    init(_ subject: Subject) {
        name = subject.name
        nanoseconds = leastNanoseconds(calls: subject.calls, subject.run)
        byHand = subject.byHand.map { leastNanoseconds(calls: subject.calls, $0) }
        allocations = Double(microbench.allocations(calls: 10_000, warm: 10_000, subject.run)) / 10_000
        target = subject.target
    }

    var line: String {
        func number(_ value: Double) -> String {
            let tenths = Int((value * 10).rounded())
            return "\(tenths / 10).\(tenths % 10)"
        }
        func column(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
        let hand = byHand.map { number($0) } ?? ""
        let ratio = byHand.map { number(nanoseconds / $0) + "×" } ?? ""
        let goal = target.map { "\(nanoseconds <= $0 ? "≤" : "ABOVE") \(number($0))" } ?? ""
        let name = self.name + String(repeating: " ", count: max(0, 64 - self.name.count))
        return name + column(number(nanoseconds), 9) + column(hand, 9) + column(ratio, 8) + column(number(allocations), 8)
            + "  " + goal
    }

    static let heading =
        "ns a call" + String(repeating: " ", count: 55) + "     ours  by hand   ratio  allocs  target"
}

/// Nanoseconds of CPU time of this thread for one call: the least of several rounds, which is what the machine's other work
/// disturbed least. `body` makes `calls` of them.
private func leastNanoseconds(calls: Int, rounds: Int = 15, _ body: (Int) -> Void) -> Double {
    body(calls / 10)
    var best = Double.infinity
    for _ in 0..<rounds {
        let start = threadTime()
        body(calls)
        best = min(best, Double(threadTime() - start) / Double(calls))
    }
    return best
}

/// How often the thread allocates in so many calls, after others that warm it up.
func allocations(calls: Int, warm: Int, _ body: (Int) -> Void) -> UInt64 {
    body(warm)
    let before = ca_allocations()
    body(calls)
    return ca_allocations() - before
}

/// Whether an allocation is seen at all: else a check would pass whatever is allocated.
func countsAllocations() -> Bool {
    // The C library's own, which no optimizer can leave out.
    allocations(calls: 1, warm: 0) { _ in
        if let file = fopen("/dev/null", "r") { fclose(file) }
    } > 0
}

private func threadTime() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
