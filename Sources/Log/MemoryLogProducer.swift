import Bytes

/// What the log knows of a producer. Everything with the log's monitor entered, but what is constant.
final class MemorySession {
    let id: Int32
    let transactionalId: String?
    let timeoutMs: Int64
    var isOpen = false
    /// Committed; readers don't see it yet.
    var isEnding = false
    var isFenced = false
    /// When the open transaction times out, or the ending one is completed.
    var expiresMs: Int64 = .max
    /// Partitions that hold records of the open transaction.
    var touched: [(topic: MemoryTopic, partition: MemoryPartition)] = []
    /// Offsets the open transaction will commit, and when they were written down.
    var offsets: [(subscription: MemorySubscription, offset: PartitionOffset, writtenAt: Int64)] = []

    init(id: Int32, transactionalId: String?, timeoutMs: Int64) {
        self.id = id
        self.transactionalId = transactionalId
        self.timeoutMs = timeoutMs
    }
}

/// Writes to a `MemoryLog`.
final class MemoryLogProducer: LogProducer {
    private let log: MemoryLog
    private let topics: [MemoryTopic]
    private let session: MemorySession
    private var sends: Int64 = 0
    private var isClosed = false

    init(log: MemoryLog, topics: [MemoryTopic], session: MemorySession) {
        self.log = log
        self.topics = topics
        self.session = session
    }

    var partitionCounts: [Int32] { topics.map { Int32($0.partitions.count) } }

    func begin() throws(LogError) {
        try log.act(.begin(transactionalId: try transactionalId()))
        log.monitor.enter()
        defer { log.monitor.leave() }
        try check()
        guard !session.isOpen else { throw wrongState("begin", "one is open already") }
        while session.isEnding {
            try log.wait(untilMs: .max)
            try check()
        }
        try waitForRoom()
        log.opened(session)
    }

    func send(_ batch: borrowing OutputBatch) throws(LogError) {
        try log.act(.send(transactionalId: session.transactionalId))
        log.monitor.enter()
        defer { log.monitor.leave() }
        try check()
        if session.transactionalId == nil {
            try waitForRoom()
        } else if !session.isOpen {
            throw wrongState("send in", "none is open")
        }
        let records = batch.records
        for record in records { try check(record) }
        append(records)
        sends += 1
    }

    /// The records' topics and partitions have been checked.
    private func append(_ records: UnsafeBufferPointer<OutputRecord>) {
        let timestamp = log.clock.nowMs
        let owner = session.transactionalId == nil ? 0 : session.id
        for record in records {
            let topic = topics[Int(record.topic)]
            let partition = topic.partitions[Int(record.partition)]
            let offset = partition.next
            let size = partition.append(record, owner: owner, timestamp: timestamp)
            if owner == 0 { continue }
            if let at = partition.open.firstIndex(where: { $0.session == owner }) {
                partition.open[at].byteCount += size
            } else {
                partition.open.append(.init(session: owner, first: offset, byteCount: size))
                session.touched.append((topic, partition))
            }
        }
        if owner == 0, !records.isEmpty {
            for topic in topics { log.trim(topic) }
            log.monitor.notifyAll()
        }
    }

    private func check(_ record: OutputRecord) throws(LogError) {
        guard topics.indices.contains(Int(record.topic)) else {
            throw LogError(
                .configuration, code: "log.topic_missing",
                "The producer was made with \(topics.count) topics; there is none at "
                    + "index \(record.topic)")
        }
        let topic = topics[Int(record.topic)]
        guard topic.partitions.indices.contains(Int(record.partition)) else {
            throw LogError(
                .configuration, code: "log.partition_missing", "Topic '\(topic.name)' has no partition \(record.partition)")
        }
    }

    /// Nothing of this producer is open here, so no reader stands behind it and room comes as long as the groups go on.
    private func waitForRoom() throws(LogError) {
        log.expireTransactions()
        while topics.contains(where: { log.isFull($0) }) {
            try log.wait(untilMs: .max)
            try check()
        }
    }

    var shouldCommit: Bool {
        log.monitor.enter()
        defer { log.monitor.leave() }
        return session.isOpen && topics.contains { log.isFull($0, withOpen: true) }
    }

    func sendOffsets(_ offsets: [PartitionOffset], of consumer: any LogConsumer) throws(LogError) {
        try log.act(.sendOffsets(transactionalId: try transactionalId()))
        log.monitor.enter()
        defer { log.monitor.leave() }
        try check()
        guard session.isOpen else { throw wrongState("add offsets to", "none is open") }
        guard let consumer = consumer as? MemoryLogConsumer, consumer.log === log else {
            throw LogError(.configuration, code: "log.foreign_consumer", "The consumer belongs to another log than the producer")
        }
        try consumer.checkMembership(of: offsets, .abortable)
        add(offsets, to: consumer.subscription)
    }

    func sendOffsets(_ offsets: [PartitionOffset], group: String, topic: String) throws(LogError) {
        try log.act(.sendOffsets(transactionalId: try transactionalId()))
        log.monitor.enter()
        defer { log.monitor.leave() }
        try check()
        guard session.isOpen else { throw wrongState("add offsets to", "none is open") }
        let subscription = try log.subscription(of: group, topic: topic)
        for offset in offsets where !subscription.topic.partitions.indices.contains(Int(offset.partition)) {
            throw LogError(
                .configuration, code: "log.partition_missing", "Topic '\(topic)' has no partition \(offset.partition)")
        }
        add(offsets, to: subscription)
    }

    private func add(_ offsets: [PartitionOffset], to subscription: MemorySubscription) {
        for offset in offsets {
            let at = session.offsets.firstIndex {
                $0.subscription === subscription && $0.offset.partition == offset.partition
            }
            if let at {
                session.offsets[at].offset = offset
                session.offsets[at].writtenAt = log.nextWrite()
            } else {
                subscription.pending[Int(offset.partition)] += 1
                session.offsets.append((subscription, offset, log.nextWrite()))
            }
        }
    }

    func commit() throws(LogError) {
        try log.act(.commit(transactionalId: try transactionalId()))
        try end("commit", aborted: false)
    }

    func abort() throws(LogError) {
        try log.act(.abort(transactionalId: try transactionalId()))
        try end("abort", aborted: true)
    }

    private func end(_ verb: String, aborted: Bool) throws(LogError) {
        log.monitor.enter()
        defer { log.monitor.leave() }
        try check()
        guard session.isOpen else { throw wrongState(verb, "none is open") }
        log.end(session, aborted: aborted)
    }

    func acknowledged() throws(LogError) -> Int64 {
        log.monitor.enter()
        defer { log.monitor.leave() }
        try check()
        return sends
    }

    func flush(timeoutMs: Int32) throws(LogError) { _ = try acknowledged() }

    func close() {
        log.monitor.enter()
        defer { log.monitor.leave() }
        log.end(session, aborted: true)
        isClosed = true
    }

    /// With the monitor entered.
    private func check() throws(LogError) {
        try log.checkRunning()
        log.expireTransactions()
        if isClosed { throw LogError(.fatal, code: "log.closed", "The producer was closed") }
        if session.isFenced {
            throw LogError(
                .fenced, code: "log.fenced",
                "Transactional id '\(session.transactionalId ?? "")' has a newer producer, or its "
                    + "transaction was open for more than \(session.timeoutMs) ms", cause: "PRODUCER_FENCED")
        }
    }

    private func transactionalId() throws(LogError) -> String {
        guard let id = session.transactionalId else {
            throw LogError(.configuration, code: "log.not_transactional", "The producer was made without a transactional id")
        }
        return id
    }

    private func wrongState(_ verb: String, _ why: String) -> LogError {
        LogError(
            .fatal, code: "log.transaction_state",
            "Failed to \(verb) a transaction of '\(session.transactionalId ?? "")': \(why)", cause: "_STATE")
    }
}
