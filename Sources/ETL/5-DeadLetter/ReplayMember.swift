internal import Bytes
internal import Log

/// Replays or discards the dead letters of one topic: reads each pending one, sends it to where it came from (or to the parked
/// topic, or nowhere), and moves the group's position past it in the same transaction. One thread; one process, since making the
/// producer fences an earlier one, which is also why no group membership is needed and a killed run's successor waits for nobody.
///
/// A letter that isn't dealt with (`--where` isn't true of it, its topic is gone, it can't be mended) is written again at the end
/// of the topic it was read from, byte for byte and in the same transaction: so the position, one number a partition, always says
/// exactly what is pending, whatever was picked out. The run ends at the end it saw at its start, so it meets none of them twice.
/// With `--where` it goes no further in a partition than the last letter it is true of: what lies behind isn't touched.
package final class ReplayMember {
    private let context: MemberContext
    private let plan: ReplayPlan
    private let archive: DeadLetterArchive?
    private let report: (ReplaySummary) -> Void
    private let startedMs: Int64
    /// With `--rate`: when the next letter is due.
    private var dueMs: Double?

    private var producer: (any LogProducer)?
    private var reader: (any LogReader)?
    private var machine: TransactionMachine
    /// Since the last commit, of what had to be undone.
    private var failures: Backoff
    private var program: LetterProgram
    private var destinations: LetterDestinations
    private var chunk = LetterChunk()
    private var outputs = OutputBatch(capacity: 1024)
    private var spans: [PendingLetters.Span]?
    /// What comes next in each partition: as dealt with, and as committed.
    private var positions: [Int32: Int64] = [:]
    private var committed: [Int32: Int64] = [:]
    private var inTransaction: [PartitionOffset] = []
    /// Whether it was asked to be committed, so that it may be.
    private var isCommitAsked = false
    /// Committed, and since the last commit.
    package private(set) var summary = ReplaySummary()
    private var pending = ReplaySummary()
    private var pendingBytes = 0
    /// Records sent since the last commit, and how many of them are letters written again.
    private var sent = (all: 0, again: 0)
    private var begunMs: Int64 = 0
    /// Letters the brokers refuse for themselves (too large), and why.
    private var refused: [PartitionOffset] = []
    private var refusals: [LogError] = []
    /// After such a refusal: one letter in each transaction, until the culprit is found.
    private var isIsolating = false

    /// - Parameters:
    ///   - program: the plan's `--where` and `--set`.
    ///   - archive: where discarded letters are kept; needed to discard.
    ///   - report: called after each commit with what is done so far, on this thread.
    package init(
        context: MemberContext, plan: ReplayPlan, program: consuming LetterProgram, archive: DeadLetterArchive? = nil,
        report: @escaping (ReplaySummary) -> Void = { _ in }
    ) {
        self.context = context
        self.plan = plan
        self.archive = archive
        self.report = report
        startedMs = context.clock.nowMs()
        machine = TransactionMachine(commitIntervalMs: Int64(context.plan.commitIntervalMs))
        failures = Backoff(context.plan.retry)
        self.program = program
        destinations = LetterDestinations(plan)
    }

    /// Runs until every letter pending at its start is dealt with, `--limit` is reached or it is asked to stop. Throws what
    /// somebody must mend first; what was committed until then is in `summary`.
    package func run() throws(ETLError) -> ReplaySummary {
        defer {
            reader?.close()
            producer?.close()
        }
        do { try connect() } catch { throw ETLError(error) }
        // What had to be undone is dealt with again, in whatever partition it was.
        while !isDone, let span = spans?.first(where: { position($0.partition) < $0.to }) {
            do throws(LogError) {
                try dealWithChunk(of: span)
                if isDone || isFinished { try commit() }
            } catch {
                try failed(error)
            }
        }
        summary.elapsedMs = context.clock.nowMs() - startedMs
        return summary
    }

    private var isDone: Bool { context.control.shouldStop || isLimitReached }
    private var isLimitReached: Bool {
        plan.limit.map { summary.replayed + summary.discarded + pending.replayed + pending.discarded >= $0 } ?? false
    }
    /// Nothing is left to be dealt with.
    private var isFinished: Bool { spans?.allSatisfy { position($0.partition) >= $0.to } ?? true }
    private func position(_ partition: Int32) -> Int64 { positions[partition] ?? 0 }

    // MARK: Letters

    private func dealWithChunk(of span: PendingLetters.Span) throws(LogError) {
        let from = position(span.partition)
        if reader == nil { reader = try context.log.makeReader(topic: plan.topic) }
        guard let reader else { return }
        try chunk.fill(reader, span, from: from, most: isIsolating ? 500 : 5000)
        for index in 0..<chunk.records.count {
            let record = chunk.records[index]
            try waitForTurn()
            if isDone { return try send() }
            try beginIfNeeded()
            try dealWith(record)
            positions[span.partition] = record.offset + 1
            if outputs.count >= 500 || pendingBytes > 1 << 20 { try send() }
            if isIsolating || context.clock.nowMs() - begunMs >= machine.commitIntervalMs { try commit() }
        }
        // The outputs lead into the chunk, which is about to be filled anew.
        try send()
        // Markers behind the last record are passed like records, so that the lag reaches 0.
        if chunk.next > position(span.partition) {
            try beginIfNeeded()
            positions[span.partition] = chunk.next
            // The next letter has to stand alone.
            if isIsolating { try commit() }
        }
    }

    private func dealWith(_ record: LogRecord) throws(LogError) {
        let facts = LetterFacts(record)
        switch program.match(record, facts) {
        case .yes: break
        // Counted when the run started, see `narrow`.
        case .no, .failed: return writeAgain(record)
        }
        if let at = refused.firstIndex(of: PartitionOffset(partition: record.partition, offset: record.offset)) {
            return keep(record, reason(refusals[at], facts))
        }
        if plan.action == .discard {
            guard let archive else {
                throw LogError(.configuration, code: "archive.file", "no archive is open; nothing is discarded without one")
            }
            try archive.append(record, topic: plan.topic)
            pending.discarded += 1
            takeTurn()
            return
        }
        if let known = try destination(of: facts) {
            switch known {
            case .keep(let reason): keep(record, reason)
            case .park(let topic): park(record, to: topic)
            case .send(let topic, _): replay(record, facts, to: topic)
            }
        }
    }

    /// Why a letter stays that the brokers refused. Where it is for its topic, those that come for the same topic stay with it.
    private func reason(_ error: LogError, _ facts: LetterFacts) -> Kept {
        guard error.isDenied, let topic = facts.topic else { return .refused(error) }
        return destinations.close(topic, error)
    }

    /// Where the letter goes. A topic met for the first time takes a new producer, and so a commit first.
    private func destination(of facts: LetterFacts) throws(LogError) -> LetterDestinations.Route? {
        while true {
            switch destinations.route(facts) {
            case .known(let route): return route
            case .ask(let topic):
                guard try destinations.isThere(topic, context.log) else { continue }
                // What can fail comes before the name is among those that the producer knows.
                try commit()
                guard destinations.learn(topic) else { continue }
                producer?.close()
                producer = nil
                try makeProducer()
                do throws(LogError) {
                    try requirePosition()
                } catch {
                    // A producer that nobody knows the position for must not write: `connect` makes one and asks again.
                    producer?.close()
                    producer = nil
                    throw error
                }
                try beginIfNeeded()
            }
        }
    }

    /// Between two producers another run may have had its turn: then this one has been taken over from.
    private func requirePosition() throws(LogError) {
        let stored = try context.log.committedOffsets(group: plan.group, topic: plan.topic)
        for (partition, offset) in stored.enumerated() {
            guard let offset, offset > committed[Int32(partition)] ?? 0 else { continue }
            throw LogError(
                .fenced, code: "log.fenced", "group \(plan.group) was moved to offset \(offset) of partition \(partition) meanwhile"
            )
        }
    }

    private func replay(_ record: LogRecord, _ facts: LetterFacts, to topic: Int32) {
        do throws(Failure) {
            let repaired = try program.repair(record, facts, startsEmpty: plan.areRows, tells: false, into: &outputs.arena)
            let count = producer?.partitionCounts[Int(topic)] ?? 1
            outputs.append(
                OutputRecord(
                    key: record.key, value: repaired.value,
                    headers: ReplayedHeaders.make(record, facts, nowMs: wallClockMs(), in: &outputs.arena), topic: topic,
                    partition: facts.partition(ofRecord: record, in: destinations.names[Int(topic)], count: count)))
            pendingBytes += repaired.value.count
            pending.replayed += 1
            sent.all += 1
            takeTurn()
        } catch {
            keep(record, Kept(code: error.code, message: error.message))
        }
    }

    private func park(_ record: LogRecord, to topic: Int32) {
        write(record, to: topic)
        pending.parked += 1
    }

    private func keep(_ record: LogRecord, _ reason: Kept) {
        writeAgain(record)
        pending.keep(reason, "\(plan.topic)[\(record.partition)]@\(record.offset)")
    }

    /// At the end of the topic it was read from, as it is.
    private func writeAgain(_ record: LogRecord) {
        write(record, to: 0)
        sent.again += 1
    }

    private func write(_ record: LogRecord, to topic: Int32) {
        let count = producer?.partitionCounts[Int(topic)] ?? 1
        outputs.append(
            OutputRecord(
                key: record.key, value: record.value, headers: record.headers, topic: topic,
                partition: record.partition % max(count, 1)))
        pendingBytes += record.value.count
        sent.all += 1
    }

    /// With `--rate`: waits until the next record may go. Nobody waits for what was sent meanwhile. Of turns that went by unused,
    /// because letters were looked for or a broker was away, those of a second count: a rate is a maximum.
    private func waitForTurn() throws(LogError) {
        guard plan.rate != nil else { return }
        while !context.control.shouldStop {
            let now = context.clock.nowMs()
            let dueMs = max(dueMs ?? Double(now), Double(now - 1000))
            self.dueMs = dueMs
            guard dueMs > Double(now) else { return }
            if machine.isOpen, now - begunMs >= machine.commitIntervalMs { try commit() }
            context.clock.wait(ms: min(Int64((dueMs - Double(now)).rounded(.up)), 20))
        }
    }

    private func takeTurn() {
        if let rate = plan.rate, let dueMs { self.dueMs = dueMs + 1000 / rate }
    }

    // MARK: Transactions

    private func send() throws(LogError) {
        guard outputs.count > 0 else { return }
        try producer?.send(outputs)
        outputs.reset()
        pendingBytes = 0
    }

    private func beginIfNeeded() throws(LogError) {
        guard !machine.isOpen else { return }
        begunMs = context.clock.nowMs()
        try perform(machine.on(.work(nowMs: begunMs)))
    }

    private func commit() throws(LogError) {
        guard machine.isOpen else { return }
        try send()
        // What is discarded is safe on disk before the position passes it.
        try archive?.sync()
        try perform(machine.on(.drain))
    }

    /// Performs actions until the machine asks for none. What fails is thrown, for `failed` to feed back.
    private func perform(_ first: TransactionMachine.Action) throws(LogError) {
        var action = first
        while action != .nothing {
            let current = action
            try execute(current)
            if current == .begin { return }
            action = machine.on(.done)
        }
    }

    private func execute(_ action: TransactionMachine.Action) throws(LogError) {
        if action == .rebuild { return try connect() }
        guard let producer else { throw LogError(.fatal, code: "log.closed", "the producer of the replay is closed") }
        switch action {
        case .nothing, .stop, .rebuild: break
        case .begin: try producer.begin()
        case .sendOffsets:
            isCommitAsked = false
            inTransaction = positions.filter { $0.value > committed[$0.key] ?? 0 }
                .map { PartitionOffset(partition: $0.key, offset: $0.value) }.sorted { $0.partition < $1.partition }
            if !inTransaction.isEmpty { try producer.sendOffsets(inTransaction, group: plan.group, topic: plan.topic) }
        case .commit:
            isCommitAsked = true
            try producer.commit()
            failures.reset()
            for at in inTransaction { committed[at.partition] = at.offset }
            inTransaction = []
            summary.add(pending)
            pending = ReplaySummary()
            sent = (0, 0)
            summary.elapsedMs = context.clock.nowMs() - startedMs
            report(summary)
        case .abort: try producer.abort()
        case .rewind:
            inTransaction = []
            undo()
        }
    }

    private func undo() {
        positions = committed
        pending = ReplaySummary()
        outputs.reset()
        pendingBytes = 0
        sent = (0, 0)
    }

    /// Deals with an error: goes back to the last commit, with a new producer where it must. Throws what ends the run.
    private func failed(_ error: LogError) throws(ETLError) {
        var error = error
        var backoff = Backoff(context.plan.retry)
        while true {
            try throwFinal(error, attempts: backoff.attempts)
            // A record that is refused for itself: the transaction is at an end, the run isn't.
            let action = machine.on(.failed(error.isOfRecord || error.isDenied ? .abortable : error.kind))
            context.emit(ClientFailed(member: plan.group, error: error, reaction: "going on from the last commit"))
            do throws(LogError) {
                if action == .nothing { undo() } else { try perform(action) }
                return
            } catch let next {
                error = next
                context.pause(ms: backoff.next())
            }
        }
    }

    private func throwFinal(_ error: LogError, attempts: Int) throws(ETLError) {
        if error.kind == .fenced {
            throw ETLError(
                .failed, code: "replay.fenced",
                "another run over \(plan.topic) was started, which takes over, or this one was held up for longer than a "
                    + "transaction may take; if there is no other, start it again, it goes on where it was: \(error.message)")
        }
        if error.isOfRecord || error.isDenied, findCulprit(error) { return }
        if error.kind == .configuration || error.kind == .offsetOutOfRange { throw ETLError(error) }
        let delay = failures.next()
        // A person waits for it: what keeps failing is told rather than tried for ever. A broker that is away is waited for.
        if context.control.shouldStop && attempts > 2 || error.kind != .retriable && failures.attempts > 10 {
            throw ETLError(error)
        }
        if failures.attempts > 1 { context.pause(ms: delay) }
    }

    /// A record that the brokers refuse for itself, or for where it goes: first it is looked for, one record in each transaction,
    /// then it is a letter that is kept, or one that its own topic doesn't take any more: there the run ends in its partition.
    /// False: that isn't it.
    private func findCulprit(_ error: LogError) -> Bool {
        guard isIsolating else {
            isIsolating = true
            return true
        }
        let held = positions.filter { $0.value > committed[$0.key] ?? 0 }
        guard let only = held.first, held.count == 1, sent.all == 1 else { return false }
        let at = PartitionOffset(partition: only.key, offset: only.value - 1)
        // A topic that a letter names may be out of reach; those that the run is about may not.
        if error.isDenied, sent.again + Int(pending.parked) > 0 || plan.to != nil { return false }
        if sent.again == 1 {
            guard let index = spans?.firstIndex(where: { $0.partition == at.partition }) else { return false }
            spans?[index].to = at.offset
            summary.keep(.blocked(plan.topic, error), "\(plan.topic)[\(at.partition)]@\(at.offset)")
        } else {
            guard !refused.contains(at) else { return false }
            refused.append(at)
            refusals.append(error)
        }
        isIsolating = false
        return true
    }

    // MARK: Start

    /// A producer, which ends what an earlier run left open; then where the group stands, which nobody else can move from now on.
    private func connect() throws(LogError) {
        reader?.close()
        reader = nil
        producer?.close()
        producer = nil
        try makeProducer()
        var letters = try PendingLetters(of: plan.topic, log: context.log, clock: context.clock)
        try letters.requirePosition(plan)
        if spans == nil {
            try letters.requireStart(plan, context.log, nowMs: wallClockMs())
            summary.expired = letters.expired
            if let ends = plan.ends { letters.end(at: ends) }
            if program.hasFilter { try narrow(&letters) }
            spans = letters.spans
        }
        committed = Dictionary(uniqueKeysWithValues: letters.spans.map { ($0.partition, $0.from) })
        // A commit that nobody answered was made after all, if the group stands where it would have put it, or further, since
        // another run went on from there.
        if isCommitAsked, !inTransaction.isEmpty, inTransaction.allSatisfy({ committed[$0.partition] ?? 0 >= $0.offset }) {
            summary.add(pending)
        }
        inTransaction = []
        undo()
    }

    private func makeProducer() throws(LogError) {
        try destinations.prepare(context.log)
        producer = try context.log.makeProducer(
            ProducerOptions(
                topics: destinations.names, transactionalId: plan.group, memoryBytes: context.producerBytes, clientId: plan.group))
    }

    private func narrow(_ letters: inout PendingLetters) throws(LogError) {
        var found = ReplaySummary()
        let topic = plan.topic
        try letters.narrow(context.log) { record in
            switch program.match(record, LetterFacts(record)) {
            case .yes: return true
            case .no: found.keep(.unmatched, "\(topic)[\(record.partition)]@\(record.offset)")
            case .failed(let reason): found.keep(.filterFailed(reason), "\(topic)[\(record.partition)]@\(record.offset)")
            }
            return false
        }
        summary.add(found)
    }
}

extension LogError {
    /// A right is missing.
    fileprivate var isDenied: Bool { code == "log.denied" }
}
