import Synchronization

/// What one extractor or stage has done in this process. Written once for each batch by its threads, read by anybody.
package final class Counters: Sendable {
    package let name: String
    package let role: Role
    package enum Role: String, Sendable { case extractor, stage, loader }

    private let received = Atomic<Int64>(0)
    private let written = Atomic<Int64>(0)
    private let dead = Atomic<Int64>(0)
    private let dropped = Atomic<Int64>(0)
    private let warned = Atomic<Int64>(0)
    private let repeated = Atomic<Int64>(0)
    private let lagRecords = Atomic<Int64>(-1)
    private let reasons = Mutex<[Rejection]>([])

    /// Failures of one kind: how many, and the first one's place.
    package struct Rejection: Equatable, Sendable {
        package var code: String
        package var step: String
        package var reason: String
        /// `topic[partition]@offset`, or `file:row`.
        package var place: String
        package var count: Int
    }

    package init(name: String, role: Role) {
        self.name = name
        self.role = role
    }

    /// What one batch added.
    package struct Batch: Equatable, Sendable {
        package var received: Int64 = 0
        package var written: Int64 = 0
        package var dead: Int64 = 0
        package var dropped: Int64 = 0
        package var warned: Int64 = 0
        package var repeated: Int64 = 0
        package init() {}
    }

    package func add(_ batch: Batch) {
        received.add(batch.received, ordering: .relaxed)
        written.add(batch.written, ordering: .relaxed)
        dead.add(batch.dead, ordering: .relaxed)
        dropped.add(batch.dropped, ordering: .relaxed)
        warned.add(batch.warned, ordering: .relaxed)
        repeated.add(batch.repeated, ordering: .relaxed)
    }

    /// Counts failures by code and step (at most a thousand kinds are told apart).
    package func add(_ rejection: Rejection) {
        reasons.withLock { reasons in
            if let same = reasons.firstIndex(where: { $0.code == rejection.code && $0.step == rejection.step }) {
                reasons[same].count += rejection.count
            } else if reasons.count < 1000 {
                reasons.append(rejection)
            }
        }
    }

    /// By count, the most frequent first.
    package var rejections: [Rejection] {
        reasons.withLock { $0 }.sorted { ($0.count, $1.code) > ($1.count, $0.code) }
    }

    package func setLag(_ records: Int64) { lagRecords.store(records, ordering: .relaxed) }

    package var now: Batch {
        var batch = Batch()
        batch.received = received.load(ordering: .relaxed)
        batch.written = written.load(ordering: .relaxed)
        batch.dead = dead.load(ordering: .relaxed)
        batch.dropped = dropped.load(ordering: .relaxed)
        batch.warned = warned.load(ordering: .relaxed)
        batch.repeated = repeated.load(ordering: .relaxed)
        return batch
    }

    /// Records between the group's offsets and the topic's end; nil: not known yet.
    package var lag: Int64? {
        let lag = lagRecords.load(ordering: .relaxed)
        return lag < 0 ? nil : lag
    }
}
