package import Log

/// One thread of a stage that writes a topic: a member of the stage's consumer group with its own consumer, producer and
/// program. It shares nothing with other threads but counters and the request to stop.
///
/// Records go poll → steps → send → commit; `run` is that loop. How a commit is made is in `StageMember+Transaction.swift`
/// (exactly once) and `StageMember+Acknowledged.swift` (at least once).
package final class StageMember: AssignmentListener {
    let context: MemberContext
    let stage: StagePlan
    private let lookups: LookupTables
    var clients: Clients?
    var machine: TransactionMachine
    var acknowledged = AcknowledgedOffsets()
    var positions = Positions()
    var outputs = OutputBatch()
    private var work: StageWork?
    /// Counted and logged when it is committed: what is aborted never happened.
    var pending = BatchReport()
    /// The offsets sent to the open transaction.
    var inTransaction: [PartitionOffset] = []
    var lastCommitMs: Int64 = 0
    /// At least once: of what may still wait for company before it is sent; 0: nothing does.
    var flushesTried: Int32 = 0
    /// In a rebalance callback the consumer can't be closed or moved.
    var isInCallback = false
    /// What at least once has to recover from once polling has returned.
    var putOff: LogError?
    /// What a callback could not throw.
    var callbackFailure: ETLError?
    /// Since the last commit, of what had to be undone.
    var failures: Backoff
    var pauses = ConsumerPauses()
    private var watch = GroupWatch()
    /// Whether too many of a partition's last records failed.
    var windows: PartitionFailures
    var lastPollMs: Int64 = 0
    /// What a poll threw that was made only to stay in the group.
    var pollError: LogError?
    var phases: PhaseClock
    var commitStartedNs: UInt64 = 0

    struct Clients {
        let consumer: any LogConsumer
        let producer: any LogProducer
    }

    package init(context: MemberContext, stage: StagePlan, lookups: LookupTables) {
        self.context = context
        self.stage = stage
        self.lookups = lookups
        machine = TransactionMachine(commitIntervalMs: Int64(context.plan.commitIntervalMs))
        failures = Backoff(context.plan.retry)
        phases = PhaseClock(context.telemetry)
        windows = PartitionFailures(context.plan.deadLetter)
    }

    /// Runs until asked to stop or, when draining, until the group has reached the end. Throws what somebody must mend first.
    package func run() throws(ETLError) {
        try connect()
        defer { close() }
        context.emit(
            MemberStarted(role: "stage", member: stage.name, detail: "\(stage.from) to \(outputTopic), \(stage.delivery.rawValue)"))
        var end = DrainCheck(topic: stage.from, group: context.plan.group(of: stage))
        while !context.control.shouldStop {
            let batch = try poll(waitMs: end.isDraining ? min(20, pollTimeoutMs) : pollTimeoutMs)
            phases.lap(.poll)
            if try process(batch) { try commitIfDue() }
            try settlePauses()
            phases.lap(.commit)
            if end.isReached(context, positions, quiet: batch.records.isEmpty) {
                try commitNow()
                try end.requireNotPaused(context, positions)
                if end.groupHasReached(context) { break }
            }
        }
        try commitNow()
        context.emit(MemberStopped(role: "stage", member: stage.name, records: context.counters.now.received))
    }

    /// Runs the steps over a batch and sends what they gave. False: it failed, and everything since the last commit was undone.
    private func process(_ batch: LogBatch) throws(ETLError) -> Bool {
        guard !batch.records.isEmpty || !batch.ends.isEmpty else {
            try sendRest()
            return true
        }
        // Positions move first, so that a transaction that can't begin is undone by going back like any other.
        work?.run(batch.records, positions: &positions, outputs: &outputs, report: &pending, windows: &windows)
        if !pending.pauses.isEmpty { pauses.markStale() }
        for end in batch.ends { positions.reach(end.partition, end.offset) }
        defer { outputs.reset() }
        let processedNs = phases.lap(.process)
        guard try beginIfNeeded(), let clients else { return false }
        do {
            if outputs.count > 0 { try clients.producer.send(outputs) }
        } catch {
            try failed(error)
            return false
        }
        if !isTransactional { try noteSent(isCaughtUp: batch.records.count < Self.smallBatch) }
        let sentNs = phases.lap(.send)
        if !batch.records.isEmpty { context.telemetry.batchSeconds.observe(nanoseconds: processedNs + sentNs) }
        return true
    }

    private func poll(waitMs: Int32) throws(ETLError) -> LogBatch {
        let nothing = LogBatch(records: UnsafeBufferPointer(start: nil, count: 0), ends: UnsafeBufferPointer(start: nil, count: 0))
        do {
            if let error = pollError {
                pollError = nil
                throw error
            }
            lastPollMs = context.clock.nowMs()
            let batch = try clients?.consumer.poll(timeoutMs: waitMs, maxRecords: 5000) ?? nothing
            if let callbackFailure { throw callbackFailure }
            watch.look(at: clients?.consumer, foundRecords: !batch.records.isEmpty, context)
            guard mustRecover else { return batch }
            positions.pass(batch)
            try recoverAfterCallback()
            return nothing
        } catch let error as LogError {
            // It was final. Whatever the poll says besides, nothing would ever come of another.
            if let callbackFailure { throw callbackFailure }
            try failed(error)
            return nothing
        } catch let error as ETLError {
            throw error
        } catch {
            return nothing
        }
    }

    /// What is written exactly once is seen at the next commit anyway.
    private var patienceMs: Int32 {
        stage.delivery == .exactlyOnce ? Int32(clamping: min(context.plan.commitIntervalMs / 4, 50)) : 0
    }

    /// Short enough that most of a transaction's records are with the brokers when it is committed. At least once a member flushes
    /// by itself, and what waits longer than this makes librdkafka's thread spin until the brokers have acknowledged something
    /// (see `KafkaProducer.awaitAcknowledgments`).
    private var lingerMs: Int32 {
        stage.delivery == .exactlyOnce ? Int32(clamping: min(context.plan.commitIntervalMs / 4, 20)) : 2000
    }

    /// Fewer records than this in a poll: the member keeps up with what is written.
    private static let smallBatch = 500

    /// Tells the consumer which partitions were paused or resumed since it was last told.
    private func settlePauses() throws(ETLError) {
        guard !mustRecover, let clients else { return }
        do {
            try pauses.settle(
                clients.consumer, &positions, pending: pending.pauses, registry: context.telemetry.paused, failures: &windows)
        } catch {
            try failed(error)
        }
    }

    /// Short enough that a commit is never late by much, nor a flush.
    private var pollTimeoutMs: Int32 {
        let commitMs = Int32(clamping: min(max(context.plan.commitIntervalMs / 2, 5), 100))
        return flushesTried > 0 ? min(1 << flushesTried, commitMs) : commitMs
    }

    // MARK: Assignment

    package func assigned(_ partitions: [Int32], consumer: any LogConsumer) throws(LogError) -> [StartPosition] {
        let committed = try consumer.committed(partitions)
        var starts: [StartPosition] = []
        for (partition, offset) in zip(partitions, committed) {
            positions.assign(partition, start: offset)
            windows.forget(partition)
            if context.telemetry.paused.holds(partition, at: offset) {
                positions.hold(partition)
                pauses.markStale()
            }
            starts.append(offset.map { .offset($0) } ?? .earliest)
        }
        context.show(positions)
        context.emit(PartitionsChanged(stage: stage.name, topic: stage.from, change: .assigned, partitions: partitions))
        return starts
    }

    package func revoking(_ partitions: [Int32], consumer: any LogConsumer) {
        commitBeforeRevocation()
        for partition in partitions { positions.revoke(partition) }
        pauses.forget(partitions)
        context.show(positions)
        context.emit(PartitionsChanged(stage: stage.name, topic: stage.from, change: .revoked, partitions: partitions))
    }

    package func lost(_ partitions: [Int32], consumer: any LogConsumer) {
        for partition in partitions { positions.revoke(partition) }
        pauses.forget(partitions)
        undoAfterLoss()
        context.show(positions)
        context.emit(PartitionsChanged(stage: stage.name, topic: stage.from, change: .lost, partitions: partitions))
    }

    // MARK: Clients

    var outputTopic: String {
        if case .topic(let name) = stage.ending { name } else { "" }
    }

    private func connect() throws(ETLError) {
        do {
            try makeClients()
        } catch {
            throw ETLError(error)
        }
    }

    func makeClients() throws(LogError) {
        let dead = context.plan.deadLetterTopic(of: stage.name)
        let topics = [outputTopic, dead]
        let described = try context.log.describe(topics: [stage.from])
        guard let input = described.first ?? nil else {
            throw LogError(
                .configuration, code: "log.topic_missing",
                "stage \(stage.name) reads topic \(stage.from), which doesn't exist; make it with 'etl topics create'")
        }
        let producer = try context.log.makeProducer(
            ProducerOptions(
                topics: topics, transactionalId: stage.delivery == .exactlyOnce ? context.transactionalId(stage.name) : nil,
                memoryBytes: context.producerBytes, patienceMs: lingerMs, clientId: context.clientId(stage.name),
                isStopping: context.isStopping))
        do {
            if work == nil {
                let program = try StageProgram.compile(
                    stage: stage, lookups: lookups, inputPartitions: input.partitions,
                    outputPartitions: producer.partitionCounts[0])
                let letters = DeadLetterWriter(
                    topology: context.plan.name, stage: stage.name, topic: stage.from, outputTopic: 1,
                    outputPartitions: producer.partitionCounts[1])
                work = StageWork(program: program, letters: letters)
            }
        } catch {
            producer.close()
            throw LogError(
                .configuration, code: "topology.invalid",
                error.problems.map { "\($0.position): \($0.message)" }.joined(separator: "; "))
        }
        do {
            let consumer = try context.log.makeConsumer(
                ConsumerOptions(
                    topic: stage.from, group: context.plan.group(of: stage), listener: self, memoryBytes: context.consumerBytes,
                    patienceMs: patienceMs, clientId: context.clientId(stage.name)))
            clients = Clients(consumer: consumer, producer: producer)
        } catch {
            producer.close()
            throw error
        }
    }

    /// Gives everything up and starts again from the last commit, with new clients; waits as long as the broker is away.
    func rebuildClients() throws(LogError) {
        close()
        for partition in positions.assigned { positions.revoke(partition) }
        acknowledged = AcknowledgedOffsets()
        flushesTried = 0
        pending.discard()
        pauses.forget()
        pollError = nil
        try makeClients()
    }

    private func close() {
        guard let clients else { return }
        self.clients = nil
        watch.leave(context)
        clients.consumer.close()
        clients.producer.close()
    }
}

/// What turns a batch of records into outputs: the thread's program, and where its failures go.
struct StageWork: ~Copyable {
    private var program: StageProgram
    private let letters: DeadLetterWriter

    init(program: consuming StageProgram, letters: DeadLetterWriter) {
        self.program = program
        self.letters = letters
    }

    // Hot path: per record.
    mutating func run(
        _ records: UnsafeBufferPointer<LogRecord>, positions: inout Positions, outputs: inout OutputBatch,
        report: inout BatchReport, windows: inout PartitionFailures
    ) {
        for record in records where positions.admit(record.partition, record.offset) {
            report.counts.received += 1
            switch program.run(record, into: &outputs) {
            case .out: report.counts.written += 1
            case .dropped: report.counts.dropped += 1
            case .dead: reject(record, &positions, &outputs, &report, &windows)
            }
        }
    }

    @inline(never)
    private mutating func reject(
        _ record: LogRecord, _ positions: inout Positions, _ outputs: inout OutputBatch, _ report: inout BatchReport,
        _ windows: inout PartitionFailures
    ) {
        let failure = Failure(program.failure)
        letters.append(record, failure, nowMs: wallClockMs(), copying: false, to: &outputs)
        report.rejected(failure, record)
        let number = positions.processed(record.partition)
        if let pause = windows.add(failure, partition: record.partition, number: number, positions: positions) {
            positions.hold(record.partition)
            report.pauses.append(pause)
        }
    }
}
