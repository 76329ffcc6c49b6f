/// The failure windows of the partitions that one member reads. Touched only for records that fail. One thread.
package struct PartitionFailures {
    private let plan: DeadLetterPlan
    private var windows: [Int32: FailureWindow] = [:]

    package init(_ plan: DeadLetterPlan) {
        self.plan = plan
    }

    /// The record that is number `number` of its partition failed. Too many did: what to say of the partition, which is to be held.
    /// - Parameter latest: the number of the last record of its batch; nil: the last that was processed.
    package mutating func add(
        _ failure: Failure, partition: Int32, number: Int64, latest: Int64? = nil, positions: borrowing Positions
    ) -> PausedPartitions.Pause? {
        guard windows[partition, default: FailureWindow(plan)].add(number), !positions.isHeld(partition) else { return nil }
        return PausedPartitions.Pause(
            partition: partition, offset: positions.next(partition),
            failures: windows[partition]?.failures(upTo: latest ?? positions.processed(partition)) ?? 0,
            window: plan.window, code: failure.code, reason: failure.message)
    }

    /// A batch is done with, in which a partition's records were processed up to this number.
    package mutating func settle(_ processed: (Int32) -> Int64) {
        for partition in windows.keys { windows[partition]?.settle(upTo: processed(partition)) }
    }

    /// Every partition's window starts anew: what it held was undone.
    package mutating func forgetAll() { windows.removeAll() }
    package mutating func forget(_ partition: Int32) { windows[partition] = nil }
}
