/// A member of a group on a topic of a `MemoryLog`.
final class MemoryLogConsumer: LogConsumer {
    /// A partition that is assigned, for the polling thread only.
    private struct Assignment {
        var partition: Int32
        /// The next offset to read.
        var position: Int64
        var isPaused = false
        /// The end last told of.
        var toldEnd: Int64 = -1
    }

    let log: MemoryLog
    let subscription: MemorySubscription
    private let topic: MemoryTopic
    private let member: MemoryMember
    private let memoryBytes: Int
    private var listener: (any AssignmentListener)?
    /// In order of partitions.
    private var assignments: [Assignment] = []
    /// Where the next batch starts taking from, so that no partition waits for ever behind the others.
    private var turn = 0
    private var records: UnsafeMutablePointer<LogRecord>
    private var capacity = 1024
    private var recordCount = 0
    private let ends: UnsafeMutablePointer<PartitionOffset>
    private var endCount = 0
    private var holds: [MemorySegment] = []

    init(log: MemoryLog, topic: MemoryTopic, subscription: MemorySubscription, member: MemoryMember, options: ConsumerOptions) {
        self.log = log
        self.topic = topic
        self.subscription = subscription
        self.member = member
        listener = options.listener
        memoryBytes = options.memoryBytes
        records = .allocate(capacity: capacity)
        ends = .allocate(capacity: topic.partitions.count)
    }

    deinit {
        records.deallocate()
        ends.deallocate()
    }

    func poll(timeoutMs: Int32, maxRecords: Int) throws(LogError) -> LogBatch {
        try log.act(.poll(group: subscription.group))
        recordCount = 0
        endCount = 0
        holds.removeAll(keepingCapacity: true)
        if maxRecords > capacity { growRecords(to: maxRecords) }
        log.monitor.enter()
        // One that comes too late finds itself put out, though nobody else has looked.
        evict()
        let deadline = log.clock.nowMs + Int64(max(0, timeoutMs))
        member.lastPollMs = deadline
        defer {
            member.lastPollMs = log.clock.nowMs
            log.monitor.leave()
        }
        try fill(until: deadline, maxRecords)
        return LogBatch(
            records: UnsafeBufferPointer(start: records, count: recordCount),
            ends: UnsafeBufferPointer(start: ends, count: endCount))
    }

    private func fill(until deadline: Int64, _ maxRecords: Int) throws(LogError) {
        while true {
            try log.checkRunning()
            guard let listener else { throw LogError(.fatal, code: "log.closed", "The consumer was closed") }
            log.expireTransactions()
            evict()
            if try rebalance(listener) { continue }
            try fetch(maxRecords)
            if recordCount > 0 || endCount > 0 || log.clock.nowMs >= deadline { return }
            try log.wait(untilMs: min(deadline, subscription.nextEvictionMs(after: log.maxPollIntervalMs)))
        }
    }

    private func evict() {
        if subscription.evict(polledBefore: log.clock.nowMs - log.maxPollIntervalMs) { log.monitor.notifyAll() }
    }

    /// One step towards the assignment meant for this member; false: it has it, as far as others have let go.
    /// The listener is called without the monitor, for it calls back.
    private func rebalance(_ listener: any AssignmentListener) throws(LogError) -> Bool {
        switch member.state {
        case .evicted:
            member.state = .out
            let lost = assignments.map(\.partition)
            assignments.removeAll()
            if !lost.isEmpty { unlocked { listener.lost(lost, consumer: self) } }
            return true
        case .out:
            member.lastPollMs = max(member.lastPollMs, log.clock.nowMs)
            subscription.join(member)
            log.monitor.notifyAll()
            return true
        case .joined:
            let surplus = subscription.surplus(of: member)
            if !surplus.isEmpty {
                unlocked { listener.revoking(surplus, consumer: self) }
                assignments.removeAll { surplus.contains($0.partition) }
                subscription.release(surplus, of: member)
                log.monitor.notifyAll()
                return true
            }
            let free = subscription.takeFree(for: member)
            if free.isEmpty { return false }
            try assign(free, listener)
            return true
        }
    }

    private func assign(_ partitions: [Int32], _ listener: any AssignmentListener) throws(LogError) {
        var starts: [StartPosition] = []
        do throws(LogError) {
            log.monitor.leave()
            defer { log.monitor.enter() }
            starts = try listener.assigned(partitions, consumer: self)
            if starts.count != partitions.count {
                throw LogError(
                    .fatal, code: "log.assignment", "The listener gave \(starts.count) positions for \(partitions.count) partitions"
                )
            }
        } catch {
            // Nobody reads them yet: the next poll, here or elsewhere, tries again.
            subscription.release(partitions, of: member)
            log.monitor.notifyAll()
            throw error
        }
        for (partition, start) in zip(partitions, starts) {
            let position =
                switch start {
                case .earliest: topic.partitions[Int(partition)].first
                case .offset(let offset): offset
                }
            assignments.append(Assignment(partition: partition, position: position))
        }
        assignments.sort { $0.partition < $1.partition }
    }

    private func unlocked(_ body: () -> Void) {
        log.monitor.leave()
        body()
        log.monitor.enter()
    }

    private func fetch(_ maxRecords: Int) throws(LogError) {
        guard !assignments.isEmpty else { return }
        var byteLimit = memoryBytes
        turn = (turn + 1) % assignments.count
        for number in 0..<assignments.count {
            let index = (turn + number) % assignments.count
            let assignment = assignments[index]
            if assignment.isPaused { continue }
            let partition = topic.partitions[Int(assignment.partition)]
            guard assignment.position >= partition.first, assignment.position <= partition.next else {
                // What earlier partitions gave stays unread: nothing of this batch is handed out.
                throw .outOfRange(topic.name, partition, assignment.position)
            }
        }
        for number in 0..<assignments.count {
            let index = (turn + number) % assignments.count
            if assignments[index].isPaused { continue }
            let partition = topic.partitions[Int(assignments[index].partition)]
            let end = partition.stable
            if recordCount < maxRecords, byteLimit > 0, assignments[index].position < end {
                recordCount += partition.read(
                    &assignments[index].position, below: end, limit: maxRecords - recordCount,
                    byteLimit: &byteLimit, into: records + recordCount, holds: &holds)
            }
            if assignments[index].position == end, assignments[index].toldEnd != end {
                assignments[index].toldEnd = end
                ends[endCount] = PartitionOffset(partition: partition.index, offset: end)
                endCount += 1
            }
        }
    }

    @inline(never)
    private func growRecords(to count: Int) {
        records.deallocate()
        records = .allocate(capacity: count)
        capacity = count
    }

    func seek(_ positions: [PartitionOffset]) throws(LogError) {
        for position in positions {
            let index = try assigned(position.partition)
            assignments[index].position = position.offset
            assignments[index].toldEnd = -1
        }
    }

    func commit(_ offsets: [PartitionOffset], wait: Bool) throws(LogError) {
        try log.act(.commitOffsets(group: subscription.group))
        log.monitor.enter()
        defer { log.monitor.leave() }
        try log.checkRunning()
        try checkMembership(of: offsets, .fenced)
        for offset in offsets { log.commit(offset, to: subscription, writtenAt: log.nextWrite()) }
        log.monitor.notifyAll()
    }

    /// With the monitor entered: may this member commit these partitions' offsets?
    func checkMembership(of offsets: [PartitionOffset], _ kind: LogError.Kind) throws(LogError) {
        for offset in offsets where !subscription.owns(member, offset.partition) {
            throw LogError(
                kind, code: "log.not_owner",
                "Failed to commit offset \(offset.offset) of topic '\(topic.name)' partition "
                    + "\(offset.partition) for group '\(subscription.group)': the partition isn't this member's in generation "
                    + "\(subscription.generation)", cause: "ILLEGAL_GENERATION")
        }
    }

    func committed(_ partitions: [Int32]) throws(LogError) -> [Int64?] {
        log.monitor.enter()
        defer { log.monitor.leave() }
        try log.checkRunning()
        return try log.stableOffsets(of: subscription, partitions)
    }

    func pause(_ partitions: [Int32]) throws(LogError) {
        for partition in partitions { assignments[try assigned(partition)].isPaused = true }
    }

    func resume(_ partitions: [Int32]) throws(LogError) {
        for partition in partitions { assignments[try assigned(partition)].isPaused = false }
    }

    private func assigned(_ partition: Int32) throws(LogError) -> Int {
        guard let index = assignments.firstIndex(where: { $0.partition == partition }) else {
            throw LogError(
                .configuration, code: "log.not_assigned",
                "Partition \(partition) of topic '\(topic.name)' isn't assigned to this consumer")
        }
        return index
    }

    func close() {
        guard let listener else { return }
        self.listener = nil
        log.monitor.enter()
        let owned = assignments.map(\.partition)
        let wasEvicted = member.state == .evicted
        if !owned.isEmpty {
            unlocked { wasEvicted ? listener.lost(owned, consumer: self) : listener.revoking(owned, consumer: self) }
        }
        assignments.removeAll()
        if member.state == .joined { subscription.leave(member) }
        holds.removeAll()
        log.monitor.notifyAll()
        log.monitor.leave()
    }
}
