import Log

/// Whether a member that was told to drain has done its part, and the whole group with it.
package struct DrainCheck {
    private let topic: String
    private let group: String
    private var targets: [Int32: Int64]?
    private var nextCheckMs: Int64 = 0

    package init(topic: String, group: String) {
        self.topic = topic
        self.group = group
    }

    package var isDraining: Bool { targets != nil }

    /// True when a drain was asked for and every partition this member holds is read to its end. Looked at when nothing came in.
    package mutating func isReached(_ context: MemberContext, _ positions: borrowing Positions, quiet: Bool) -> Bool {
        if targets == nil, let ranges = context.control.drainTo {
            targets = Dictionary(uniqueKeysWithValues: ranges.filter { $0.end > $0.first }.map { ($0.partition, $0.end) })
        }
        guard let targets, quiet else { return false }
        for partition in positions.assigned
        where positions.next(partition) < targets[partition] ?? 0 && !positions.isHeld(partition) { return false }
        return true
    }

    /// Throws if a partition that this member holds is paused short of its end: nothing will ever reach it.
    package func requireNotPaused(_ context: MemberContext, _ positions: borrowing Positions) throws(ETLError) {
        guard let targets else { return }
        let stuck = positions.held.filter { positions.next($0) < targets[$0] ?? 0 }
        guard let first = stuck.first, let pause = context.telemetry.paused[first] else { return }
        let others = stuck.count > 1 ? " (and \(stuck.count - 1) more partitions)" : ""
        throw ETLError(
            .failed, code: "stage.paused",
            "stage \(context.counters.name) paused topic \(topic), partition \(first), at offset \(pause.offset)\(others): "
                + "\(pause.why). Nothing is lost: mend what makes them fail and start again; it goes on there")
    }

    /// True when the group's committed offsets have reached the end of every partition, whoever holds it. Asks the broker
    /// at most every 50 ms.
    package mutating func groupHasReached(_ context: MemberContext) -> Bool {
        guard let targets else { return false }
        if targets.isEmpty { return true }
        let now = context.clock.nowMs()
        guard now >= nextCheckMs else { return false }
        nextCheckMs = now + 50
        guard let committed = try? context.log.committedOffsets(group: group, topic: topic) else { return false }
        return targets.allSatisfy { partition, end in
            Int(partition) < committed.count && (committed[Int(partition)] ?? 0) >= end
        }
    }
}
