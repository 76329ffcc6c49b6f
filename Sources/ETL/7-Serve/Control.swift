package import Log
import Synchronization

/// What the process asks of one member's threads. Set by any thread, read by the members between batches.
package final class Control: Sendable {
    private let stop = Atomic<Bool>(false)
    private let ends = Mutex<[PartitionRange]?>(nil)
    private let endsKnown = Atomic<Bool>(false)

    private let prepared = Atomic<Bool>(false)

    package init() {}

    /// What the first of several members does once for all of them is done.
    package func markPrepared() { prepared.store(true, ordering: .releasing) }
    package var isPrepared: Bool { prepared.load(ordering: .acquiring) }

    /// Finish what is in hand, commit, leave.
    package func requestStop() { stop.store(true, ordering: .relaxed) }
    package var shouldStop: Bool { stop.load(ordering: .relaxed) }

    /// Stop once the group's offsets have reached these ends.
    package func drain(to ranges: [PartitionRange]) {
        ends.withLock { $0 = ranges }
        endsKnown.store(true, ordering: .releasing)
    }

    /// Nil: go on for ever.
    package var drainTo: [PartitionRange]? {
        endsKnown.load(ordering: .acquiring) ? ends.withLock { $0 } : nil
    }
}
