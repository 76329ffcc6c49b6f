internal import CRdkafka
public import Log

/// A member of a consumer group. One thread at a time.
///
/// Changes of assignment are only written down while librdkafka delivers messages, and answered between its calls: so no
/// message gathered under one assignment can be taken for one of the next, and the listener may call whatever it wants.
public final class KafkaConsumer: LogConsumer {
    let client: Client
    let topic: String
    let group: String
    private let listener: any AssignmentListener
    private var queue: OpaquePointer?
    var batch: ConsumedBatch
    private var wakeup: FetchWakeup
    /// Partitions that are ours, in the order they came.
    private(set) var assigned: [Int32] = []
    private var paused: Set<Int32> = []
    /// Where each assigned partition was last set to start.
    private var starts: [Int32: Int64] = [:]
    /// An error that came after records which had to be handed out first.
    private var pendingError: LogError?
    private var isClosed = false
    /// Where the answer to a commit will come that is on its way; nil: none is.
    private var commitAnswer: OpaquePointer?
    /// How long a commit waits for brokers that don't answer before its caller hears of it.
    private static let answerMs: Int64 = 5000
    public private(set) var isMember = false
    private var pace = PollPace()

    init(_ log: KafkaLog, _ options: ConsumerOptions) throws(LogError) {
        topic = options.topic
        group = options.group
        listener = options.listener
        let properties = try log.consumerConfiguration(
            clientId: options.clientId, memoryBytes: options.memoryBytes, patienceMs: options.patienceMs, group: options.group)
        wakeup = FetchWakeup(properties)
        client = try Client(RD_KAFKA_CONSUMER, properties, servers: log.servers, log: log.log)
        queue = rd_kafka_queue_get_consumer(client.handle)
        batch = ConsumedBatch()
        try client.connect(asking: topic, timeoutMs: log.connectTimeoutMs)
        let found = try client.describe(topic, "Read", timeoutMs: log.connectTimeoutMs, patienceMs: newTopicPatienceMs)
        guard found != nil else { throw missing(topic) }
        rd_kafka_poll_set_consumer(client.handle)
        let subscription = PartitionList(topic: topic, CollectionOfOne(RD_KAFKA_PARTITION_UA))
        let error = rd_kafka_subscribe(client.handle, subscription.pointer)
        if error.rawValue != 0 { throw KafkaErrors.error(error, "subscribing to topic \(topic)") }
    }

    deinit {
        batch.release()
        if let queue { rd_kafka_queue_destroy(queue) }
        if let commitAnswer { rd_kafka_queue_destroy(commitAnswer) }
    }

    /// The last error that librdkafka deals with by itself (a broker away, a slow group); nil once records come again.
    public var lastError: LogError? { client.voice.lastError }
    /// False while no broker can be reached.
    public var isConnected: Bool { client.voice.isConnected }
    public var unreachable: LogError? { client.voice.isConnected ? nil : client.voice.lastError }
    /// Records that came for partitions that weren't assigned any more, since the start. They were dropped.
    public var droppedRecords: Int { batch.dropped }

    public func poll(timeoutMs: Int32, maxRecords: Int) throws(LogError) -> LogBatch {
        batch.release()
        guard let queue else { throw LogError(.fatal, code: "log.closed", "the consumer of topic \(topic) was closed") }
        if let error = pendingError {
            pendingError = nil
            throw error
        }
        let deadline = Deadline(Int64(timeoutMs))
        let limit = max(maxRecords, 1)
        batch.reserve(limit)
        let restNs = pace.restNs(nowNs: Deadline.nowNs(), timeoutMs: timeoutMs)
        if restNs > 0 { client.pause(ns: restNs) }
        while true {
            // Whoever was given partitions may have to do something before their records come.
            if try answerRebalances() { break }
            if let first = etl_wait(client.handle, client.state, wakeup.waitMs(atMost: Int32(deadline.remainingMs))) {
                batch.add(first)
                batch.fill(queue, limit: limit, timeoutMs: pace.fillMs)
                break
            }
            if client.state.pointee.rebalance_count > 0 { continue }
            if wakeup.isDue() { client.wakeFetching(topic: topic, assigned) }
            if deadline.isOver { break }
        }
        // Lost partitions may be another's already: nothing of them goes out. Other changes wait until this batch is done with.
        if client.state.pointee.rebalance_count > 0, client.hasLostAssignment { _ = try answerRebalances() }
        batch.convert()
        pace.brought(batch.records.count, nowNs: Deadline.nowNs())
        if wakeup.isDue(waiting: rd_kafka_queue_length(queue), bytes: batch.bytes, records: batch.records.count) {
            client.wakeFetching(topic: topic, assigned)
        }
        if batch.errors > 0 { sortErrors() }
        if batch.records.count > 0 || batch.ends.count > 0 {
            // They may have been fetched before, and librdkafka says only once that the brokers are gone: to be looked at again.
            if client.voice.lastError != nil || !client.voice.isConnected {
                client.voice.succeeded()
                client.isDoubtful = true
            }
        } else if let error = pendingError {
            pendingError = nil
            throw error
        } else {
            client.noticeRecovery()
            if let refusal = client.lastingRefusal { throw refusal }
        }
        return LogBatch(records: batch.records, ends: batch.ends)
    }

    private var rights: Rights { client.rights("Read", topic: topic, group: group) }

    /// Errors among the messages: what librdkafka mends itself is kept as `lastError`, the first of the others is thrown.
    @inline(never)
    private func sortErrors() {
        batch.forEachError { message in
            let reason = rd_kafka_message_errstr(message).map { String(cString: $0) } ?? ""
            let partition = message.pointee.partition
            var what = "reading topic \(topic)"
            if partition >= 0 { what += ", partition \(partition)" }
            var error = KafkaErrors.error(message.pointee.err, what, reason: reason, rights)
            if error.kind == .offsetOutOfRange {
                let offset = message.pointee.offset >= 0 ? "offset \(message.pointee.offset)" : "the offset asked for"
                error.message = "\(what): \(offset) isn't in the log (any more): \(reason)"
            }
            if message.pointee.err == RD_KAFKA_RESP_ERR__FATAL {
                var text = [CChar](repeating: 0, count: 512)
                let cause = rd_kafka_fatal_error(client.handle, &text, text.count)
                let (kind, code) = KafkaErrors.classify(cause, fatal: true)
                error = LogError(kind, code: code, "\(what): \(string(text))", cause: KafkaErrors.name(cause))
            }
            if error.kind == .retriable {
                client.voice.report(error)
            } else if pendingError == nil {
                pendingError = error
            }
        }
    }

    // MARK: Assignment

    /// Answers each change that librdkafka announced. When the listener throws, the change stays to be answered by the next poll.
    /// True: partitions were assigned.
    private func answerRebalances() throws(LogError) -> Bool {
        var wasGiven = false
        while client.state.pointee.rebalance_count > 0 {
            let change = client.state.pointee.rebalances.0
            guard let raw = change.partitions else {  // librdkafka always gives a list
                _ = etl_take_rebalance(client.state)
                continue
            }
            let elements = UnsafeBufferPointer(start: raw.pointee.elems, count: Int(raw.pointee.cnt))
            let partitions = elements.filter { String(cString: $0.topic) == topic }.map(\.partition)
            if change.err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
                // An assignment that was lost before it was answered is revoked next; there is no use in starting it.
                let starts = partitions.isEmpty ? [] : try listener.assigned(partitions, consumer: self)
                guard starts.count == partitions.count else {
                    throw LogError(
                        .fatal, code: "log.assignment",
                        "\(partitions.count) partitions of \(topic) were assigned, but \(starts.count) starts given")
                }
                let list = PartitionList(owning: etl_take_rebalance(client.state).partitions)
                try assign(list, partitions, starts)
                wasGiven = wasGiven || !partitions.isEmpty
            } else {
                if !partitions.isEmpty { giveUp(partitions) }
                let list = PartitionList(owning: etl_take_rebalance(client.state).partitions)
                unassign(list, partitions)
            }
        }
        return wasGiven
    }

    private func giveUp(_ partitions: [Int32]) {
        if client.hasLostAssignment {
            listener.lost(partitions, consumer: self)
        } else {
            listener.revoking(partitions, consumer: self)
        }
    }

    private var isCooperative: Bool {
        rd_kafka_rebalance_protocol(client.handle).map { String(cString: $0) == "COOPERATIVE" } ?? false
    }

    private func assign(_ list: borrowing PartitionList, _ partitions: [Int32], _ positions: [StartPosition]) throws(LogError) {
        for (partition, start) in zip(partitions, positions) {
            guard let element = rd_kafka_topic_partition_list_find(list.pointer, topic, partition) else { continue }
            switch start {
            case .earliest: element.pointee.offset = Int64(RD_KAFKA_OFFSET_BEGINNING)
            case .offset(let offset): element.pointee.offset = offset
            }
            starts[partition] = element.pointee.offset
        }
        let what = "starting partitions \(partitions) of topic \(topic)"
        if isCooperative {
            if let error = rd_kafka_incremental_assign(client.handle, list.pointer) { throw KafkaErrors.consume(error, what) }
        } else {
            let error = rd_kafka_assign(client.handle, list.pointer)
            if error.rawValue != 0 { throw KafkaErrors.error(error, what) }
        }
        assigned += partitions
        wakeup.moved()
        isMember = true
        batch.setAssigned(assigned)
    }

    private func unassign(_ list: borrowing PartitionList, _ partitions: [Int32]) {
        // librdkafka keeps a pause beyond the assignment: given again, the partitions would stand still.
        try? resume(partitions)
        // An error here means that the assignment is gone already.
        if isCooperative {
            if let error = rd_kafka_incremental_unassign(client.handle, list.pointer) { rd_kafka_error_destroy(error) }
        } else {
            _ = rd_kafka_assign(client.handle, nil)
        }
        assigned.removeAll { partitions.contains($0) }
        paused.subtract(partitions)
        for partition in partitions { starts[partition] = nil }
        batch.setAssigned(assigned)
    }

    // MARK: Position

    public func seek(_ positions: [PartitionOffset]) throws(LogError) {
        batch.release()
        if positions.isEmpty { return }
        for at in positions where !assigned.contains(at.partition) {
            throw LogError(
                .abortable, code: "log.membership_lost",
                "partition \(at.partition) of topic \(topic) isn't assigned here; it can't be moved to offset \(at.offset)")
        }
        let deadline = Deadline(30_000)
        while true {
            // Returns when librdkafka has raised the partitions' version: what was fetched before is dropped by its queue.
            let list = PartitionList(topic: topic, positions)
            if let error = rd_kafka_seek_partitions(client.handle, list.pointer, deadline.slice(5000)) {
                let failure = KafkaErrors.consume(error, "moving to other offsets of topic \(topic)")
                if failure.kind == .retriable, !deadline.isOver { continue }
                throw failure
            }
            guard let (error, partition) = list.firstError else { break }
            if error == RD_KAFKA_RESP_ERR__STATE {  // it isn't being fetched: its offset was out of range
                try restart(positions)
                break
            }
            if KafkaErrors.classify(error).kind == .retriable, !deadline.isOver {
                client.pause(ms: 20)
                continue
            }
            throw KafkaErrors.error(error, "moving to another offset of topic \(topic), partition \(partition)")
        }
        for at in positions { starts[at.partition] = at.offset }
        wakeup.moved()
    }

    /// Assigns partitions anew at other offsets.
    private func restart(_ positions: [PartitionOffset]) throws(LogError) {
        let what = "starting topic \(topic) at other offsets"
        if isCooperative {
            let list = PartitionList(topic: topic, positions)
            if let error = rd_kafka_incremental_unassign(client.handle, list.pointer) { throw KafkaErrors.consume(error, what) }
            if let error = rd_kafka_incremental_assign(client.handle, list.pointer) { throw KafkaErrors.consume(error, what) }
        } else {
            // The whole assignment is given at once: the others go on after what was handed out of them.
            let list = PartitionList(topic: topic, assigned)
            _ = rd_kafka_position(client.handle, list.pointer)
            for element in list.elements {
                if let moved = positions.last(where: { $0.partition == element.partition }) {
                    rd_kafka_topic_partition_list_set_offset(list.pointer, topic, element.partition, moved.offset)
                } else if element.offset < 0 {
                    rd_kafka_topic_partition_list_set_offset(
                        list.pointer, topic, element.partition,
                        starts[element.partition] ?? Int64(RD_KAFKA_OFFSET_BEGINNING))
                }
            }
            let error = rd_kafka_assign(client.handle, list.pointer)
            if error.rawValue != 0 { throw KafkaErrors.error(error, what) }
        }
        let again = Array(isCooperative ? paused.intersection(positions.map(\.partition)) : paused)
        paused.subtract(again)
        try pause(again)
    }

    public func pause(_ partitions: [Int32]) throws(LogError) {
        let ours = partitions.filter { assigned.contains($0) && !paused.contains($0) }
        if ours.isEmpty { return }
        let list = PartitionList(topic: topic, ours)
        let error = rd_kafka_pause_partitions(client.handle, list.pointer)
        if error.rawValue != 0 { throw KafkaErrors.error(error, "pausing partitions \(ours) of topic \(topic)") }
        paused.formUnion(ours)
    }

    public func resume(_ partitions: [Int32]) throws(LogError) {
        let ours = partitions.filter { paused.contains($0) }
        if ours.isEmpty { return }
        let list = PartitionList(topic: topic, ours)
        let error = rd_kafka_resume_partitions(client.handle, list.pointer)
        if error.rawValue != 0 { throw KafkaErrors.error(error, "resuming partitions \(ours) of topic \(topic)") }
        paused.subtract(ours)
        wakeup.moved()
    }

    // MARK: Offsets

    public func commit(_ offsets: [PartitionOffset], wait: Bool) throws(LogError) {
        if offsets.isEmpty { return }
        let what = "committing offsets of topic \(topic) to group \(group)"
        // Without a member id the brokers would take the offsets unchecked if the group is empty.
        guard !client.hasLostAssignment, offsets.allSatisfy({ assigned.contains($0.partition) }) else {
            throw LogError(
                .abortable, code: "log.membership_lost", "\(what): they are of partitions that aren't assigned here any more")
        }
        let deadline = Deadline(Self.answerMs)
        try settleCommit(deadline)
        let list = PartitionList(topic: topic, offsets)
        guard wait else {
            let error = rd_kafka_commit(client.handle, list.pointer, 1)
            if error.rawValue != 0 { throw KafkaErrors.error(error, what, rights) }
            return
        }
        guard let answer = rd_kafka_queue_new(client.handle) else {
            throw LogError(.fatal, code: "log.fatal", "\(what): no memory")
        }
        let error = rd_kafka_commit_queue(client.handle, list.pointer, answer, nil, nil)
        guard error.rawValue == 0 else {
            rd_kafka_queue_destroy(answer)
            throw KafkaErrors.error(error, what, rights)
        }
        commitAnswer = answer
        try settleCommit(deadline)
    }

    /// Waits for the answer to a commit that is on its way: no other may overtake it, nor a transaction that moves these offsets.
    ///
    /// librdkafka's own waiting commit has no bound: it waits 45 s for a coordinator that is known to be away, and until it is back
    /// for one that goes away in its midst (rdkafka_offset.c, rd_kafka_commit).
    func settleCommit(_ deadline: Deadline) throws(LogError) {
        guard let answer = commitAnswer else { return }
        let what = "committing offsets of topic \(topic) to group \(group)"
        var event = rd_kafka_queue_poll(answer, deadline.slice(500))
        while event == nil, !deadline.isOver { event = rd_kafka_queue_poll(answer, deadline.slice(500)) }
        guard let event else {
            throw LogError(
                .retriable, code: "log.timed_out",
                "\(what) on Kafka at \(client.servers): no answer; librdkafka's last words: \(client.voice.reason)")
        }
        rd_kafka_queue_destroy(answer)
        commitAnswer = nil
        defer { rd_kafka_event_destroy(event) }
        let error = rd_kafka_event_error(event)
        if error.rawValue != 0 { throw KafkaErrors.error(error, what, rights) }
        guard let list = rd_kafka_event_topic_partition_list(event) else { return }
        for element in UnsafeBufferPointer(start: list.pointee.elems, count: Int(list.pointee.cnt)) where element.err.rawValue != 0
        {
            throw KafkaErrors.error(element.err, "\(what), partition \(element.partition)", rights)
        }
    }

    public func committed(_ partitions: [Int32]) throws(LogError) -> [Int64?] {
        try client.committed(group: group, topic: topic, partitions, isMember: true)
    }

    public func close() {
        if isClosed { return }
        isClosed = true
        batch.release()
        if !assigned.isEmpty { giveUp(assigned) }
        assigned = []
        batch.setAssigned([])
        client.leaveGroup(timeoutMs: 5000)
        if let queue { rd_kafka_queue_destroy(queue) }
        queue = nil
        if let commitAnswer { rd_kafka_queue_destroy(commitAnswer) }
        commitAnswer = nil
        client.destroy(waitMs: 0)
    }
}

func missing(_ topic: String) -> LogError {
    LogError(
        .configuration, code: "log.topic_missing", "topic \(topic) doesn't exist: create it, for instance with 'etl topics create'",
        cause: "UNKNOWN_TOPIC_OR_PART")
}
