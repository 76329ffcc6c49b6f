package import Log

/// Of which partitions a member's consumer delivers nothing for now, though the member polls on and keeps them. One thread,
/// outside rebalance callbacks.
package struct ConsumerPauses {
    private var paused: Set<Int32> = []
    /// Partitions of which records were, or may have been, handed out and not processed: the consumer stands behind them, and
    /// goes on only after a seek.
    private var displaced: Set<Int32> = []
    /// The first record of each partition that came and was dropped.
    private var dropped: [Int32: Int64] = [:]
    /// What is held isn't what the consumer was told.
    private var isStale = false
    /// Of the requests to go on with paused partitions, those seen.
    private var resumptionsSeen = 0

    package init() {}

    /// Something was held or undone; `settle` tells the consumer.
    package mutating func markStale() { isStale = true }

    /// The consumer is another, or all its partitions are.
    package mutating func forget() {
        paused.removeAll()
        displaced.removeAll()
        dropped.removeAll()
    }

    /// Partitions that were given up; assigned again, they aren't paused.
    package mutating func forget(_ partitions: [Int32]) {
        paused.subtract(partitions)
        displaced.subtract(partitions)
        for partition in partitions { dropped[partition] = nil }
    }

    /// Between batches: lets go on what somebody asked for, and makes the consumer deliver what is to be processed, nothing else.
    /// - Parameter pending: held since the last commit, so that nobody knows yet.
    package mutating func settle(
        _ consumer: (any LogConsumer)?, _ positions: inout Positions, pending: [PausedPartitions.Pause],
        registry: PausedPartitions, failures: inout PartitionFailures
    ) throws(LogError) {
        let resumptions = registry.resumptions
        if resumptions != resumptionsSeen {
            resumptionsSeen = resumptions
            for partition in positions.held
            where registry[partition] == nil && !pending.contains(where: { $0.partition == partition }) {
                positions.release(partition)
                failures.forget(partition)
                // It may never have been paused, and its records were dropped all the same.
                displaced.insert(partition)
                isStale = true
            }
        }
        guard isStale, let consumer else { return }
        try apply(consumer, positions)
        isStale = false
    }

    /// Makes the consumer deliver nothing at all; `settle` ends it.
    package mutating func pauseAll(_ consumer: any LogConsumer, _ positions: borrowing Positions) throws(LogError) {
        isStale = true
        try stop(consumer, Set(positions.assigned))
    }

    /// What a poll brought that must not be processed now: of partitions that were just assigned, or on its way before the pause.
    package mutating func drop(_ batch: LogBatch, _ positions: inout Positions) {
        for record in batch.records where dropped[record.partition] == nil {
            dropped[record.partition] = record.offset
            displaced.insert(record.partition)
        }
        // An end is told once; where no record was dropped before it, it holds.
        for end in batch.ends where dropped[end.partition] == nil { positions.reach(end.partition, end.offset) }
    }

    private mutating func stop(_ consumer: any LogConsumer, _ wanted: Set<Int32>) throws(LogError) {
        let stopping = wanted.subtracting(paused).sorted()
        guard !stopping.isEmpty else { return }
        try consumer.pause(stopping)
        paused.formUnion(stopping)
    }

    private mutating func apply(_ consumer: any LogConsumer, _ positions: borrowing Positions) throws(LogError) {
        let wanted = Set(positions.held)
        paused.formIntersection(positions.assigned)
        displaced.formIntersection(positions.assigned)
        try stop(consumer, wanted)
        let going = paused.union(displaced).subtracting(wanted).sorted()
        guard !going.isEmpty else { return }
        // What goes on does so exactly at what comes next.
        var targets: [PartitionOffset] = []
        for partition in going {
            // 0: it starts at its earliest record, wherever that is, and nothing of it was processed yet.
            let next = positions.next(partition) > 0 ? positions.next(partition) : dropped[partition]
            if let next { targets.append(PartitionOffset(partition: partition, offset: next)) }
        }
        try consumer.seek(targets)
        try consumer.resume(going)
        forget(going)
    }
}
