import Synchronization

/// Partitions of one stage that its members in this process leave alone because too large a share of their records failed, until
/// somebody asks them to go on. It outlives assignments: a partition that comes back to this process, at the offset it was paused
/// at, stays paused. Any thread.
package final class PausedPartitions: Sendable {
    package struct Pause: Equatable, Sendable {
        package var partition: Int32
        /// The next record, which isn't processed.
        package var offset: Int64
        /// So many of the last `window` records failed.
        package var failures: Int
        package var window: Int
        /// Of the last failure.
        package var code: String
        package var reason: String

        /// `501 of its last 1000 records failed, the last with check.failed: …`
        package var why: String { "\(failures) of its last \(window) records failed, the last with \(code): \(reason)" }
    }

    private let pauses = Mutex<[Int32: Pause]>([:])
    private let changes = Atomic<Int>(0)

    package init() {}

    package func add(_ pause: Pause) { pauses.withLock { $0[pause.partition] = pause } }

    /// A partition was assigned, to start at `offset`: whether it is still paused. Elsewhere it may have gone on.
    package func holds(_ partition: Int32, at offset: Int64?) -> Bool {
        pauses.withLock { pauses in
            guard let pause = pauses[partition] else { return false }
            if pause.offset == offset { return true }
            pauses[partition] = nil
            return false
        }
    }

    package subscript(partition: Int32) -> Pause? { pauses.withLock { $0[partition] } }

    /// By partition.
    package var all: [Pause] { pauses.withLock { $0.values.sorted { $0.partition < $1.partition } } }
    package var isEmpty: Bool { pauses.withLock { $0.isEmpty } }

    /// Lets a partition (nil: every one) go on; its members notice before their next batch. Returns which were paused.
    @discardableResult
    package func resume(_ partition: Int32? = nil) -> [Int32] {
        let released = pauses.withLock { pauses in
            let found = pauses.keys.filter { partition == nil || $0 == partition }.sorted()
            for partition in found { pauses[partition] = nil }
            return found
        }
        if !released.isEmpty { changes.add(1, ordering: .releasing) }
        return released
    }

    /// Another number after each `resume` that had an effect.
    package var resumptions: Int { changes.load(ordering: .acquiring) }
}

package struct PartitionPaused: Event {
    package static let name = "partition.paused"
    package var stage: String
    package var topic: String
    package var maxRate: Double
    package var pause: PausedPartitions.Pause
    package var resume: String
    package var level: LoggingPlan.Level { .error }
    package var message: String {
        "topic \(topic), partition \(pause.partition), is paused at offset \(pause.offset): \(pause.why), "
            + "more than dead_letter.max_rate (\(maxRate)) allows. Mend what makes them fail, then start again or: \(resume)"
    }
    package var fields: [(String, FieldValue)] {
        [
            ("stage", .string(stage)), ("topic", .string(topic)), ("partition", .int(Int64(pause.partition))),
            ("offset", .int(pause.offset)), ("failures", .int(Int64(pause.failures))), ("window", .int(Int64(pause.window))),
            ("code", .string(pause.code)),
        ]
    }
}

package struct PartitionsResumed: Event {
    package static let name = "partition.resumed"
    package var stage: String
    package var topic: String
    package var partitions: [Int32]
    package var asked: String
    package var level: LoggingPlan.Level { .info }
    package var message: String {
        "topic \(topic), partitions \(partitions.map(String.init).joined(separator: ", ")), go on as asked by \(asked)"
    }
    package var fields: [(String, FieldValue)] {
        [
            ("stage", .string(stage)), ("topic", .string(topic)),
            ("partitions", .string(partitions.map(String.init).joined(separator: ","))),
        ]
    }
}
