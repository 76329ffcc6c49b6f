internal import Bytes
package import Log

/// The dead letters of a topic that nobody has dealt with yet: those from its group's offsets on.
package struct PendingLetters: Sendable {
    package struct Span: Equatable, Sendable {
        package var partition: Int32
        package var from: Int64
        package var to: Int64
    }

    package let topic: String
    /// By partition. `to` is the end at the time of asking.
    package private(set) var spans: [Span]
    /// Offsets between the group's and the first there still is.
    package private(set) var expired: Int64
    /// Partitions in which the group stands behind the end, which says that the topic was made anew: where, and the end. All that
    /// is there counts as pending.
    private var ahead: [(partition: Int32, position: Int64, end: Int64)] = []
    /// Partitions with letters, but without an offset of the group.
    private var unknown: [Int32] = []

    /// Asks where the group stands and where the topic ends. What was committed a moment before isn't seen by readers at once, so
    /// it waits until they see what is written now; not for ever, since a crashed writer's transaction has to time out.
    package init(of topic: String, log: any RecordLog, clock: any Clock, patienceMs: Int64 = 15_000) throws(LogError) {
        let group = ReplayPlan.group(of: topic)
        // Before the topic's end: a replay that goes on meanwhile moves the group only to where the topic ends by then.
        let committed = try log.committedOffsets(group: group, topic: topic)
        let written = try log.writtenOffsets(topic: topic)
        let deadlineMs = clock.nowMs() + patienceMs
        var ranges = try log.offsets(topic: topic)
        while !zip(written, ranges).allSatisfy({ $1.end >= $0.end }), clock.nowMs() < deadlineMs {
            clock.wait(ms: 20)
            ranges = try log.offsets(topic: topic)
        }
        self.topic = topic
        spans = []
        expired = 0
        for range in ranges {
            let index = Int(range.partition)
            let stored = index < committed.count ? committed[index] : nil
            var position = stored ?? range.first
            if stored == nil, range.first < range.end { unknown.append(range.partition) }
            let end = index < written.count ? written[index].end : range.end
            if position > max(end, range.end) {
                ahead.append((range.partition, position, range.end))
                position = range.first
            }
            expired += max(0, range.first - position)
            let from = max(position, range.first)
            spans.append(Span(partition: range.partition, from: from, to: max(from, range.end)))
        }
    }

    /// What is wrong with where the group stands, and the command that mends it; nil: nothing.
    /// - Parameter servers: the brokers, for that command.
    package func problem(servers: String) -> LogError? {
        guard let first = ahead.first else { return nil }
        let group = ReplayPlan.group(of: topic)
        let partitions = ahead.map { String($0.partition) }.joined(separator: ",")
        return LogError(
            .configuration, code: "replay.position",
            "group \(group) stands at offset \(first.position) of topic \(topic), partition \(first.partition), which ends at "
                + "\(first.end): the topic was made anew; move the group with 'kafka-consumer-groups.sh --bootstrap-server "
                + "\(servers) --group \(group) --topic \(topic):\(partitions) --reset-offsets --to-earliest --execute'")
    }

    /// Throws where the group stands behind the end: letters would be skipped up to there.
    package func requirePosition(_ plan: ReplayPlan) throws(LogError) {
        if let problem = problem(servers: plan.servers) { throw problem }
    }

    /// Throws where brokers may have forgotten the group's position. A letter older than they keep one may have been dealt with
    /// before, as far as anybody knows; a younger one can't, since the position would still be there.
    package func requireStart(_ plan: ReplayPlan, _ log: any RecordLog, nowMs: Int64) throws(LogError) {
        guard !plan.fromStart, !unknown.isEmpty else { return }
        let reader = try log.makeReader(topic: topic)
        defer { reader.close() }
        for span in spans where unknown.contains(span.partition) {
            var oldest: Int64?
            try reader.read(partition: span.partition, from: span.from, to: span.to) { record in
                oldest = record.timestamp
                return false
            }
            guard let oldest, oldest >= 0, nowMs - oldest > plan.positionRetentionMs else { continue }
            let days = plan.positionRetentionMs / 86_400_000
            throw LogError(
                .configuration, code: "replay.position_lost",
                "group \(plan.group) has no position in topic \(topic), partition \(span.partition), whose oldest letter was "
                    + "written \(formatTimestamp(milliseconds: oldest)). Brokers forget a position "
                    + "\(days) day\(days == 1 ? "" : "s") after it was last moved (offsets.retention.minutes), so these letters "
                    + "may have been replayed or discarded before. "
                    + "If they weren't, or are meant to be again, say --from-start; with --where 'timestamp >= …' (milliseconds) "
                    + "only those since then")
        }
    }

    /// Where it ends in each partition.
    package var ends: [Int32: Int64] { Dictionary(uniqueKeysWithValues: spans.map { ($0.partition, $0.to) }) }

    /// Leaves out what lies behind these ends.
    mutating func end(at ends: [Int32: Int64]) {
        for index in spans.indices {
            let from = spans[index].from
            spans[index].to = max(from, min(spans[index].to, ends[spans[index].partition] ?? from))
        }
    }

    /// How many offsets are pending; some of them may be markers of transactions rather than records.
    package var offsets: Int64 { spans.reduce(0) { $0 + $1.to - $1.from } }

    /// Calls `body` with each, by partition and offset; the record is valid during the call. False: enough.
    package func read(_ log: any RecordLog, _ body: (LogRecord) -> Bool) throws(LogError) {
        guard spans.contains(where: { $0.from < $0.to }) else { return }
        let reader = try log.makeReader(topic: topic)
        defer { reader.close() }
        var goesOn = true
        for span in spans where span.from < span.to && goesOn {
            try reader.readAll(partition: span.partition, from: span.from, to: span.to) { record in
                goesOn = body(record)
                return goesOn
            }
        }
    }

    /// Narrows each partition to where its last letter of interest lies, and counts: what lies behind is left where it is.
    mutating func narrow(_ log: any RecordLog, _ isWanted: (LogRecord) -> Bool) throws(LogError) {
        var last: [Int32: (wanted: Int64, any: Int64)] = [:]
        try read(log) { record in
            let wanted = isWanted(record) ? record.offset : last[record.partition]?.wanted ?? -1
            last[record.partition] = (wanted, record.offset)
            return true
        }
        for index in spans.indices {
            // The last record of all: what follows are markers, which the position may pass.
            guard let found = last[spans[index].partition], found.wanted != found.any else { continue }
            spans[index].to = max(spans[index].from, found.wanted + 1)
        }
    }
}

/// Dead letters copied out of their reader: good until the next `fill`.
struct LetterChunk: ~Copyable {
    private(set) var records: [LogRecord] = []
    /// What comes next in the partition after these.
    private(set) var next: Int64 = 0
    private var arena = Arena(chunkBytes: 1 << 20, retainedBytes: 16 << 20)

    /// - Parameter most: how many at most; less where they are large.
    mutating func fill(_ reader: any LogReader, _ span: PendingLetters.Span, from: Int64, most: Int) throws(LogError) {
        records.removeAll(keepingCapacity: true)
        arena.reset()
        var bytes = 0
        next = span.to
        // Less than is known to be there would be passed unread.
        try reader.readAll(partition: span.partition, from: from, to: span.to) { record in
            if records.count == most || (bytes > 8 << 20) {
                next = record.offset
                return false
            }
            records.append(copy(record))
            bytes += record.key.count + record.value.count
            return true
        }
    }

    private mutating func copy(_ record: LogRecord) -> LogRecord {
        func kept(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
            bytes.baseAddress == nil ? bytes : arena.copy(bytes)
        }
        var copy = record
        copy.key = kept(record.key)
        copy.value = kept(record.value)
        let list = arena.allocate(max(record.headers.count, 1) * MemoryLayout<LogHeader>.stride)
            .bindMemory(to: LogHeader.self, capacity: max(record.headers.count, 1))
        for (index, header) in record.headers.enumerated() {
            (list + index).initialize(to: LogHeader(name: kept(header.name), value: kept(header.value)))
        }
        copy.headers = UnsafeBufferPointer(start: list, count: record.headers.count)
        return copy
    }
}
