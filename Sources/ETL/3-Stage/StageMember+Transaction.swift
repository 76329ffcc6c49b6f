import Log

// Exactly once: outputs, dead letters and input offsets in one transaction. `TransactionMachine` decides, this performs.
// At least once takes the other branch of each function, see `StageMember+Acknowledged.swift`.
extension StageMember {
    var isTransactional: Bool { stage.delivery == .exactlyOnce }

    /// True: a transaction is open (or none is needed).
    func beginIfNeeded() throws(ETLError) -> Bool {
        guard isTransactional else { return true }
        try perform(.work(nowMs: context.clock.nowMs()))
        return machine.isOpen
    }

    func commitIfDue() throws(ETLError) {
        if isTransactional {
            let isUrgent = machine.isOpen && clients?.producer.shouldCommit == true
            try perform(isUrgent ? .drain : .tick(nowMs: context.clock.nowMs()))
        } else {
            try commitAcknowledged(nowMs: context.clock.nowMs())
        }
    }

    /// Everything in hand is committed when this returns.
    func commitNow() throws(ETLError) {
        if isTransactional {
            try perform(.drain)
        } else {
            try flushAndCommit()
        }
    }

    func failed(_ error: LogError) throws(ETLError) {
        // What the broker refuses for its content or size it refuses each time; some tries, since neighbours may be at fault.
        if error.isOfRecord, failures.attempts >= 5 { throw ETLError(error) }
        if error.isOfService { context.telemetry.kafka.failed(error.message, nowMs: context.clock.nowMs()) }
        if isTransactional {
            try perform(.failed(error.kind), error)
        } else {
            try recoverAtLeastOnce(error)
        }
    }

    /// Called inside a rebalance: must return, whatever happens. What can't be committed now is undone when polling goes on.
    func commitBeforeRevocation() {
        inCallback { () throws(ETLError) in
            if isTransactional { try perform(.revoking) } else { try flushAndCommit() }
        }
    }

    func undoAfterLoss() {
        inCallback { () throws(ETLError) in
            if isTransactional { try perform(.lost) } else { acknowledged.forgetAll() }
        }
    }

    private func inCallback(_ body: () throws(ETLError) -> Void) {
        isInCallback = true
        defer { isInCallback = false }
        do { try body() } catch { callbackFailure = callbackFailure ?? error }
    }

    /// Whether a callback put something off: positions will change, so what was polled must not be processed.
    var mustRecover: Bool { putOff != nil || machine.isRecovering }

    /// Does what a callback had to put off.
    func recoverAfterCallback() throws(ETLError) {
        if let error = putOff {
            putOff = nil
            try recoverAtLeastOnce(error)
        } else if machine.isRecovering {
            try perform(.tick(nowMs: context.clock.nowMs()))
        }
    }

    /// Between failures that follow each other without a commit. The first is mended at once.
    func pauseAfterFailure() {
        let delay = failures.next()
        // At least once, positions are beyond what was sent when a send failed: a rebalance in a poll would commit them.
        if failures.attempts > 1 { awaitKafka(ms: delay, polling: isTransactional) }
    }

    /// Asked to stop, it doesn't wait for a service that stays away: what isn't committed is read again at the next start.
    func givesUp(_ error: LogError, attempts: Int, sinceMs: Int64) -> Bool {
        context.control.shouldStop && error.kind != .abortable && (attempts > 3 || context.clock.nowMs() - sinceMs > 5000)
    }

    /// Waits between tries of what Kafka is away for, longer once its circuit is open. Nothing is read meanwhile. The client's
    /// heartbeats keep the member in its group, and a poll now and then, since a member that doesn't poll counts as dead after
    /// `max.poll.interval.ms`. Not more often: a poll that brings partitions waits for their pending offsets, which may be those of
    /// the very transaction that is to be ended here.
    func awaitKafka(ms: Int64, polling: Bool = true) {
        var ms = ms
        let state = machine.state
        repeat {
            context.pause(ms: ms)
            if polling, !isInCallback, context.clock.nowMs() - lastPollMs >= Self.pollIntervalMs { keepMembership() }
            guard !context.control.shouldStop, machine.state == state else { return }
            guard !isInCallback, case .wait(let left) = context.telemetry.kafka.permit(nowMs: context.clock.nowMs()) else { return }
            ms = min(left, 1000)
        } while true
    }

    /// A fifth of the default of `max.poll.interval.ms`.
    private static var pollIntervalMs: Int64 { 60_000 }

    private func keepMembership() {
        guard let consumer = clients?.consumer else { return }
        lastPollMs = context.clock.nowMs()
        do {
            try pauses.pauseAll(consumer, positions)
            pauses.drop(try consumer.poll(timeoutMs: 50, maxRecords: 1), &positions)
        } catch {
            if error.kind != .retriable { pollError = pollError ?? error }
        }
    }

    /// Everything processed so far is committed.
    func noteCommit() {
        context.telemetry.kafka.succeeded(nowMs: context.clock.nowMs())
        windows.settle { positions.processed($0) }
        context.show(positions)
    }

    /// Feeds the machine an event and performs its actions until it asks for none.
    private func perform(_ event: TransactionMachine.Event, _ cause: LogError? = nil) throws(ETLError) {
        var cause = cause
        var backoff = Backoff(context.plan.retry)
        let startedMs = context.clock.nowMs()
        var action = machine.on(event)
        while action != .nothing {
            if isInCallback, action == .rewind || action == .rebuild { return }
            if action == .stop {
                throw ETLError(cause ?? LogError(.configuration, code: "stage.stopped", "stage \(stage.name) was stopped"))
            }
            if let error = cause { context.emit(ClientFailed(member: stage.name, error: error, reaction: "\(action)")) }
            if let error = cause, error.isOfRecord, failures.attempts >= 5 { throw ETLError(error) }
            if !isInCallback, action == .rewind || action == .rebuild { pauseAfterFailure() }
            do {
                let isFinal = action == .begin
                try execute(action)
                cause = nil
                if action == .rebuild { context.telemetry.kafka.answered() }
                if isFinal { return }
                action = machine.on(.done)
            } catch {
                cause = error
                action = machine.on(.failed(error.kind))
                if givesUp(error, attempts: backoff.attempts, sinceMs: startedMs) {
                    throw ETLError(
                        error.kind == .retriable ? .unreachable : .failed, code: error.code,
                        "\(error.message); asked to stop, so given up. Nothing is lost: what wasn't committed is read again")
                }
                let delay = backoff.next()
                if error.isOfService { context.telemetry.kafka.failed(error.message, nowMs: context.clock.nowMs()) }
                guard error.kind == .retriable else { continue }
                let state = machine.state
                awaitKafka(ms: action == .rebuild ? 0 : delay)
                // A rebalance came in between, and has decided what becomes of the transaction.
                if machine.state != state { return }
            }
        }
    }

    private func execute(_ action: TransactionMachine.Action) throws(LogError) {
        if action == .rebuild { return try rebuildClients() }
        guard let clients else { throw LogError(.fatal, code: "log.closed", "the clients of stage \(stage.name) are closed") }
        switch action {
        case .nothing, .stop, .rebuild: break
        case .begin: try clients.producer.begin()
        case .sendOffsets:
            commitStartedNs = monotonicNs()
            let offsets = positions.uncommitted()
            if !offsets.isEmpty { try clients.producer.sendOffsets(offsets, of: clients.consumer) }
            inTransaction = offsets
        case .commit:
            try clients.producer.commit()
            failures.reset()
            positions.markCommitted(inTransaction)
            context.telemetry.countTransaction(committed: true)
            context.telemetry.commitSeconds.observe(nanoseconds: monotonicNs() &- commitStartedNs)
            noteCommit()
            pending.publish(stage: stage.name, topic: stage.from, context: context, repeats: positions.takeRepeats())
        case .abort:
            try clients.producer.abort()
            context.telemetry.countTransaction(committed: false)
        case .rewind:
            pending.discard()
            windows.forgetAll()
            pauses.markStale()
            guard let targets = positions.rewind() else {
                throw LogError(.fatal, code: "stage.rewind", "a partition without a commit can only be read again by a new client")
            }
            if !targets.isEmpty { try clients.consumer.seek(targets) }
        }
    }
}
