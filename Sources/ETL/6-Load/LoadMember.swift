package import Log

/// One thread of a loader: a member of its consumer group that writes rows to Postgres.
///
/// Postgres holds the truth about how far a partition is loaded (`etl_offsets`); the group's offset only follows it, together
/// with the dead letters of the rows that were refused. While Postgres writes a batch the next one is filled; it is handed over
/// when the answer is there. Whatever goes wrong with a service has one answer, `resync`: what is buffered or on its way is given
/// up, positions are read from Postgres again, dead letters whose transaction a failure cut off are sent,
/// and the partitions are read again from there.
///
/// Generic over the sink, so that a record's way into Postgres has no existential.
package final class LoadMember<Sink: RowSink & ~Copyable>: AssignmentListener {
    let context: MemberContext
    let stage: StagePlan
    let plan: PostgresPlan
    var sink: Sink
    private let deadTopic: String
    var consumer: (any LogConsumer)?
    var producer: (any LogProducer)?
    var writer: DeadLetterWriter?
    var positions = Positions()
    /// Each partition's next offset as Postgres has it; none: no row of it was ever loaded.
    var stored: [Int32: Int64] = [:]
    /// Where the consumer started partitions of which it has brought nothing yet.
    var started: [Int32: StartPosition] = [:]
    private var filling = LoadBatch()
    /// The batch that was submitted to the sink; its letters also serve `repeatLetters`, when none is.
    var flying = LoadBatch()
    private var isFlying = false
    /// When Postgres first had what the group's offsets don't say yet; nil: they do.
    private var followsSinceMs: Int64?
    /// Set where a failure can't be dealt with on the spot; `resync` follows before anything else is polled.
    var resyncReason: String?
    /// Whether too many of a partition's last records failed.
    var windows: PartitionFailures
    var pauses = ConsumerPauses()
    private var watch = GroupWatch()
    /// Of batches that failed one after the other although Postgres answered in between.
    var refusals: Backoff
    /// Of consumers that had to be given up one after the other.
    var lostConsumers: Backoff
    private var phases: PhaseClock
    var callbackFailure: ETLError?
    /// How often in a row the topic ended before records whose dead letters are owed.
    var lettersNotShown = 0

    package init(context: MemberContext, stage: StagePlan, plan: PostgresPlan, sink: consuming Sink) {
        self.context = context
        self.stage = stage
        self.plan = plan
        self.sink = sink
        deadTopic = context.plan.deadLetterTopic(of: stage.name)
        windows = PartitionFailures(context.plan.deadLetter)
        refusals = Backoff(context.plan.retry)
        lostConsumers = Backoff(context.plan.retry)
        phases = PhaseClock(context.telemetry)
    }

    /// Runs until asked to stop or, when draining, until the group has reached the end. Throws what somebody must mend first.
    package func run() throws(ETLError) {
        defer { close() }
        guard try connectSink() else { return }
        do throws(LogError) {
            try makeClients()
        } catch {
            throw ETLError(error)
        }
        context.emit(
            MemberStarted(
                role: "stage", member: stage.name, detail: "\(stage.from) to Postgres table \(plan.table), \(plan.mode.rawValue)"))
        var end = DrainCheck(topic: stage.from, group: context.plan.group(of: stage))
        while !context.control.shouldStop {
            let batch = try poll(waitMs: isFlying ? 5 : end.isDraining ? 20 : 50)
            phases.lap(.poll)
            watch.look(at: consumer, foundRecords: !batch.records.isEmpty, context)
            if batch.records.isEmpty, !hasBatch, !isFlying, let sink = context.telemetry.sink, !sink.isClosed {
                sink.idle(nowMs: context.clock.nowMs())
            }
            try load(batch)
            let loadedNs = phases.lap(.process)
            if !batch.records.isEmpty { context.telemetry.batchSeconds.observe(nanoseconds: loadedNs) }
            if isFlying, sink.isAnswered || isOverdue { try land() }
            if isDue {
                try land()
                try submit()
            }
            followIfDue()
            try settlePauses()
            if end.isReached(context, positions, quiet: batch.records.isEmpty) {
                try flush()
                try end.requireNotPaused(context, positions)
                // Dead letters may be owed, of records beyond the end, too: then it isn't over.
                if resyncReason == nil, end.groupHasReached(context) { break }
            }
        }
        try flush()
        context.emit(MemberStopped(role: "stage", member: stage.name, records: context.counters.now.received))
    }

    private func load(_ batch: LogBatch) throws(ETLError) {
        let isCorrupt = resyncReason != nil
        guard !isCorrupt else { return }
        for record in batch.records where positions.admit(record.partition, record.offset) {
            filling.report.counts.received += 1
            switch sink.append(record) {
            case .accepted: filling.report.counts.written += 1
            case .rejected(let rejection): reject(record, rejection)
            }
            if filling.sinceMs == nil { filling.sinceMs = context.clock.nowMs() }
        }
        for end in batch.ends { positions.reach(end.partition, end.offset) }
    }

    private func reject(_ record: LogRecord, _ rejection: Rejection) {
        let failure = Failure(rejection)
        filling.rejectedBytes += record.key.count + record.value.count
        filling.rejected.append(RejectedRecord(partition: record.partition, offset: record.offset, rejection: rejection))
        writer?.append(record, failure, nowMs: wallClockMs(), copying: true, to: &filling.letters)
        filling.report.rejected(failure, record)
        let number = positions.processed(record.partition)
        if let pause = judge(failure, record.partition, number, latest: number) { filling.report.pauses.append(pause) }
    }

    /// Holds the partition if too many of its records failed.
    private func judge(_ failure: Failure, _ partition: Int32, _ number: Int64, latest: Int64) -> PausedPartitions.Pause? {
        let pause = windows.add(failure, partition: partition, number: number, latest: latest, positions: positions)
        if pause != nil {
            positions.hold(partition)
            pauses.markStale()
        }
        return pause
    }

    /// Tells the consumer which partitions were paused or resumed since it was last told.
    private func settlePauses() throws(ETLError) {
        guard resyncReason == nil else { return }
        do {
            try pauses.settle(
                consumer, &positions, pending: filling.report.pauses + flying.report.pauses, registry: context.telemetry.paused,
                failures: &windows)
        } catch {
            try consumerFailed(error)
        }
    }

    private var hasBatch: Bool { sink.rows > 0 || !filling.rejected.isEmpty }
    private var isDue: Bool {
        guard let since = filling.sinceMs else { return false }
        return sink.rows + filling.rejected.count >= plan.batchRows || sink.bytes + filling.rejectedBytes >= context.batchBytes
            || context.clock.nowMs() - since >= Int64(plan.batchMs)
    }
    /// No answer for so long that it is worth waiting for, or for what is wrong.
    private var isOverdue: Bool { context.clock.nowMs() - flying.submittedMs >= min(Int64(plan.batchMs), 1000) }
    /// A poll's records are all appended before the buffer is looked at; small enough for large records not to pile up.
    private var pollRecordsMax: Int { Swift.max(1, Swift.min(2000, plan.batchRows - sink.rows)) }

    // MARK: Writing

    /// Everything that came is in Postgres, or a dead letter, and the group's offsets say so; or `resync` follows.
    private func flush() throws(ETLError) {
        try land()
        if resyncReason == nil, hasBatch {
            try submit()
            try land()
        }
        guard resyncReason == nil else { return }
        let moved = positions.uncommitted()
        if !moved.isEmpty { commitGroup(moved) }
    }

    /// Hands over what was gathered. Nothing may be on its way.
    private func submit() throws(ETLError) {
        guard resyncReason == nil else { return }
        swap(&filling, &flying)
        flying.moved = positions.uncommitted()
        // Where the group is yet to follow, Postgres may have it all.
        flying.offsets = flying.moved.filter { stored[$0.partition] != $0.offset }
            .map { SinkOffset(partition: $0.partition, expected: stored[$0.partition], next: $0.offset) }
        for partition in positions.assigned { flying.processed[partition] = positions.processed(partition) }
        flying.submittedNs = monotonicNs()
        flying.submittedMs = context.clock.nowMs()
        phases.lap(.process)
        do throws(SinkError) {
            try sink.submit(offsets: flying.offsets, rejected: flying.rejected)
            isFlying = true
        } catch {
            try sinkFailed(error)
        }
        phases.lap(.send)
    }

    /// Waits for what is on its way, if anything is: its rows are in, then its dead letters are sent with the group's offsets.
    private func land() throws(ETLError) {
        guard isFlying, resyncReason == nil else { return }
        isFlying = false
        do throws(SinkError) {
            phases.lap(.process)
            let refused = try sink.finish()
            phases.lap(.send)
            context.telemetry.commitSeconds.observe(nanoseconds: monotonicNs() &- flying.submittedNs)
            context.telemetry.sink?.succeeded(nowMs: context.clock.nowMs())
            refusals.reset()
            lostConsumers.reset()
            for offset in flying.offsets { stored[offset.partition] = offset.next }
            note(refused)
        } catch {
            try sinkFailed(error)
            return
        }
        if flying.letters.count > 0 {
            guard sendLetters(flying.moved) else { return }
        } else {
            followsSinceMs = followsSinceMs ?? context.clock.nowMs()
            if isTimeToFollow { commitGroup(flying.moved) }
        }
        flying.report.publish(stage: stage.name, topic: stage.from, context: context, repeats: positions.takeRepeats())
        windows.settle { flying.processed[$0] ?? positions.processed($0) }
        sink.release()
        flying.reset()
        context.show(positions)
        phases.lap(.commit)
    }

    /// Dead letters of the rows that the sink refused.
    private func note(_ refused: [RefusedRow]) {
        if refused.isEmpty { return }
        let batch = BatchOffsets(sink, flying.rejected)
        for row in refused {
            let record = sink.record(ofRow: row.row)
            let failure = Failure(row.rejected.rejection)
            writer?.append(record, failure, nowMs: wallClockMs(), copying: true, to: &flying.letters)
            flying.report.rejected(failure, record)
            flying.report.counts.written -= 1
            let latest = flying.processed[record.partition] ?? 0
            let number = batch.number(of: record, processed: latest)
            guard let pause = judge(failure, record.partition, number, latest: latest) else { continue }
            // It is known when all before its offset is in, and the next batch may have records of the partition already.
            if positions.processed(record.partition) > latest {
                filling.report.pauses.append(pause)
            } else {
                flying.report.pauses.append(pause)
            }
        }
    }

    func clearBuffers() {
        sink.reset()
        filling.reset()
        flying.reset()
        isFlying = false
    }

    /// A commit to brokers takes as long as loading a thousand rows, and nothing depends on it: twice a second is enough for those
    /// who look at the group's lag. In memory it takes nothing, and writers wait for the room it makes.
    private func followIfDue() {
        if resyncReason == nil, !hasBatch, !isFlying, isTimeToFollow { commitGroup(positions.uncommitted()) }
    }

    private var isTimeToFollow: Bool {
        guard let since = followsSinceMs else { return false }
        return context.log is MemoryLog || context.clock.nowMs() - since >= 500
    }

    /// The group's offset is a hint where no dead letters hang on it, so a failure to commit it is no failure. It waits, because a
    /// commit still on its way could come after the next transaction's and set the group back behind dead letters that were sent.
    private func commitGroup(_ offsets: [PartitionOffset]) {
        followsSinceMs = nil
        do {
            try consumer?.commit(offsets, wait: true)
            positions.markCommitted(offsets)
            context.telemetry.kafka.succeeded(nowMs: context.clock.nowMs())
        } catch {
            if error.isOfService { context.telemetry.kafka.failed(error.message, nowMs: context.clock.nowMs()) }
            followsSinceMs = context.clock.nowMs()
            context.emit(ClientFailed(member: stage.name, error: error, reaction: "the group's offset will be committed later"))
        }
    }

    /// Dead letters and the group's offsets in one transaction. False: it failed, and `resync` will send them.
    private func sendLetters(_ offsets: [PartitionOffset]) -> Bool {
        guard let producer, let consumer else { return false }
        do {
            try producer.begin()
            try producer.send(flying.letters)
            try producer.sendOffsets(offsets, of: consumer)
            var backoff = Backoff(context.plan.retry)
            // Not for ever: it can't poll here, and what `resync` then finds in the group says what became of it.
            let patienceEndsMs = context.clock.nowMs() + 60_000
            while true {
                do {
                    try producer.commit()
                    break
                } catch
                    where error.kind == .retriable && context.clock.nowMs() < patienceEndsMs
                    && backoff.attempts < (context.control.shouldStop ? 1 : 20)
                {
                    context.telemetry.kafka.failed(error.message, nowMs: context.clock.nowMs())
                    context.pause(ms: backoff.next())
                }
            }
            positions.markCommitted(offsets)
            context.telemetry.countTransaction(committed: true)
            context.telemetry.kafka.succeeded(nowMs: context.clock.nowMs())
            return true
        } catch {
            context.telemetry.countTransaction(committed: false)
            context.emit(ClientFailed(member: stage.name, error: error, reaction: "the dead letters will be sent again"))
            if error.kind == .configuration { callbackFailure = callbackFailure ?? ETLError(error) }
            if !abort(after: error) { closeProducer() }
            resyncReason = error.message
            return false
        }
    }

    func abort(after error: LogError) -> Bool {
        guard error.kind == .abortable || error.kind == .retriable, let producer else { return false }
        do {
            try producer.abort()
            return true
        } catch {
            return false
        }
    }

    private func sinkFailed(_ error: SinkError) throws(ETLError) {
        // Also where the run ends: positions are beyond what Postgres has, and leaving the group must not commit them.
        resyncReason = error.message
        switch error.kind {
        case .configuration: throw ETLError(.failed, code: error.code, error.message)
        case .service: context.telemetry.sink?.failed(error.message, nowMs: context.clock.nowMs())
        case .conflict, .fenced: break
        }
    }

    // MARK: Reading

    private func poll(waitMs: Int32) throws(ETLError) -> LogBatch {
        if let callbackFailure { throw callbackFailure }
        if let reason = resyncReason { try resync(reason) }
        do {
            guard let consumer else { throw LogError(.fatal, code: "log.closed", "the consumer of stage \(stage.name) is closed") }
            let batch = try consumer.poll(timeoutMs: waitMs, maxRecords: pollRecordsMax)
            noteArrival(batch)
            if let callbackFailure { throw callbackFailure }
            return batch
        } catch let error as LogError {
            try consumerFailed(error)
        } catch let error as ETLError {
            throw error
        } catch {}
        return LogBatch(records: UnsafeBufferPointer(start: nil, count: 0), ends: UnsafeBufferPointer(start: nil, count: 0))
    }

    /// The consumer isn't where it started any more.
    func noteArrival(_ batch: LogBatch) {
        if !started.isEmpty, !batch.records.isEmpty || !batch.ends.isEmpty { started.removeAll() }
    }

    func consumerFailed(_ error: LogError) throws(ETLError) {
        if error.kind == .configuration || error.kind == .offsetOutOfRange { throw ETLError(error) }
        context.emit(ClientFailed(member: stage.name, error: error, reaction: "a new consumer from Postgres' offsets"))
        if error.kind != .retriable {
            watch.leave(context)
            consumer?.close()
            consumer = nil
        }
        resyncReason = error.message
    }

    // MARK: Assignment

    package func assigned(_ partitions: [Int32], consumer: any LogConsumer) throws(LogError) -> [StartPosition] {
        context.emit(PartitionsChanged(stage: stage.name, topic: stage.from, change: .assigned, partitions: partitions))
        // `resync` will give up what is buffered; what is on its way is most likely written, and is counted.
        do { try land() } catch { callbackFailure = callbackFailure ?? error }
        // Postgres may be away: whatever starts here, `resync` comes right after, before any record is loaded. Asking Postgres
        // already now only spares it a seek.
        resyncReason = resyncReason ?? "partitions were assigned"
        let rows: [SinkPosition] = (try? sink.positions(of: partitions)) ?? []
        return partitions.map { (partition: Int32) -> StartPosition in
            positions.assign(partition, start: nil)
            let next = rows.first(where: { $0.partition == partition })?.nextOffset
            let start = next.map { StartPosition.offset($0) } ?? .earliest
            started[partition] = start
            return start
        }
    }

    package func revoking(_ partitions: [Int32], consumer: any LogConsumer) {
        do {
            try flush()
        } catch {
            callbackFailure = callbackFailure ?? error
        }
        giveUp(partitions, .revoked)
    }

    package func lost(_ partitions: [Int32], consumer: any LogConsumer) {
        giveUp(partitions, .lost)
        resyncReason = resyncReason ?? "partitions were lost"
    }

    private func giveUp(_ partitions: [Int32], _ change: PartitionsChanged.Change) {
        for partition in partitions {
            positions.revoke(partition)
            stored[partition] = nil
            started[partition] = nil
        }
        pauses.forget(partitions)
        context.show(positions)
        context.emit(PartitionsChanged(stage: stage.name, topic: stage.from, change: change, partitions: partitions))
    }

    // MARK: Clients

    /// Waits a little for a Postgres that is just starting; then whoever runs the process should know. False: asked to stop
    /// meanwhile.
    private func connectSink() throws(ETLError) -> Bool {
        var backoff = Backoff(context.plan.retry)
        let patienceEndsMs = context.clock.nowMs() + 10_000
        while true {
            do throws(SinkError) {
                try sink.connect()
                if context.log is MemoryLog {
                    // Before any other member looks, or it would start where an earlier process' log ended.
                    if context.thread == 0 { try sink.forgetPositions() }
                    if context.thread == 0 { context.control.markPrepared() }
                    while !context.control.isPrepared, !context.control.shouldStop { context.clock.wait(ms: 5) }
                }
                return true
            } catch {
                let isAway = error.kind != .configuration
                if isAway, context.control.shouldStop { return false }
                guard isAway, context.clock.nowMs() < patienceEndsMs else {
                    throw ETLError(isAway ? .unreachable : .failed, code: error.code, error.message)
                }
                let delay = backoff.next()
                if backoff.isNotable {
                    context.emit(
                        ServiceAway(
                            member: stage.name, service: "Postgres", reason: error.message, attempt: backoff.attempts,
                            retryInMs: delay))
                }
                context.clock.wait(ms: min(delay, 1000))
            }
        }
    }

    /// Makes what is missing of consumer and producer.
    func makeClients() throws(LogError) {
        if producer == nil {
            let made = try context.log.makeProducer(
                ProducerOptions(
                    topics: [deadTopic], transactionalId: context.transactionalId(stage.name),
                    memoryBytes: context.producerBytes / 4,
                    clientId: context.clientId(stage.name), isStopping: context.isStopping))
            producer = made
            writer = DeadLetterWriter(
                topology: context.plan.name, stage: stage.name, topic: stage.from, outputTopic: 0,
                outputPartitions: made.partitionCounts[0])
        }
        if consumer == nil {
            for partition in positions.assigned { positions.revoke(partition) }
            started.removeAll()
            consumer = try context.log.makeConsumer(
                ConsumerOptions(
                    topic: stage.from, group: context.plan.group(of: stage), listener: self, memoryBytes: context.consumerBytes,
                    patienceMs: Int32(clamping: min(plan.batchMs / 4, 50)), clientId: context.clientId(stage.name)))
        }
    }

    func closeProducer() {
        producer?.close()
        producer = nil
    }

    private func close() {
        watch.leave(context)
        consumer?.close()
        consumer = nil
        closeProducer()
        sink.disconnect()
    }
}

extension LoadMember where Sink: ~Copyable, Sink == PostgresSink {
    package convenience init(context: MemberContext, stage: StagePlan, sink plan: PostgresPlan) {
        // A log in memory starts at offset 0 with each process: its offsets are told apart from Kafka's, and
        // forgotten at the start.
        let group = context.plan.group(of: stage) + (context.log is MemoryLog ? " in memory" : "")
        self.init(context: context, stage: stage, plan: plan, sink: PostgresSink(plan: plan, group: group, topic: stage.from))
    }
}
