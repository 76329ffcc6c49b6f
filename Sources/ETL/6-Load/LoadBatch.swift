import Log

/// What a loader keeps of a batch besides its rows: one is being filled while another is on its way.
struct LoadBatch: ~Copyable {
    /// Of records that became no row; those of rows that the sink refused come last.
    var letters = OutputBatch()
    var rejected: [RejectedRecord] = []
    /// What the dead letters of those hold.
    var rejectedBytes = 0
    var report = BatchReport()
    /// When its first record came.
    var sinceMs: Int64?

    // From `submit` on.
    /// How it moves the partitions in the sink.
    var offsets: [SinkOffset] = []
    /// What the group's offsets are when it is written.
    var moved: [PartitionOffset] = []
    /// How many records of each partition were processed with it and before it, as `Positions` counts them.
    var processed: [Int32: Int64] = [:]
    var submittedNs: UInt64 = 0
    var submittedMs: Int64 = 0

    mutating func reset() {
        letters.reset()
        rejected.removeAll(keepingCapacity: true)
        rejectedBytes = 0
        report.discard()
        sinceMs = nil
        offsets.removeAll(keepingCapacity: true)
        moved.removeAll(keepingCapacity: true)
        processed.removeAll(keepingCapacity: true)
    }
}
