package import Log

/// One thread of a loader: a member of its consumer group that writes rows to Postgres.
///
/// Postgres holds the truth about how far a partition is loaded (`etl_offsets`); the group's offset only follows it, together
/// with the dead letters of the rows that were refused. Whatever goes wrong with a service has one answer, `resync`: what is
/// buffered is given up, positions are read from Postgres again, dead letters whose transaction a failure cut off are sent,
/// and the partitions are read again from there.
///
/// Generic over the sink, so that a record's way into Postgres has no existential.
package final class LoadMember<Sink: RowSink & ~Copyable>: AssignmentListener {
    let context: MemberContext
    let stage: StagePlan
    private let plan: PostgresPlan
    private var sink: Sink
    private let deadTopic: String
    private var consumer: (any LogConsumer)?
    private var producer: (any LogProducer)?
    private var writer: DeadLetterWriter?
    private var positions = Positions()
    /// Each partition's next offset as Postgres has it; none: no row of it was ever loaded.
    private var stored: [Int32: Int64] = [:]
    private var letters = OutputBatch()
    private var rejectedHere: [RejectedRecord] = []
    /// What the dead letters of those hold.
    private var rejectedBytes = 0
    private var pending = BatchReport()
    private var bufferedSinceMs: Int64?
    /// When Postgres first had what the group's offsets don't say yet; nil: they do.
    private var followsSinceMs: Int64?
    /// Set where a failure can't be dealt with on the spot; `resync` follows before anything else is polled.
    private var resyncReason: String?
    /// Whether too many of a partition's last records failed.
    private var windows: PartitionFailures
    private var pauses = ConsumerPauses()
    private var watch = GroupWatch()
    /// Of batches that failed one after the other although Postgres answered in between.
    private var refusals: Backoff
    private var phases: PhaseClock
    private var callbackFailure: ETLError?

    package init(context: MemberContext, stage: StagePlan, plan: PostgresPlan, sink: consuming Sink) {
        self.context = context
        self.stage = stage
        self.plan = plan
        self.sink = sink
        deadTopic = context.plan.deadLetterTopic(of: stage.name)
        windows = PartitionFailures(context.plan.deadLetter)
        refusals = Backoff(context.plan.retry)
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
            let batch = try poll(waitMs: end.isDraining ? 20 : 50)
            phases.lap(.poll)
            watch.look(at: consumer, foundRecords: !batch.records.isEmpty, context)
            if batch.records.isEmpty, !hasBatch, let sink = context.telemetry.sink, !sink.isClosed {
                sink.idle(nowMs: context.clock.nowMs())
            }
            try load(batch)
            let loadedNs = phases.lap(.process)
            if !batch.records.isEmpty { context.telemetry.batchSeconds.observe(nanoseconds: loadedNs) }
            if isDue { try flush(isLast: false) }
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
            pending.counts.received += 1
            switch sink.append(record) {
            case .accepted: pending.counts.written += 1
            case .rejected(let rejection): reject(record, rejection)
            }
            if bufferedSinceMs == nil { bufferedSinceMs = context.clock.nowMs() }
        }
        for end in batch.ends { positions.reach(end.partition, end.offset) }
    }

    private func reject(_ record: LogRecord, _ rejection: Rejection) {
        let failure = Failure(rejection)
        rejectedBytes += record.key.count + record.value.count
        rejectedHere.append(RejectedRecord(partition: record.partition, offset: record.offset, rejection: rejection))
        writer?.append(record, failure, nowMs: wallClockMs(), copying: true, to: &letters)
        pending.rejected(failure, record)
        judge(failure, record.partition, number: positions.processed(record.partition))
    }

    /// Holds the partition if too many of its records failed.
    private func judge(_ failure: Failure, _ partition: Int32, number: Int64) {
        if let pause = windows.add(failure, partition: partition, number: number, positions: positions) {
            positions.hold(partition)
            pauses.markStale()
            pending.pauses.append(pause)
        }
    }

    /// Tells the consumer which partitions were paused or resumed since it was last told.
    private func settlePauses() throws(ETLError) {
        guard resyncReason == nil else { return }
        do {
            try pauses.settle(
                consumer, &positions, pending: pending.pauses, registry: context.telemetry.paused, failures: &windows)
        } catch {
            try consumerFailed(error)
        }
    }

    private var hasBatch: Bool { sink.rows > 0 || !rejectedHere.isEmpty }
    private var isDue: Bool {
        guard let since = bufferedSinceMs else { return false }
        return sink.rows + rejectedHere.count >= plan.batchRows || sink.bytes + rejectedBytes >= Self.batchBytesMax
            || context.clock.nowMs() - since >= Int64(plan.batchMs)
    }
    private static var batchBytesMax: Int { 32 << 20 }
    /// A poll's records are all appended before the buffer is looked at; small enough for large records not to pile up.
    private var pollRecordsMax: Int { Swift.max(1, Swift.min(2000, plan.batchRows - sink.rows)) }

    // MARK: Writing

    /// Rows, then dead letters with the group's offsets. After this, nothing is buffered, whatever happened.
    /// - Parameter isLast: for now; the group's offsets follow at once.
    private func flush(isLast: Bool = true) throws(ETLError) {
        guard resyncReason == nil else { return }
        let moved = positions.uncommitted()
        if !hasBatch {
            if !moved.isEmpty { commitGroup(moved) }
            return
        }
        // Where the group is yet to follow, Postgres may have it all.
        let offsets = moved.filter { stored[$0.partition] != $0.offset }
            .map { SinkOffset(partition: $0.partition, expected: stored[$0.partition], next: $0.offset) }
        do throws(SinkError) {
            phases.lap(.process)
            let refused = try sink.flush(offsets: offsets, rejected: rejectedHere)
            context.telemetry.commitSeconds.observe(nanoseconds: phases.lap(.send))
            context.telemetry.sink?.succeeded(nowMs: context.clock.nowMs())
            refusals.reset()
            let batch = refused.isEmpty ? nil : BatchOffsets(sink, rejectedHere)
            for offset in offsets { stored[offset.partition] = offset.next }
            for row in refused {
                let record = sink.record(ofRow: row.row)
                let failure = Failure(row.rejected.rejection)
                writer?.append(record, failure, nowMs: wallClockMs(), copying: true, to: &letters)
                pending.rejected(failure, record)
                pending.counts.written -= 1
                judge(failure, record.partition, number: batch?.number(of: record, positions) ?? 0)
            }
        } catch {
            try sinkFailed(error)
            return
        }
        if letters.count > 0 {
            guard sendLetters(moved) else { return }
        } else if isLast {
            commitGroup(moved)
        } else {
            followsSinceMs = followsSinceMs ?? context.clock.nowMs()
        }
        pending.publish(stage: stage.name, topic: stage.from, context: context, repeats: positions.repeats)
        clearBuffers()
        windows.settle()
        context.show(positions)
        phases.lap(.commit)
    }

    private func clearBuffers() {
        sink.reset()
        letters.reset()
        rejectedHere.removeAll(keepingCapacity: true)
        rejectedBytes = 0
        pending.discard()
        bufferedSinceMs = nil
    }

    /// A commit to brokers takes as long as loading a thousand rows, and nothing depends on it: twice a second is enough for those
    /// who look at the group's lag. In memory it takes nothing, and writers wait for the room it makes.
    private func followIfDue() {
        guard let since = followsSinceMs, resyncReason == nil, !hasBatch else { return }
        guard context.log is MemoryLog || context.clock.nowMs() - since >= 500 else { return }
        commitGroup(positions.uncommitted())
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
            context.emit(ClientFailed(member: stage.name, error: error, reaction: "the group's offset will be committed later"))
        }
    }

    /// Dead letters and the group's offsets in one transaction. False: it failed, and `resync` will send them.
    private func sendLetters(_ offsets: [PartitionOffset]) -> Bool {
        guard let producer, let consumer else { return false }
        do {
            try producer.begin()
            try producer.send(letters)
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

    private func abort(after error: LogError) -> Bool {
        guard error.kind == .abortable || error.kind == .retriable, let producer else { return false }
        do {
            try producer.abort()
            return true
        } catch {
            return false
        }
    }

    private func sinkFailed(_ error: SinkError) throws(ETLError) {
        switch error.kind {
        case .configuration: throw ETLError(.failed, code: error.code, error.message)
        case .service:
            context.telemetry.sink?.failed(error.message, nowMs: context.clock.nowMs())
            resyncReason = error.message
        case .conflict, .fenced: resyncReason = error.message
        }
    }

    // MARK: Reading

    private func poll(waitMs: Int32) throws(ETLError) -> LogBatch {
        if let callbackFailure { throw callbackFailure }
        if let reason = resyncReason { try resync(reason) }
        do {
            guard let consumer else { throw LogError(.fatal, code: "log.closed", "the consumer of stage \(stage.name) is closed") }
            let batch = try consumer.poll(timeoutMs: waitMs, maxRecords: pollRecordsMax)
            if let callbackFailure { throw callbackFailure }
            return batch
        } catch let error as LogError {
            try consumerFailed(error)
        } catch let error as ETLError {
            throw error
        } catch {}
        return LogBatch(records: UnsafeBufferPointer(start: nil, count: 0), ends: UnsafeBufferPointer(start: nil, count: 0))
    }

    private func consumerFailed(_ error: LogError) throws(ETLError) {
        if error.kind == .configuration || error.kind == .offsetOutOfRange { throw ETLError(error) }
        context.emit(ClientFailed(member: stage.name, error: error, reaction: "a new consumer from Postgres' offsets"))
        if error.kind != .retriable {
            watch.leave(context)
            consumer?.close()
            consumer = nil
        }
        resyncReason = error.message
    }

    /// Gives up what is buffered and starts again from Postgres. Keeps polling meanwhile, so that membership goes on.
    private func resync(_ reason: String) throws(ETLError) {
        var backoff = Backoff(context.plan.retry)
        var reason = reason
        // Postgres answers, but takes no batch (its disk is full): not over and over without a pause.
        if (context.telemetry.sink?.failures ?? 0) > 1 {
            clearBuffers()
            try wait(for: context.telemetry.sink, ms: refusals.next())
        }
        while true {
            clearBuffers()
            windows.forgetAll()
            var away = context.telemetry.sink
            // Stays set until all is in place: positions are still beyond what Postgres has, and a rebalance or the end of the
            // process, which come in between, must not commit them to the group.
            resyncReason = reason
            do {
                try makeClients()
                let partitions = positions.assigned
                try consumer?.pause(partitions)
                if !sink.isConnected { try sink.connect() }
                try seekToStored(partitions)
                for service in context.telemetry.services { service.answered() }
                let held = positions.held
                try consumer?.resume(partitions.filter { !held.contains($0) })
                pauses.forget()
                pauses.markStale()
                resyncReason = nil
                context.show(positions)
                break
            } catch let failure as SinkError {
                if failure.kind == .configuration { throw ETLError(.failed, code: failure.code, failure.message) }
                if failure.kind == .service { away?.failed(failure.message, nowMs: context.clock.nowMs()) }
                reason = failure.message
            } catch let failure as LogError {
                if failure.kind == .configuration || failure.kind == .offsetOutOfRange { throw ETLError(failure) }
                if failure.kind != .retriable { closeProducer() }
                away = context.telemetry.kafka
                if failure.kind == .retriable { away?.failed(failure.message, nowMs: context.clock.nowMs()) }
                reason = failure.message
            } catch let failure as ETLError {
                throw failure
            } catch {
                reason = "\(error)"
            }
            if context.control.shouldStop && backoff.attempts >= 3 {
                throw ETLError(
                    .unreachable, code: "load.unreachable",
                    "\(reason); asked to stop, so given up. Nothing is lost: what wasn't committed is read again")
            }
            let delay = backoff.next()
            if backoff.isNotable {
                context.emit(
                    ServiceAway(
                        member: stage.name, service: "Postgres or Kafka", reason: reason, attempt: backoff.attempts,
                        retryInMs: delay))
            }
            try wait(for: away, ms: delay)
        }
        if backoff.attempts > 0 {
            context.emit(ServiceBack(member: stage.name, service: "Postgres and Kafka", attempts: backoff.attempts))
        }
    }

    /// Waits before a service is tried again, longer once its circuit is open.
    private func wait(for service: Service?, ms: Int64) throws(ETLError) {
        var ms = ms
        repeat {
            try keepMembership(ms: ms)
            guard !context.control.shouldStop, let service,
                case .wait(let left) = service.permit(nowMs: context.clock.nowMs())
            else { return }
            ms = min(left, 1000)
        } while true
    }

    /// Waits, polling: what comes is dropped, since all is read again from where Postgres stands, but the group sees
    /// a living member.
    private func keepMembership(ms: Int64) throws(ETLError) {
        let end = context.clock.nowMs() + max(ms, 1)
        repeat {
            guard let consumer else { return context.pause(ms: end - context.clock.nowMs()) }
            do {
                _ = try consumer.poll(timeoutMs: Int32(clamping: min(max(end - context.clock.nowMs(), 1), 100)), maxRecords: 1)
            } catch {
                try consumerFailed(error)
                context.pause(ms: end - context.clock.nowMs())
            }
            if let callbackFailure { throw callbackFailure }
        } while context.clock.nowMs() < end && !context.control.shouldStop
    }

    private func seekToStored(_ partitions: [Int32]) throws {
        guard !partitions.isEmpty, let consumer else { return }
        let starts = try starts(of: partitions, consumer)
        var targets: [PartitionOffset] = []
        for (partition, start) in zip(partitions, starts) {
            positions.assign(partition, start: start)
            if context.telemetry.paused.holds(partition, at: start) { positions.hold(partition) }
            if let start { targets.append(PartitionOffset(partition: partition, offset: start)) }
        }
        let unknown = zip(partitions, starts).filter { $0.1 == nil }.map(\.0)
        if !unknown.isEmpty {
            let ranges = try context.log.offsets(topic: stage.from)
            targets += ranges.filter { unknown.contains($0.partition) }.map {
                PartitionOffset(partition: $0.partition, offset: $0.first)
            }
        }
        try consumer.seek(targets)
    }

    /// Where each partition goes on: Postgres' offset, else the group's, else nil (the beginning). Sends the dead letters of a
    /// batch that Postgres has and whose Kafka transaction never happened, which a group offset behind Postgres' gives away.
    private func starts(of partitions: [Int32], _ consumer: any LogConsumer) throws -> [Int64?] {
        let rows = try sink.positions(of: partitions)
        let committed = try consumer.committed(partitions)
        var starts: [Int64?] = []
        var behind: [PartitionOffset] = []
        for (index, partition) in partitions.enumerated() {
            let group = committed[index]
            let row = rows.first { $0.partition == partition }
            guard let row, let next = row.nextOffset else {
                stored[partition] = nil
                starts.append(group)
                continue
            }
            stored[partition] = next
            starts.append(next)
            guard (group ?? 0) < next else { continue }
            if row.rejected.isEmpty {
                behind.append(PartitionOffset(partition: partition, offset: next))
            } else {
                try repeatLetters(partition, row.rejected, next: next, consumer)
            }
        }
        if !behind.isEmpty { try consumer.commit(behind, wait: true) }
        return starts
    }

    private func repeatLetters(_ partition: Int32, _ rejected: [RejectedRecord], next: Int64, _ consumer: any LogConsumer) throws {
        let wanted = Dictionary(rejected.map { ($0.offset, Failure($0.rejection)) }, uniquingKeysWith: { first, _ in first })
        guard let first = wanted.keys.min(), let last = wanted.keys.max(), let producer, let writer else { return }
        let reader = try context.log.makeReader(topic: stage.from)
        defer { reader.close() }
        letters.reset()
        defer { letters.reset() }
        var found = 0
        try reader.read(partition: partition, from: first, to: last + 1) { record in
            guard let failure = wanted[record.offset] else { return true }
            writer.append(record, failure, nowMs: wallClockMs(), copying: true, to: &letters)
            found += 1
            return true
        }
        guard found == wanted.count else {
            let gone =
                "\(wanted.count - found) rejected records of topic \(stage.from), partition \(partition), "
                + "offsets \(first) to \(last)"
            throw ETLError(
                .failed, code: "load.dead_letter_gone",
                gone + " are no longer in the topic, so their dead letters can't be written; "
                    + "look them up in etl_offsets, then set its rejected column to '{}'")
        }
        do {
            try producer.begin()
            try producer.send(letters)
            try producer.sendOffsets([PartitionOffset(partition: partition, offset: next)], of: consumer)
            try producer.commit()
        } catch {
            if !abort(after: error) { closeProducer() }
            throw error
        }
        context.emit(DeadLettersRepeated(stage: stage.name, topic: stage.from, partition: partition, count: found))
    }

    // MARK: Assignment

    package func assigned(_ partitions: [Int32], consumer: any LogConsumer) throws(LogError) -> [StartPosition] {
        context.emit(PartitionsChanged(stage: stage.name, topic: stage.from, change: .assigned, partitions: partitions))
        // Postgres may be away, and a transaction isn't for a callback: whatever starts here, `resync` comes right after, before
        // any record is loaded. Asking Postgres already now only keeps the client from fetching what nobody needs.
        for partition in partitions { positions.assign(partition, start: nil) }
        resyncReason = resyncReason ?? "partitions were assigned"
        let rows: [SinkPosition] = (try? sink.positions(of: partitions)) ?? []
        return partitions.map { (partition: Int32) -> StartPosition in
            guard let next = rows.first(where: { $0.partition == partition })?.nextOffset else { return .earliest }
            return .offset(next)
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
    private func makeClients() throws(LogError) {
        if producer == nil {
            let made = try context.log.makeProducer(
                ProducerOptions(
                    topics: [deadTopic], transactionalId: context.transactionalId(stage.name),
                    memoryBytes: context.producerBytes / 4,
                    clientId: context.clientId(stage.name)))
            producer = made
            writer = DeadLetterWriter(
                topology: context.plan.name, stage: stage.name, topic: stage.from, outputTopic: 0,
                outputPartitions: made.partitionCounts[0])
        }
        if consumer == nil {
            for partition in positions.assigned { positions.revoke(partition) }
            consumer = try context.log.makeConsumer(
                ConsumerOptions(
                    topic: stage.from, group: context.plan.group(of: stage), listener: self, memoryBytes: context.consumerBytes,
                    patienceMs: Int32(clamping: min(plan.batchMs / 4, 50)), clientId: context.clientId(stage.name)))
        }
    }

    private func closeProducer() {
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
