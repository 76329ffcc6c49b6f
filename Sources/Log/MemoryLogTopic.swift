/// A topic and the groups that read it. Everything with the log's monitor entered.
final class MemoryTopic {
    let name: String
    let partitions: [MemoryPartition]
    /// Nothing is ever freed or dropped.
    var isRetained: Bool
    private(set) var subscriptions: [MemorySubscription] = []
    /// Visible records dropped because no group reads the topic and its share of memory was used up.
    private(set) var droppedRecords: Int64 = 0

    init(name: String, partitions: Int32, isRetained: Bool) {
        self.name = name
        self.partitions = (0..<partitions).map { MemoryPartition(index: $0) }
        self.isRetained = isRetained
    }

    /// The group's subscription, made if there is none.
    func subscription(of group: String) -> MemorySubscription {
        if let known = existingSubscription(of: group) { return known }
        let subscription = MemorySubscription(group: group, topic: self)
        subscriptions.append(subscription)
        for partition in partitions {
            partition.countPendingAgain()
            consume(partition)
        }
        return subscription
    }

    func existingSubscription(of group: String) -> MemorySubscription? {
        subscriptions.first { $0.group == group }
    }

    /// Bytes that some group has yet to commit past, also of what transactions still hold open.
    var pendingBytes: Int {
        var result = 0
        for partition in partitions { result += partition.pendingBytes }
        return result
    }

    /// Those that are committed.
    var waitingBytes: Int {
        var result = pendingBytes
        for partition in partitions {
            for transaction in partition.open { result -= transaction.byteCount }
        }
        return result
    }

    /// Takes note of a commit: what every group is past needs no memory any more.
    func consume(_ partition: MemoryPartition) {
        guard !subscriptions.isEmpty else { return }
        var least = Int64.max
        for subscription in subscriptions { least = min(least, subscription.committed[Int(partition.index)]) }
        if least > partition.first { partition.consume(upTo: least, keeping: isRetained) }
    }

    /// Without a group that reads it, a topic keeps its newest records within `byteLimit`.
    func trim(to byteLimit: Int) {
        guard subscriptions.isEmpty, !isRetained else { return }
        var excess = partitions.reduce(0) { $0 + $1.heldBytes } - byteLimit
        while excess > 0 {
            guard let fullest = partitions.max(by: { $0.heldBytes < $1.heldBytes }) else { return }
            let before = fullest.heldBytes
            while excess > 0, before - fullest.heldBytes < 64 << 10 {
                let held = fullest.heldBytes
                guard let wasVisible = fullest.dropOldest() else { return }
                if wasVisible { droppedRecords += 1 }
                excess -= held - fullest.heldBytes
            }
        }
    }
}

/// A consumer group on a topic: its members, which of them owns which partition, and its offsets.
/// Everything with the log's monitor entered.
final class MemorySubscription {
    let group: String
    unowned let topic: MemoryTopic
    /// By partition; -1: none.
    var committed: [Int64]
    /// By partition: when that offset was written down.
    var committedAt: [Int64]
    /// Transactions that will commit an offset of the partition, or not: until then its committed offset isn't stable.
    var pending: [Int]
    /// Grows with every join and leave.
    private(set) var generation = 0
    private(set) var members: [MemoryMember] = []
    private var owners: [MemoryMember?]

    init(group: String, topic: MemoryTopic) {
        self.group = group
        self.topic = topic
        committed = Array(repeating: -1, count: topic.partitions.count)
        committedAt = Array(repeating: 0, count: topic.partitions.count)
        pending = Array(repeating: 0, count: topic.partitions.count)
        owners = Array(repeating: nil, count: topic.partitions.count)
    }

    func join(_ member: MemoryMember) {
        member.state = .joined
        members.append(member)
        members.sort { $0.id < $1.id }
        assign()
    }

    func leave(_ member: MemoryMember) {
        members.removeAll { $0 === member }
        for index in owners.indices where owners[index] === member { owners[index] = nil }
        member.state = .out
        assign()
    }

    /// Members that haven't polled for too long are out: their partitions are free for others at once. That holds for one that
    /// hangs within a poll, too.
    func evict(polledBefore limit: Int64) -> Bool {
        let late = members.filter { $0.lastPollMs < limit }
        for member in late {
            leave(member)
            member.state = .evicted
        }
        return !late.isEmpty
    }

    /// Range assignment: contiguous runs in the order of the members' ids, the first ones longer by one where it doesn't divide.
    private func assign() {
        generation += 1
        guard !members.isEmpty else { return }
        let share = owners.count / members.count
        let longer = owners.count % members.count
        var start = 0
        for (number, member) in members.enumerated() {
            let end = start + share + (number < longer ? 1 : 0)
            member.target = Int32(start)..<Int32(end)
            start = end
        }
    }

    func owned(by member: MemoryMember) -> [Int32] {
        owners.indices.filter { owners[$0] === member }.map(Int32.init)
    }

    func owns(_ member: MemoryMember, _ partition: Int32) -> Bool {
        owners.indices.contains(Int(partition)) && owners[Int(partition)] === member
    }

    /// What the member has that is meant for another.
    func surplus(of member: MemoryMember) -> [Int32] { owned(by: member).filter { !member.target.contains($0) } }

    /// What is meant for the member and nobody has; it has it now.
    func takeFree(for member: MemoryMember) -> [Int32] {
        let free = member.target.filter { owners[Int($0)] == nil }
        for partition in free { owners[Int(partition)] = member }
        return free
    }

    func release(_ partitions: [Int32], of member: MemoryMember) {
        for partition in partitions where owners[Int(partition)] === member { owners[Int(partition)] = nil }
    }

    /// When the first member that could be evicted would be.
    func nextEvictionMs(after intervalMs: Int64) -> Int64 {
        members.map { $0.lastPollMs + intervalMs + 1 }.min() ?? .max
    }
}

/// A member of a group, as the group knows it. Everything with the log's monitor entered.
final class MemoryMember {
    enum State {
        /// Not in the group, and nothing to be said about it.
        case out
        case joined
        /// Put out of the group without its doing: the next poll tells its listener.
        case evicted
    }

    let id: Int
    var state = State.out
    var target: Range<Int32> = 0..<0
    /// When its last poll ended or, within a poll, when that is to end.
    var lastPollMs: Int64 = 0

    init(id: Int) { self.id = id }
}
