package import Log

/// What was done since the last commit, to be counted and logged with it.
package struct BatchReport {
    package var counts = Counters.Batch()
    private var rejections: [RecordsRejected] = []
    /// Partitions that were held, which becomes known when the dead letters that led to it are committed.
    package var pauses: [PausedPartitions.Pause] = []

    package init() {}

    package mutating func rejected(_ failure: Failure, _ record: LogRecord) {
        counts.dead += 1
        if let same = rejections.firstIndex(where: { $0.code == failure.code && $0.step == failure.step }) {
            rejections[same].count += 1
        } else if rejections.count < 20 {
            rejections.append(
                RecordsRejected(
                    stage: "", step: failure.step, code: failure.code, reason: failure.message, topic: "",
                    partition: record.partition, offset: record.offset, count: 1))
        }
    }

    /// Adds the counts, writes a line for each kind of failure, and starts anew.
    /// - Parameter repeats: records that were dropped since the last time, because they were processed already.
    package mutating func publish(stage: String, topic: String, context: MemberContext, repeats: Int64) {
        counts.repeated = repeats
        context.counters.add(counts)
        for var rejection in rejections {
            rejection.stage = stage
            rejection.topic = topic
            context.emit(rejection)
            context.counters.add(
                Counters.Rejection(
                    code: rejection.code, step: rejection.step, reason: rejection.reason,
                    place: "\(topic)[\(rejection.partition)]@\(rejection.offset)", count: rejection.count))
        }
        for pause in pauses { context.telemetry.paused.add(pause) }
        if counts.repeated > 0 { context.emit(RepeatsDropped(stage: stage, topic: topic, count: counts.repeated)) }
        discard()
    }

    /// What was done since the last commit was undone.
    package mutating func discard() {
        counts = Counters.Batch()
        rejections.removeAll(keepingCapacity: true)
        pauses.removeAll()
    }
}
