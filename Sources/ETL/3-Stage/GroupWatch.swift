package import Log

/// Notices what a consumer says nothing of: that it has its share of the group's partitions, and that no broker can be reached,
/// which the client mends by itself while polls just find nothing. One thread.
package struct GroupWatch {
    private var hasJoined = false
    /// Nil: the last poll found a broker.
    private var silence: (backoff: Backoff, nextMs: Int64)?

    package init() {}

    /// To be called after each poll.
    package mutating func look(at consumer: (any LogConsumer)?, foundRecords: Bool, _ context: MemberContext) {
        guard let consumer else { return }
        if !hasJoined, consumer.isMember {
            hasJoined = true
            context.telemetry.setJoined(true, thread: context.thread)
        }
        let kafka = context.telemetry.kafka
        guard !foundRecords, let error = consumer.unreachable else {
            if silence != nil { kafka.succeeded(nowMs: context.clock.nowMs()) }
            silence = nil
            // It was opened by something that has passed since: with nothing to do for Kafka, nobody else would ever try it again.
            if !foundRecords, !kafka.isClosed, case .probe = kafka.permit(nowMs: context.clock.nowMs()) { kafka.answered() }
            return
        }
        let now = context.clock.nowMs()
        var current = silence ?? (Backoff(context.plan.retry), now)
        if now >= current.nextMs {
            kafka.failed(error.message, nowMs: now)
            current.nextMs = now + current.backoff.next()
        }
        silence = current
    }

    /// The consumer is closed.
    package mutating func leave(_ context: MemberContext) {
        hasJoined = false
        context.telemetry.setJoined(false, thread: context.thread)
    }
}

extension MemberContext {
    /// Shows where a member's partitions stand.
    package func show(_ positions: borrowing Positions) {
        var standing: [(partition: Int32, position: Int64, committed: Int64?)] = []
        for partition in positions.assigned {
            let committed = positions.committed(partition)
            standing.append((partition, positions.next(partition), committed < 0 ? nil : committed))
        }
        telemetry.set(standing, thread: thread)
    }
}
