/// A log in memory, with Kafka's semantics: partitions, groups with rebalancing, committed offsets, transactions that a
/// read-committed reader sees whole or not at all, fencing. For running without a broker, and for tests.
///
/// **Offsets** are Kafka's: the end of a transaction takes one (a control marker) in each partition it wrote to, aborted records
/// keep theirs, so offsets have gaps and an end can lie beyond the last record.
///
/// **Memory.** A topic that groups read keeps what some group has yet to commit past. While that exceeds the topic's share of the
/// bound, `begin` of transactional producers of the topic waits, and `send` of the others. A transaction once begun never waits:
/// readers stand behind its records until it ends, so a wait for them could last for ever; it is told to end soon
/// (`shouldCommit`). A group counts from its first consumer (or `declare`) on. A topic that no group reads keeps its newest records
/// within its share and counts what it drops (`droppedRecords`); topics marked by `retain`, or made with a `cleanup.policy` that
/// has `compact` in it, keep everything.
///
/// Any thread may use the log; what it makes is for one thread at a time. Unchecked: all state is behind `monitor`.
public final class MemoryLog: RecordLog, @unchecked Sendable {
    let monitor = Monitor()
    let clock: any LogClock
    let maxPollIntervalMs: Int64
    private let commitDelayMs: Int64
    private let memoryBytes: Int
    private let before: (@Sendable (MemoryLogAction) throws(LogError) -> Void)?
    private var topics: [String: MemoryTopic] = [:]
    /// The latest session of each transactional id.
    private var sessions: [String: MemorySession] = [:]
    private var openSessions: [MemorySession] = []
    /// Committed, but not to be seen yet.
    private var endingSessions: [MemorySession] = []
    private var lastMember = 0
    private var lastWrite: Int64 = 0
    private var lastSession: Int32 = 0
    private var isShutDown = false

    /// - Parameters:
    ///   - memoryBytes: bound of what is kept; see above for what happens at the bound.
    ///   - clock: what deadlines, timeouts and records' timestamps are measured by.
    ///   - maxPollIntervalMs: a member that doesn't poll for longer loses its partitions (Kafka's `max.poll.interval.ms`).
    ///   - commitDelayMs: how long after a commit its records and offsets are there for others, as on a broker, which answers
    ///     before its markers are written.
    ///   - before: called before each action, without any lock; what it throws is thrown instead of acting.
    public init(
        memoryBytes: Int = 256 << 20, clock: any LogClock = SystemLogClock(), maxPollIntervalMs: Int64 = 300_000,
        commitDelayMs: Int64 = 0, before: (@Sendable (MemoryLogAction) throws(LogError) -> Void)? = nil
    ) {
        self.memoryBytes = memoryBytes
        self.clock = clock
        self.maxPollIntervalMs = maxPollIntervalMs
        self.commitDelayMs = commitDelayMs
        self.before = before
    }

    public func makeConsumer(_ options: ConsumerOptions) throws(LogError) -> any LogConsumer {
        monitor.enter()
        defer { monitor.leave() }
        let topic = try topic(options.topic)
        lastMember += 1
        return MemoryLogConsumer(
            log: self, topic: topic, subscription: topic.subscription(of: options.group),
            member: MemoryMember(id: lastMember), options: options)
    }

    public func makeProducer(_ options: ProducerOptions) throws(LogError) -> any LogProducer {
        monitor.enter()
        defer { monitor.leave() }
        var targets: [MemoryTopic] = []
        for name in options.topics { targets.append(try topic(name)) }
        lastSession += 1
        let session = MemorySession(
            id: lastSession, transactionalId: options.transactionalId, timeoutMs: Int64(options.transactionTimeoutMs))
        if let id = options.transactionalId {
            if let old = sessions[id] { fence(old) }
            sessions[id] = session
        }
        return MemoryLogProducer(log: self, topics: targets, session: session)
    }

    public func makeReader(topic name: String) throws(LogError) -> any LogReader {
        monitor.enter()
        defer { monitor.leave() }
        return MemoryLogReader(log: self, topic: try topic(name))
    }

    public func describe(topics names: [String]) throws(LogError) -> [TopicDescription?] {
        monitor.enter()
        defer { monitor.leave() }
        return names.map { name in
            topics[name].map { TopicDescription(name: name, partitions: Int32($0.partitions.count), replication: 1) }
        }
    }

    public func create(topics new: [NewTopic]) throws(LogError) -> [TopicCreation] {
        monitor.enter()
        defer { monitor.leave() }
        return new.map(create)
    }

    private func create(_ new: NewTopic) -> TopicCreation {
        if topics[new.name] != nil { return .existed }
        guard !new.name.isEmpty, new.partitions == -1 || new.partitions >= 1 else {
            return .failed(
                LogError(
                    .configuration, code: "log.topic_invalid",
                    "Failed to create topic '\(new.name)' with \(new.partitions) partitions: it needs a name and at least 1"))
        }
        let isCompacted = new.properties["cleanup.policy"]?.contains("compact") ?? false
        topics[new.name] = MemoryTopic(name: new.name, partitions: max(1, new.partitions), isRetained: isCompacted)
        return .created
    }

    public func offsets(topic name: String) throws(LogError) -> [PartitionRange] {
        monitor.enter()
        defer { monitor.leave() }
        expireTransactions()
        return try topic(name).partitions.map { PartitionRange(partition: $0.index, first: $0.first, end: $0.stable) }
    }

    public func writtenOffsets(topic name: String) throws(LogError) -> [PartitionRange] {
        monitor.enter()
        defer { monitor.leave() }
        return try topic(name).partitions.map { PartitionRange(partition: $0.index, first: $0.first, end: $0.next) }
    }

    public func committedOffsets(group: String, topic name: String) throws(LogError) -> [Int64?] {
        monitor.enter()
        defer { monitor.leave() }
        let topic = try topic(name)
        guard let subscription = topic.existingSubscription(of: group) else { return topic.partitions.map { _ in nil } }
        return try stableOffsets(of: subscription, topic.partitions.map(\.index))
    }

    /// From now on the topic keeps every record it has or gets, whatever the bound.
    public func retain(topic name: String) throws(LogError) {
        monitor.enter()
        defer { monitor.leave() }
        try topic(name).isRetained = true
    }

    /// The group will read the topic, though no member of it is there yet: nothing is dropped before it has read it.
    public func declare(group: String, topic name: String) throws(LogError) {
        monitor.enter()
        defer { monitor.leave() }
        _ = try topic(name).subscription(of: group)
    }

    /// Visible records of a topic that were dropped because no group read them in time.
    public func droppedRecords(topic name: String) throws(LogError) -> Int64 {
        monitor.enter()
        defer { monitor.leave() }
        return try topic(name).droppedRecords
    }

    /// Wakes every thread that waits in the log; from then on everything but `close` throws `log.shut_down` (fatal).
    public func shutDown() {
        monitor.enter()
        isShutDown = true
        monitor.notifyAll()
        monitor.leave()
    }
}

/// What a client of the log is about to do; see `MemoryLog.init(before:)`.
public enum MemoryLogAction: Sendable, Equatable {
    case poll(group: String)
    case commitOffsets(group: String)
    case begin(transactionalId: String)
    case send(transactionalId: String?)
    case sendOffsets(transactionalId: String)
    case commit(transactionalId: String)
    case abort(transactionalId: String)
}

// For consumers, producers and readers. All but `act` with the monitor entered.
extension MemoryLog {
    func act(_ action: MemoryLogAction) throws(LogError) {
        if let before { try before(action) }
    }

    func checkRunning() throws(LogError) {
        if isShutDown { throw LogError(.fatal, code: "log.shut_down", "The in-memory log was shut down") }
    }

    private func topic(_ name: String) throws(LogError) -> MemoryTopic {
        try checkRunning()
        guard let topic = topics[name] else {
            throw LogError(
                .configuration, code: "log.topic_missing",
                "There is no topic '\(name)'; create it first", cause: "UNKNOWN_TOPIC_OR_PARTITION")
        }
        return topic
    }

    /// A group's offsets of a topic; made if there are none yet.
    func subscription(of group: String, topic name: String) throws(LogError) -> MemorySubscription {
        try topic(name).subscription(of: group)
    }

    /// Waits until anything changed, or the deadline, or the next transaction's timeout or end.
    func wait(untilMs deadline: Int64) throws(LogError) {
        let expiry = openSessions.map(\.expiresMs).min() ?? .max
        let end = endingSessions.map(\.expiresMs).min() ?? .max
        clock.wait(monitor, untilMs: min(deadline, expiry, end))
        try checkRunning()
        expireTransactions()
    }

    func stableOffsets(of subscription: MemorySubscription, _ partitions: [Int32]) throws(LogError) -> [Int64?] {
        let topic = subscription.topic
        for partition in partitions where !topic.partitions.indices.contains(Int(partition)) {
            throw LogError(.configuration, code: "log.partition_missing", "Topic '\(topic.name)' has no partition \(partition)")
        }
        expireTransactions()
        while partitions.contains(where: { subscription.pending[Int($0)] > 0 }) { try wait(untilMs: .max) }
        return partitions.map { partition in
            let offset = subscription.committed[Int(partition)]
            return offset < 0 ? nil : offset
        }
    }

    /// Whether producers to a topic are as far ahead of its groups as they may be; `withOpen`: counting open transactions.
    func isFull(_ topic: MemoryTopic, withOpen: Bool = false) -> Bool {
        guard !topic.subscriptions.isEmpty else { return false }
        var readTopics = 0
        for other in topics.values where !other.subscriptions.isEmpty { readTopics += 1 }
        return (withOpen ? topic.pendingBytes : topic.waitingBytes) > memoryBytes / readTopics
    }

    /// Unread topics share a quarter of the bound.
    func trim(_ topic: MemoryTopic) {
        guard topic.subscriptions.isEmpty, !topic.isRetained else { return }
        var unreadTopics = 0
        for other in topics.values where other.subscriptions.isEmpty { unreadTopics += 1 }
        topic.trim(to: memoryBytes / 4 / unreadTopics)
    }

    func opened(_ session: MemorySession) {
        session.isOpen = true
        session.expiresMs = clock.nowMs + session.timeoutMs
        openSessions.append(session)
    }

    /// Ends a transaction: its records appear with its offsets, or neither do.
    func end(_ session: MemorySession, aborted: Bool) {
        guard session.isOpen else { return }
        session.isOpen = false
        openSessions.removeAll { $0 === session }
        if aborted || commitDelayMs == 0 { return complete(session, aborted: aborted) }
        session.isEnding = true
        session.expiresMs = clock.nowMs + commitDelayMs
        endingSessions.append(session)
    }

    /// Writes the markers.
    private func complete(_ session: MemorySession, aborted: Bool) {
        session.isEnding = false
        endingSessions.removeAll { $0 === session }
        for (topic, partition) in session.touched {
            partition.end(session.id, aborted: aborted)
            trim(topic)
        }
        session.touched.removeAll(keepingCapacity: true)
        for (subscription, offset, writtenAt) in session.offsets {
            subscription.pending[Int(offset.partition)] -= 1
            if !aborted { commit(offset, to: subscription, writtenAt: writtenAt) }
        }
        session.offsets.removeAll(keepingCapacity: true)
        monitor.notifyAll()
    }

    /// The next place in the order in which a group's offsets are written down.
    func nextWrite() -> Int64 {
        lastWrite += 1
        return lastWrite
    }

    /// Of two commits the one written down later counts, also where a transaction that was written to earlier ends later.
    func commit(_ offset: PartitionOffset, to subscription: MemorySubscription, writtenAt: Int64) {
        guard writtenAt > subscription.committedAt[Int(offset.partition)] else { return }
        subscription.committedAt[Int(offset.partition)] = writtenAt
        subscription.committed[Int(offset.partition)] = offset.offset
        subscription.topic.consume(subscription.topic.partitions[Int(offset.partition)])
    }

    func fence(_ session: MemorySession) {
        session.isFenced = true
        end(session, aborted: true)
        if session.isEnding { complete(session, aborted: false) }
        monitor.notifyAll()
    }

    /// As a broker's coordinator does: a transaction that stays open too long is aborted and its producer fenced, and one that was
    /// committed is completed.
    func expireTransactions() {
        guard !openSessions.isEmpty || !endingSessions.isEmpty else { return }
        let now = clock.nowMs
        for session in endingSessions where session.expiresMs <= now { complete(session, aborted: false) }
        for session in openSessions where session.expiresMs <= now { fence(session) }
    }
}
