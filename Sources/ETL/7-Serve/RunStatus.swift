extension Run {
    /// Why the process isn't ready: members that haven't joined, services that are away. Empty: it is.
    package var notReady: [String] {
        var reasons: [String] = []
        for part in parts {
            let name = part.counters.name
            if part.reads != nil, part.telemetry.joinedThreads < part.threads {
                reasons.append(
                    "stage \(name): \(part.telemetry.joinedThreads) of \(part.threads) members have joined the consumer group")
            }
            for service in part.telemetry.services.map(\.snapshot) where !service.isClosed {
                reasons.append("\(name): \(service.name) is away (circuit \(service.stateName)): \(service.reason)")
            }
        }
        if isStopping { reasons.append("the process is stopping") }
        return reasons.map { plan.secrets.redact($0) }
    }

    /// What `/status` answers. Any thread.
    package var status: String {
        JSONText.object([
            ("topology", .string(plan.name)), ("file", .string(plan.file)), ("instance", .string(instance)),
            ("started_at", .string(formatTimestamp(milliseconds: startedMs))), ("ready", .boolean(notReady.isEmpty)),
            ("stopping", .boolean(isStopping)), ("parts", .array(parts.map(partJSON))),
        ]).redacted(plan.secrets).text + "\n"
    }

    private func partJSON(_ part: Part) -> JSONText {
        let counts = part.counters.now
        func number(_ number: Int64) -> JSONText { .integer(Int(number)) }
        return .object([
            ("name", .string(part.counters.name)), ("role", .string(part.counters.role.rawValue)),
            ("topic", .optional(part.reads)), ("members", .integer(part.threads)),
            ("joined", .integer(part.telemetry.joinedThreads)), ("in", number(counts.received)), ("out", number(counts.written)),
            ("dead", number(counts.dead)), ("dropped", number(counts.dropped)),
            ("lag", part.counters.lag.map(number) ?? .null),
            ("services", .array(part.telemetry.services.map(\.snapshot).map(serviceJSON))),
            ("partitions", .array(part.telemetry.assigned.map { partitionJSON(part, $0.number, $0.state) })),
        ])
    }

    private func serviceJSON(_ service: Service.Snapshot) -> JSONText {
        .object([
            ("name", .string(service.name)), ("circuit", .string(service.stateName)),
            ("failures", .integer(Int(service.failures))), ("opened", .integer(Int(service.openings))),
            ("reason", .string(service.reason)),
        ])
    }

    private func partitionJSON(_ part: Part, _ number: Int32, _ state: Telemetry.Partition) -> JSONText {
        let away = part.telemetry.services.map(\.snapshot).first { !$0.isClosed }.map { "\($0.name) is away: \($0.reason)" }
        let why = part.telemetry.paused[number]?.why ?? away
        return .object([
            ("partition", .integer(Int(number))), ("position", .integer(Int(state.position))),
            ("committed", state.committed.map { .integer(Int($0)) } ?? .null),
            ("end", state.end.map { .integer(Int($0)) } ?? .null),
            ("lag", state.lag.map { .integer(Int($0)) } ?? .null), ("paused", .boolean(why != nil)), ("why", .optional(why)),
        ])
    }
}
