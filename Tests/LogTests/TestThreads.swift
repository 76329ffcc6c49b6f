import Foundation
import Testing

/// Counts from several threads.
final class Flag: @unchecked Sendable {
    private let lock = NSLock()
    private var raised = 0
    func raise() { lock.withLock { raised += 1 } }
    var count: Int { lock.withLock { raised } }
}

struct RunningThread: Sendable {
    fileprivate let done = DispatchSemaphore(value: 0)
    func join() { done.wait() }
}

/// A thread of its own: these tests block, which the cooperative pool's threads must not. An error fails the test.
func thread(_ body: @escaping @Sendable () throws -> Void) -> RunningThread {
    let running = RunningThread()
    Thread.detachNewThread {
        do { try body() } catch { Issue.record(error) }
        running.done.signal()
    }
    return running
}

/// The seed of a random test: `ETL_TEST_SEED`, or a new one; printed.
func testSeed(_ test: String = #function) -> UInt64 {
    let seed = ProcessInfo.processInfo.environment["ETL_TEST_SEED"].flatMap { UInt64($0) } ?? .random(in: 1...1_000_000_000)
    print("\(test): ETL_TEST_SEED=\(seed)")
    return seed
}

/// SplitMix64.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
