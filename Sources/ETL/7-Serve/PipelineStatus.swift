package import Log

/// How far a stage is, as Kafka has it, whoever runs it.
package struct StageStatus: Equatable, Sendable {
    package struct Partition: Equatable, Sendable {
        package var number: Int32
        /// Nil: nothing was ever committed.
        package var committed: Int64?
        package var end: Int64
        /// Offsets between them: records, and the markers of transactions.
        package var lag: Int64
    }

    package var name: String
    package var role: Counters.Role
    package var topic: String
    package var partitions: [Partition]
    /// Age of the oldest record that isn't processed; nil: there is none, or it has no timestamp.
    package var lagSeconds: Double?
    /// Offsets a second, over the time looked at; nil: not looked at.
    package var rate: Double?
    /// Offsets between the position of its replays and the end of its dead-letter topic: as many dead letters wait there at most,
    /// since offsets count the markers of transactions too. Nil: the topic doesn't exist.
    package var deadLettersAtMost: Int64?

    package var lag: Int64 { partitions.reduce(0) { $0 + $1.lag } }
}

extension Plan {
    /// Asks the log where every stage stands.
    /// - Parameter sampleMs: how long to watch for the rate; 0: not at all.
    package func status(
        _ log: any RecordLog, sampleMs: Int64, clock: any Clock = SystemClock()
    ) throws(LogError) -> [StageStatus] {
        var rows: [StageStatus] = []
        for extractor in extractors {
            rows.append(
                StageStatus(
                    name: extractor.name, role: .extractor, topic: extractor.to, partitions: [],
                    deadLettersAtMost: try deadLetters(extractor.name, log)))
        }
        let startMs = clock.nowMs()
        for stage in stages {
            let role: Counters.Role = if case .topic = stage.ending { .stage } else { .loader }
            let partitions = try standing(stage, log)
            rows.append(
                StageStatus(
                    name: stage.name, role: role, topic: stage.from, partitions: partitions,
                    lagSeconds: try age(stage, partitions, log), deadLettersAtMost: try deadLetters(stage.name, log)))
        }
        guard sampleMs > 0 else { return rows }
        clock.wait(ms: max(0, sampleMs - (clock.nowMs() - startMs)))
        for index in rows.indices where rows[index].role != .extractor {
            guard let stage = stage(named: rows[index].name) else { continue }
            let later = try standing(stage, log)
            let moved = zip(rows[index].partitions, later).reduce(Int64(0)) { sum, pair in
                sum + max(0, (pair.1.committed ?? 0) - (pair.0.committed ?? 0))
            }
            rows[index].rate = Double(moved) * 1000 / Double(max(clock.nowMs() - startMs, 1))
            rows[index].partitions = later
        }
        return rows
    }

    private func standing(_ stage: StagePlan, _ log: any RecordLog) throws(LogError) -> [StageStatus.Partition] {
        let committed = try log.committedOffsets(group: group(of: stage), topic: stage.from)
        return try log.offsets(topic: stage.from).map { range in
            let offset = Int(range.partition) < committed.count ? committed[Int(range.partition)] : nil
            return StageStatus.Partition(
                number: range.partition, committed: offset, end: range.end,
                lag: max(0, range.end - max(offset ?? range.first, range.first)))
        }
    }

    private func age(
        _ stage: StagePlan, _ partitions: [StageStatus.Partition], _ log: any RecordLog
    ) throws(LogError) -> Double? {
        let behind = partitions.filter { $0.lag > 0 }
        if behind.isEmpty { return nil }
        let reader = try log.makeReader(topic: stage.from)
        defer { reader.close() }
        var oldest: Int64?
        for partition in behind {
            try reader.read(partition: partition.number, from: partition.end - partition.lag, to: partition.end) { record in
                if record.timestamp >= 0 { oldest = min(oldest ?? record.timestamp, record.timestamp) }
                return false
            }
        }
        return oldest.map { Double(max(0, wallClockMs() - $0)) / 1000 }
    }

    /// The lag of the group of replays. `etl dlq list` reads the letters to say exactly how many there are, which costs as much as
    /// there is; this costs two questions, however many wait.
    private func deadLetters(_ name: String, _ log: any RecordLog) throws(LogError) -> Int64? {
        let topic = deadLetterTopic(of: name)
        guard try log.describe(topics: [topic]).first ?? nil != nil else { return nil }
        // Before the topic's end: a replay that goes on meanwhile moves the group only to where the topic ends by then.
        let positions = try log.committedOffsets(group: ReplayPlan.group(of: topic), topic: topic)
        return try log.offsets(topic: topic).reduce(0) { sum, range in
            let index = Int(range.partition)
            let position = index < positions.count ? positions[index] ?? range.first : range.first
            return sum + max(0, range.end - max(position, range.first))
        }
    }

    /// For people: a row for each extractor and stage.
    package func statusText(_ rows: [StageStatus]) -> String {
        let head = ["", "reads", "lag", "lag s", "rate/s", "dead letters at most"]
        let body = rows.map { row in
            let isStage = row.role != .extractor
            return [
                row.name, isStage ? row.topic : "", isStage ? String(row.lag) : "",
                row.lagSeconds.map { Exposition.number(($0 * 10).rounded() / 10) } ?? (isStage ? "0" : ""),
                row.rate.map { String(Int64($0.rounded())) } ?? "",
                row.deadLettersAtMost.map(String.init) ?? "no topic",
            ]
        }
        let widths = head.indices.map { column in ([head] + body).map { $0[column].count }.max() ?? 0 }
        return ([head] + body).map { cells in
            cells.enumerated().map { column, cell in
                let pad = String(repeating: " ", count: widths[column] - cell.count)
                return column < 2 ? cell + pad : pad + cell
            }.joined(separator: "  ") + "\n"
        }.joined()
    }

    /// For scripts.
    package func statusJSON(_ rows: [StageStatus]) -> String {
        func number(_ number: Int64?) -> JSONText { number.map { .integer(Int($0)) } ?? .null }
        return JSONText.object([
            ("topology", .string(name)),
            (
                "parts",
                .array(
                    rows.map { row in
                        .object([
                            ("name", .string(row.name)), ("role", .string(row.role.rawValue)), ("topic", .string(row.topic)),
                            ("lag", row.role == .extractor ? .null : number(row.lag)),
                            ("lag_ms", number(row.lagSeconds.map { Int64($0 * 1000) })),
                            ("rate", number(row.rate.map { Int64($0.rounded()) })),
                            ("dead_letters_at_most", number(row.deadLettersAtMost)),
                            (
                                "partitions",
                                .array(
                                    row.partitions.map { partition in
                                        .object([
                                            ("partition", .integer(Int(partition.number))),
                                            ("committed", number(partition.committed)), ("end", number(partition.end)),
                                            ("lag", number(partition.lag)),
                                        ])
                                    })
                            ),
                        ])
                    })
            ),
        ]).redacted(secrets).text + "\n"
    }
}
