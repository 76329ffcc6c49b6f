import Log

// The one answer to whatever goes wrong with Postgres or Kafka: what is buffered is given up, and everything starts again from
// where Postgres stands.
extension LoadMember where Sink: ~Copyable {
    /// Gives up what is buffered and starts again from Postgres. Keeps polling meanwhile, so that membership goes on.
    func resync(_ reason: String) throws(ETLError) {
        var backoff = Backoff(context.plan.retry)
        var reason = reason
        // Postgres answers, but takes no batch (its disk is full): not over and over without a pause.
        if (context.telemetry.sink?.failures ?? 0) > 1 {
            clearBuffers()
            try wait(for: context.telemetry.sink, ms: refusals.next())
        }
        // Each new consumer makes the whole group rebalance.
        if consumer == nil {
            let delay = lostConsumers.next()
            if lostConsumers.attempts > 1 { context.pause(ms: delay) }
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
                // What was just assigned, where Postgres stands, needn't be stopped and moved: that costs a fetch.
                if partitions.contains(where: { started[$0] == nil }) { try consumer?.pause(partitions) }
                if !sink.isConnected { try sink.connect() }
                try seekToStored(partitions)
                for service in context.telemetry.services { service.answered() }
                let held = positions.held
                try consumer?.pause(held)
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
        try? consumer?.pause(positions.assigned)  // or it fetches what is dropped here
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
                noteArrival(
                    try consumer.poll(timeoutMs: Int32(clamping: min(max(end - context.clock.nowMs(), 1), 100)), maxRecords: 1))
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
            if let start, started[partition] != .offset(start) {
                targets.append(PartitionOffset(partition: partition, offset: start))
            }
        }
        let unknown = zip(partitions, starts).filter { $0.1 == nil && started[$0.0] != .earliest }.map(\.0)
        if !unknown.isEmpty {
            let ranges = try context.log.offsets(topic: stage.from)
            targets += ranges.filter { unknown.contains($0.partition) }.map {
                PartitionOffset(partition: $0.partition, offset: $0.first)
            }
        }
        for target in targets { started[target.partition] = nil }
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
            if group == nil { try requireSameTopic(row, next: next) }
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

    /// Postgres has loaded records up to `next`, and brokers know no position of the group: it never committed one, or they forgot
    /// it, maybe with the topic. A topic made anew begins at offset 0 again, and as many new records as were loaded before would be
    /// passed by. What was loaded was written before Postgres began with its batch, or while that was being filled.
    private func requireSameTopic(_ row: SinkPosition, next: Int64) throws {
        guard let updatedMs = row.updatedMs, next > 0 else { return }
        let range = try context.log.offsets(topic: stage.from).first { $0.partition == row.partition }
        let reader = try context.log.makeReader(topic: stage.from)
        defer { reader.close() }
        var newestMs: Int64?
        // A hundred, since the last of them may be markers.
        try reader.read(partition: row.partition, from: max(range?.first ?? 0, next - 100), to: min(next, range?.end ?? next)) {
            newestMs = max(newestMs ?? $0.timestamp, $0.timestamp)
            return true
        }
        guard let newestMs, newestMs > updatedMs + Int64(plan.batchMs) + 60_000 else { return }
        let group = context.plan.group(of: stage)
        throw ETLError(
            .failed, code: "load.topic_made_anew",
            "etl_offsets says that topic \(stage.from), partition \(row.partition), was loaded up to offset \(next) at "
                + "\(formatTimestamp(milliseconds: updatedMs)), but what stands before that offset was written "
                + "\(formatTimestamp(milliseconds: newestMs)): the topic was deleted and made anew. To load it from its start: "
                + "DELETE FROM etl_offsets WHERE group_id = '\(group)' AND topic = '\(stage.from)'. If it is the same (a "
                + "producer's clock is ahead), commit the position: kafka-consumer-groups.sh --group \(group) --topic "
                + "\(stage.from):\(row.partition) --reset-offsets --to-offset \(next) --execute")
    }

    private func repeatLetters(_ partition: Int32, _ rejected: [RejectedRecord], next: Int64, _ consumer: any LogConsumer) throws {
        let wanted = Dictionary(rejected.map { ($0.offset, Failure($0.rejection)) }, uniquingKeysWith: { first, _ in first })
        guard let first = wanted.keys.min(), let last = wanted.keys.max(), let producer, let writer else { return }
        let reader = try context.log.makeReader(topic: stage.from)
        defer { reader.close() }
        defer { flying.letters.reset() }
        var found = 0
        // Of what retention has taken it is said below which records these are.
        let range = try context.log.offsets(topic: stage.from).first { $0.partition == partition }
        let shown = try reader.read(partition: partition, from: max(first, range?.first ?? first), to: last + 1) { record in
            guard let failure = wanted[record.offset] else { return true }
            writer.append(record, failure, nowMs: wallClockMs(), copying: true, to: &flying.letters)
            found += 1
            return true
        }
        // Not for ever: the topic may have been made anew, and be shorter.
        if shown <= last, lettersNotShown < 8 {
            lettersNotShown += 1
            throw LogError.notShown(topic: stage.from, partition, shown: shown, known: last + 1)
        }
        lettersNotShown = 0
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
            try producer.send(flying.letters)
            try producer.sendOffsets([PartitionOffset(partition: partition, offset: next)], of: consumer)
            try producer.commit()
        } catch {
            if !abort(after: error) { closeProducer() }
            throw error
        }
        context.emit(DeadLettersRepeated(stage: stage.name, topic: stage.from, partition: partition, count: found))
    }
}
