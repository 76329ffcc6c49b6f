package import Log

// At least once: an idempotent producer, and offsets committed up to what is acknowledged without a gap.

/// Which input offsets may be committed once which send is acknowledged.
package struct AcknowledgedOffsets {
    private var sends: Int64 = 0
    private var waiting: [(send: Int64, offsets: [PartitionOffset])] = []

    package init() {}

    /// A batch went out with the `sends`-th call of send (or nothing of it had to be sent); `offsets`: what comes next in each
    /// partition after it.
    package mutating func sent(offsets: [PartitionOffset], calledSend: Bool) {
        if calledSend { sends += 1 }
        if waiting.last?.send == sends { waiting.removeLast() }
        waiting.append((sends, offsets))
    }

    /// The offsets to commit when everything up to send number `acknowledged` is durable; nil: nothing new.
    package mutating func take(acknowledged: Int64) -> [PartitionOffset]? {
        guard let last = waiting.lastIndex(where: { $0.send <= acknowledged }) else { return nil }
        let offsets = waiting[last].offsets
        waiting.removeSubrange(...last)
        return offsets
    }

    package var isEmpty: Bool { waiting.isEmpty }

    /// Partitions were lost: what was waiting is another's now. The sends still count.
    package mutating func forgetAll() { waiting.removeAll() }
}

extension StageMember {
    /// - Parameter isCaughtUp: there was little to read, so nobody gains by waiting for more to send.
    func noteSent(isCaughtUp: Bool) throws(ETLError) {
        acknowledged.sent(offsets: positions.uncommitted(), calledSend: outputs.count > 0)
        guard outputs.count > 0 else { return }
        flushesTried = 1
        if isCaughtUp { try sendRest() }
    }

    /// A flush of a millisecond sends what waits for company; the next poll needn't wait for the answer. What it came too early
    /// for, since as much as may be was on its way, is tried again where nothing comes that takes it along.
    func sendRest() throws(ETLError) {
        guard flushesTried > 0, let clients else { return }
        do { try flush(clients, timeoutMs: 1) } catch { try recoverAtLeastOnce(error) }
    }

    func commitAcknowledged(nowMs: Int64) throws(ETLError) {
        guard nowMs - lastCommitMs >= Int64(context.plan.commitIntervalMs) else { return }
        lastCommitMs = nowMs
        guard let clients else { return }
        do {
            var offsets = acknowledged.take(acknowledged: try clients.producer.acknowledged())
            // Under full load something is always on its way; where a moment was found since the last commit, nothing has to wait.
            if offsets == nil, !acknowledged.isEmpty {
                try flush(clients, timeoutMs: 1000)
                offsets = acknowledged.take(acknowledged: try clients.producer.acknowledged())
            }
            if let offsets { try commitOffsets(offsets, clients, wait: false) }
        } catch {
            try failed(error)
        }
    }

    /// Sends what is waiting for company, and waits for the brokers. Slow ones are no failure: there is a next time.
    private func flush(_ clients: Clients, timeoutMs: Int32) throws(LogError) {
        do {
            try clients.producer.flush(timeoutMs: timeoutMs)
            flushesTried = 0
        } catch  where error.kind == .retriable {
            flushesTried = min(flushesTried + 1, 10)
        }
    }

    func flushAndCommit() throws(ETLError) {
        var backoff = Backoff(context.plan.retry)
        let startedMs = context.clock.nowMs()
        while let clients, putOff == nil {
            do {
                if !acknowledged.isEmpty { try clients.producer.flush(timeoutMs: 5000) }
                // Nothing is on its way any more, so all that was processed counts, also what was committed without waiting:
                // whether that got there nobody said.
                acknowledged.forgetAll()
                return try commitOffsets(positions.uncommitted(), clients, wait: true)
            } catch {
                guard error.kind == .retriable, !givesUp(error, attempts: backoff.attempts, sinceMs: startedMs) else {
                    return try recoverAtLeastOnce(error)
                }
                context.telemetry.kafka.failed(error.message, nowMs: context.clock.nowMs())
                awaitKafka(ms: backoff.next())
            }
        }
    }

    private func commitOffsets(_ offsets: [PartitionOffset], _ clients: Clients, wait: Bool) throws(LogError) {
        let ours = offsets.filter { positions.isAssigned($0.partition) }
        if !ours.isEmpty { try clients.consumer.commit(ours, wait: wait) }
        if wait { positions.markCommitted(ours) }
        failures.reset()
        noteCommit()
        pending.publish(stage: stage.name, topic: stage.from, context: context, repeats: positions.takeRepeats())
    }

    /// New clients from the last committed offsets: what was sent since is sent again, nothing is skipped.
    func recoverAtLeastOnce(_ error: LogError) throws(ETLError) {
        if isInCallback {
            putOff = error
            return
        }
        var error = error
        var backoff = Backoff(context.plan.retry)
        pauseAfterFailure()
        while true {
            if error.kind == .configuration || error.kind == .offsetOutOfRange { throw ETLError(error) }
            context.emit(ClientFailed(member: stage.name, error: error, reaction: "new clients from the last commit"))
            if context.control.shouldStop, error.kind == .retriable || backoff.attempts > 0 { throw ETLError(error) }
            do {
                try rebuildClients()
                context.telemetry.kafka.answered()
                return
            } catch let next {
                error = next
                if next.kind == .retriable { context.telemetry.kafka.failed(next.message, nowMs: context.clock.nowMs()) }
                awaitKafka(ms: backoff.next())
            }
        }
    }
}
