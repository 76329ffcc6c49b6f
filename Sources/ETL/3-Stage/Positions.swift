// Hot path: per record.
package import Log

/// Where a member stands in each partition of its topic: what comes next, and what is committed. The stage trusts no client
/// with this: a record below `next` was processed already and is dropped, so nothing is processed twice.
///
/// Jumps forward are normal (control records, aborted transactions, compaction). One thread only.
package struct Positions: ~Copyable {
    private struct Slot: BitwiseCopyable {
        var next: Int64
        /// -1: nothing is committed; the partition started at its earliest record.
        var committed: Int64
        /// Records let through since it was assigned.
        var processed: Int64
        var assigned: Bool
        /// Assigned, and not held.
        var admits: Bool
        static var none: Slot { Slot(next: -1, committed: -1, processed: 0, assigned: false, admits: false) }
    }

    private var slots: UnsafeMutablePointer<Slot>
    private var capacity: Int
    private var repeats: Int64 = 0

    package init(partitions: Int = 64) {
        capacity = max(partitions, 1)
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: .none, count: capacity)
    }

    deinit { slots.deallocate() }

    /// Whether this record is the next to be processed; if so, moves on past it.
    package mutating func admit(_ partition: Int32, _ offset: Int64) -> Bool {
        let slot = slots + Int(partition)
        guard Int(partition) < capacity, slot.pointee.admits, offset >= slot.pointee.next else {
            if !isHeld(partition) { repeats += 1 }
            return false
        }
        slot.pointee.next = offset + 1
        slot.pointee.processed += 1
        return true
    }

    /// Records dropped because they were below `next`, since the last call.
    package mutating func takeRepeats() -> Int64 {
        defer { repeats = 0 }
        return repeats
    }

    /// From now on no record of the partition is let through: what the client still brings of it is read again later.
    package mutating func hold(_ partition: Int32) {
        if isAssigned(partition) { slots[Int(partition)].admits = false }
    }

    package mutating func release(_ partition: Int32) {
        if isAssigned(partition) { slots[Int(partition)].admits = true }
    }

    package func isHeld(_ partition: Int32) -> Bool { isAssigned(partition) && !slots[Int(partition)].admits }
    package var held: [Int32] { assigned.filter { !slots[Int($0)].admits } }
    /// How many records were let through since it was assigned: the number of the last one.
    package func processed(_ partition: Int32) -> Int64 { slots[Int(partition)].processed }

    /// A partition's reader reached `end`: nothing visible is left below it.
    package mutating func reach(_ partition: Int32, _ end: Int64) {
        guard isAssigned(partition), slots[Int(partition)].admits, slots[Int(partition)].next < end else { return }
        slots[Int(partition)].next = end
    }

    /// Records and ends that were handed out but won't be processed: `rewind` must bring them again.
    package mutating func pass(_ batch: LogBatch) {
        for record in batch.records { reach(record.partition, record.offset + 1) }
        for end in batch.ends { reach(end.partition, end.offset) }
    }

    /// - Parameter start: the committed offset it starts from; nil: its earliest record.
    package mutating func assign(_ partition: Int32, start: Int64?) {
        if Int(partition) >= capacity { grow(to: Int(partition) + 1) }
        slots[Int(partition)] = Slot(next: start ?? 0, committed: start ?? -1, processed: 0, assigned: true, admits: true)
    }

    package mutating func revoke(_ partition: Int32) {
        guard Int(partition) < capacity else { return }
        slots[Int(partition)].assigned = false
        slots[Int(partition)].admits = false
    }

    package func isAssigned(_ partition: Int32) -> Bool {
        Int(partition) < capacity && slots[Int(partition)].assigned
    }

    package func next(_ partition: Int32) -> Int64 { slots[Int(partition)].next }
    /// -1: none.
    package func committed(_ partition: Int32) -> Int64 { slots[Int(partition)].committed }

    package var assigned: [Int32] {
        (0..<capacity).filter { slots[$0].assigned }.map(Int32.init)
    }

    /// The partitions whose position moved since the last commit, with what comes next.
    package func uncommitted() -> [PartitionOffset] {
        assigned.filter { slots[Int($0)].next > max(slots[Int($0)].committed, 0) }
            .map { PartitionOffset(partition: $0, offset: slots[Int($0)].next) }
    }

    package mutating func markCommitted(_ offsets: [PartitionOffset]) {
        for offset in offsets where isAssigned(offset.partition) {
            slots[Int(offset.partition)].committed = max(slots[Int(offset.partition)].committed, offset.offset)
        }
    }

    /// Back to the last commit. Returns where to seek; nil where a partition has no commit, so that only a new client,
    /// which starts at the earliest record, can go there. What was held since then isn't any more.
    package mutating func rewind() -> [PartitionOffset]? {
        var targets: [PartitionOffset] = []
        var possible = true
        for partition in assigned {
            let committed = slots[Int(partition)].committed
            if slots[Int(partition)].next != max(committed, 0) { slots[Int(partition)].admits = true }
            if committed < 0 {
                possible = possible && slots[Int(partition)].next == 0
                slots[Int(partition)].next = 0
                continue
            }
            slots[Int(partition)].next = committed
            targets.append(PartitionOffset(partition: partition, offset: committed))
        }
        return possible ? targets : nil
    }

    @inline(never)
    private mutating func grow(to needed: Int) {
        let larger = UnsafeMutablePointer<Slot>.allocate(capacity: max(needed, capacity * 2))
        larger.initialize(repeating: .none, count: max(needed, capacity * 2))
        larger.update(from: slots, count: capacity)
        slots.deallocate()
        slots = larger
        capacity = max(needed, capacity * 2)
    }
}
