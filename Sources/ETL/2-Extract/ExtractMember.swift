internal import Bytes
internal import Log

/// Runs an extractor: reads its files, writes each row as a record, and keeps its place in the checkpoint topic, in the same
/// transaction as the rows. One thread; one process, since making the producer fences an earlier one.
package final class ExtractMember {
    private let context: MemberContext
    private let extractor: ExtractorPlan
    private let checkpointTopic: String
    private var producer: (any LogProducer)?
    private var program: StageProgram?
    private var letters: DeadLetterWriter?
    private var source: CSVSource?
    private var batch = CSVBatch()
    private var rowMemory = Arena(chunkBytes: 1 << 20, retainedBytes: 16 << 20)
    private var outputs = OutputBatch()
    private var pending = Counters.Batch()
    private var rejected: [RowsRejected] = []
    /// Of transactions that failed one after the other.
    private var failures: Backoff

    /// Topics in the order the producer knows them.
    private static let dataTopic: Int32 = 0
    private static let deadTopic: Int32 = 1
    private static let checkpointTopicIndex: Int32 = 2

    package init(context: MemberContext, extractor: ExtractorPlan) {
        self.context = context
        self.extractor = extractor
        checkpointTopic = context.plan.checkpointTopic
        failures = Backoff(context.plan.retry)
    }

    /// Runs until the files are read (or, with `follow`, until asked to stop). Throws what somebody must mend first.
    package func run(follow: Bool = false) throws(ETLError) {
        try start()
        defer { producer?.close() }
        context.emit(MemberStarted(role: "extractor", member: extractor.name, detail: "\(extractor.csv.path) to \(extractor.to)"))
        while !context.control.shouldStop {
            do throws(LogError) {
                let isMore = try writeTransaction()
                if isMore { continue }
                guard follow else { break }
                context.pause(ms: 500)
                source = try openSource()
            } catch {
                try recover(from: error)
            }
        }
        context.emit(MemberStopped(role: "extractor", member: extractor.name, records: context.counters.now.received))
    }

    // MARK: One transaction

    /// Rows for about one commit interval, with the checkpoint behind them. False: there are no more rows.
    private func writeTransaction() throws(LogError) -> Bool {
        guard let producer else {
            throw LogError(.fatal, code: "log.closed", "the producer of extractor \(extractor.name) is closed")
        }
        let startedMs = context.clock.nowMs()
        var isOpen = false
        var isMore = true
        while !context.control.shouldStop {
            isMore = try readBatch()
            guard isMore else { break }
            if !isOpen { try producer.begin() }
            isOpen = true
            try writeRows(producer)
            if context.clock.nowMs() - startedMs >= Int64(max(context.plan.commitIntervalMs, 10)) || producer.shouldCommit { break }
        }
        guard isOpen else { return isMore }
        try commit(producer)
        return isMore
    }

    private func readBatch() throws(LogError) -> Bool {
        rowMemory.reset()
        do throws(CSVError) {
            let found = try source?.next(into: &batch, arena: &rowMemory, maxRows: 5000, maxBytes: 4 << 20) ?? false
            if found, let checkpoint = try source?.checkpoint() { reached[checkpoint.file] = checkpoint }
            return found
        } catch {
            throw LogError(.configuration, code: error.code, error.message)
        }
    }
    /// Where the rows of the open transaction end, in each file they are from: small files share one.
    private var reached: [String: CSVCheckpoint] = [:]
    /// What the topic has, known without asking: right after a commit a reader may not see it yet.
    private var committed: [String: CSVCheckpoint] = [:]

    private func writeRows(_ producer: any LogProducer) throws(LogError) {
        let nowMs = wallClockMs()
        let inputPartitions = Int64(max(producer.partitionCounts[Int(Self.dataTopic)], 1))
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        for row in batch.rows {
            let partition = Int32(truncatingIfNeeded: (row.row - 1) % inputPartitions)
            let record = LogRecord(
                key: none, value: row.json, headers: UnsafeBufferPointer(start: nil, count: 0), partition: partition,
                offset: row.row, timestamp: nowMs)
            pending.received += 1
            switch program?.run(record, into: &outputs) {
            case .out: pending.written += 1
            case .dead: reject(row, nowMs)
            case .dropped, nil: break  // The key's expression drops nothing.
            }
        }
        for row in batch.badRows {
            pending.received += 1
            guard extractor.csv.onBadRow == .deadLetter else {
                throw LogError(
                    .configuration, code: row.code.rawValue,
                    "\(row.file):\(row.line): row \(row.row): \(row.message); "
                        + "mend the row, or write 'on_bad_row: dead_letter' to go on without it"
                )
            }
            letters?.append(
                row: row.raw, file: row.file, number: row.row, code: row.code.rawValue, message: row.message, nowMs: nowMs,
                to: &outputs)
            note(row.file, row.row, row.code.rawValue, row.message)
        }
        defer { outputs.reset() }
        try producer.send(outputs)
    }

    /// The key can't be computed: the row as JSON is the dead letter.
    @inline(never)
    private func reject(_ row: CSVRow, _ nowMs: Int64) {
        guard let failure = program?.failure else { return }
        letters?.append(
            row: row.json, file: batch.file, number: row.row, code: failure.code.rawValue, message: failure.message, nowMs: nowMs,
            to: &outputs)
        note(batch.file, row.row, failure.code.rawValue, failure.message)
    }

    private func note(_ file: String, _ row: Int64, _ code: String, _ reason: String) {
        pending.dead += 1
        if let same = rejected.firstIndex(where: { $0.code == code && $0.file == file }) {
            rejected[same].count += 1
        } else {
            rejected.append(RowsRejected(extractor: extractor.name, file: file, row: row, code: code, reason: reason, count: 1))
        }
    }

    private func commit(_ producer: any LogProducer) throws(LogError) {
        for checkpoint in reached.values {
            let key = outputs.arena.copy("\(extractor.name):\(checkpoint.file)")
            outputs.append(
                OutputRecord(
                    key: key, value: outputs.arena.copy(checkpoint.text), headers: UnsafeBufferPointer(start: nil, count: 0),
                    topic: Self.checkpointTopicIndex, partition: 0))
        }
        defer { outputs.reset() }
        try producer.send(outputs)
        var backoff = Backoff(context.plan.retry)
        while true {
            do {
                try producer.commit()
                break
            } catch {
                // Asked to stop, it goes without knowing: the next start asks the broker what became of it.
                guard error.kind == .retriable, !context.control.shouldStop || backoff.attempts < 3 else { throw error }
                context.telemetry.kafka.failed(error.message, nowMs: context.clock.nowMs())
                awaitKafka(ms: backoff.next())
            }
        }
        context.telemetry.kafka.succeeded(nowMs: context.clock.nowMs())
        context.telemetry.countTransaction(committed: true)
        committed.merge(reached) { _, new in new }
        reached = [:]
        failures.reset()
        context.counters.add(pending)
        for event in rejected {
            context.emit(event)
            context.counters.add(
                Counters.Rejection(
                    code: event.code, step: "csv", reason: event.reason, place: "\(event.file), row \(event.row)",
                    count: event.count))
        }
        pending = Counters.Batch()
        rejected.removeAll(keepingCapacity: true)
    }

    // MARK: Start and recovery

    private func start() throws(ETLError) {
        do {
            try open()
        } catch {
            throw ETLError(error)
        }
    }

    private func open() throws(LogError) {
        let made = try context.log.makeProducer(
            ProducerOptions(
                topics: [extractor.to, context.plan.deadLetterTopic(of: extractor.name), checkpointTopic],
                // Without instance: two processes on the same files would write every row twice, so the later one ends the earlier.
                transactionalId: "etl.\(context.plan.name).\(extractor.name)", memoryBytes: context.producerBytes,
                clientId: context.clientId(extractor.name), isStopping: context.isStopping))
        producer = made
        let counts = made.partitionCounts
        letters = DeadLetterWriter(
            topology: context.plan.name, stage: extractor.name, topic: extractor.csv.path, outputTopic: Self.deadTopic,
            outputPartitions: counts[Int(Self.deadTopic)])
        if program == nil {
            do {
                program = try StageProgram.compile(
                    stage: extractor.keyStage ?? extractor.emptyStage, lookups: LookupTables(),
                    inputPartitions: counts[Int(Self.dataTopic)], outputPartitions: counts[Int(Self.dataTopic)])
            } catch {
                throw LogError(
                    .configuration, code: "topology.invalid",
                    error.problems.map { "\($0.position): \($0.message)" }.joined(separator: "; "))
            }
        }
        // The new producer has ended what an earlier one left open, so that the topic's end is final now.
        let stored = try readCheckpoints()
        committed = Dictionary(stored.map { ($0.file, $0) }) { _, last in last }
        source = try openSource()
    }

    /// The files from where the last committed transaction ended.
    private func openSource() throws(LogError) -> CSVSource {
        do throws(CSVError) {
            var source = try CSVSource(extractor.csv)
            source.resume(from: Array(committed.values))
            reached = [:]
            return source
        } catch {
            throw LogError(.configuration, code: error.code, error.message)
        }
    }

    /// The checkpoint topic's ends, once everything written so far can be read. The topic is shared: an open transaction that
    /// another extractor's crash left hides what was committed behind it, ours too, until the broker ends it.
    private func settledCheckpoints() throws(LogError) -> [PartitionRange] {
        let written = try context.log.writtenOffsets(topic: checkpointTopic)
        let deadlineMs = context.clock.nowMs() + 30_000
        while true {
            let ranges = try context.log.offsets(topic: checkpointTopic)
            if zip(written, ranges).allSatisfy({ $1.end >= $0.end }) { return ranges }
            guard context.clock.nowMs() < deadlineMs, !context.control.shouldStop else {
                throw LogError(
                    .retriable, code: "extract.checkpoints_pending",
                    "topic \(checkpointTopic) has an open transaction, which hides what follows until it times out"
                )
            }
            context.clock.wait(ms: 100)
        }
    }

    private func readCheckpoints() throws(LogError) -> [CSVCheckpoint] {
        let reader = try context.log.makeReader(topic: checkpointTopic)
        defer { reader.close() }
        let prefix = Array("\(extractor.name):".utf8)
        var stored: [CSVCheckpoint] = []
        var failure: CSVError?
        for range in try settledCheckpoints() {
            try reader.readAll(partition: range.partition, from: range.first, to: range.end) { record in
                guard record.key.starts(with: prefix), record.value.baseAddress != nil else { return true }
                do throws(CSVError) { stored.append(try CSVCheckpoint.parse(record.value)) } catch { failure = error }
                return failure == nil
            }
        }
        if let failure { throw LogError(.configuration, code: failure.code, "topic \(checkpointTopic): \(failure.message)") }
        if let last = stored.last, source == nil {
            context.emit(Resumed(extractor: extractor.name, detail: "\(last.file), row \(last.row)"))
        }
        return stored
    }

    /// Back to the last checkpoint: what the failed transaction held is read from the files again.
    private func recover(from error: LogError) throws(ETLError) {
        var error = error
        var backoff = Backoff(context.plan.retry)
        // The first is mended at once; what fails again and again must not keep the broker busy.
        let delay = failures.next()
        if failures.attempts > 1 { context.pause(ms: delay) }
        while true {
            outputs.reset()
            pending = Counters.Batch()
            rejected.removeAll()
            if error.kind == .configuration || error.kind == .offsetOutOfRange { throw ETLError(error) }
            if error.isOfRecord, failures.attempts >= 5 { throw ETLError(error) }
            if error.kind == .fenced {
                throw ETLError(
                    .failed, code: "extract.fenced",
                    "extractor \(extractor.name) of \(context.plan.name) was started somewhere else, which takes over, "
                        + "or was held up for longer than a transaction may take; if there is no other, start it again, "
                        + "it goes on from its checkpoint: \(error.message)"
                )
            }
            if context.control.shouldStop, error.kind != .abortable || backoff.attempts > 0 { throw ETLError(error) }
            context.emit(ClientFailed(member: extractor.name, error: error, reaction: "going on from the last checkpoint"))
            do {
                if error.kind == .abortable || error.kind == .retriable, let producer, backoff.attempts == 0 {
                    try producer.abort()
                    source = try openSource()
                } else {
                    producer?.close()
                    producer = nil
                    try open()
                }
                return
            } catch let next {
                error = next
                if next.kind == .retriable { context.telemetry.kafka.failed(next.message, nowMs: context.clock.nowMs()) }
                awaitKafka(ms: backoff.next())
            }
        }
    }

    /// Waits before Kafka is tried again, longer once its circuit is open.
    private func awaitKafka(ms: Int64) {
        context.pause(ms: ms)
        while !context.control.shouldStop, case .wait(let left) = context.telemetry.kafka.permit(nowMs: context.clock.nowMs()) {
            context.pause(ms: min(left, 1000))
        }
    }
}

extension ExtractorPlan {
    /// The key's expression as a stage of one step, so that keys have one meaning everywhere; nil: records have no key.
    var keyStage: StagePlan? {
        guard let key else { return nil }
        var stage = emptyStage
        stage.steps = [StepPlan(name: "key", kind: .rekey(key), position: key.position)]
        return stage
    }

    var emptyStage: StagePlan {
        StagePlan(name: name, from: csv.path, threads: 1, delivery: .exactlyOnce, steps: [], ending: .topic(to), position: position)
    }
}
