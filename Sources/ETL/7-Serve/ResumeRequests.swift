package import Log

/// How paused partitions of any process are asked to go on: a record in the compacted topic `<topology>.control`, with key
/// `resume/<stage>` or `resume/<stage>/<partition>`. The topic is made by the first request; a process reads it only while it has
/// partitions that are paused.
package enum ResumeRequest {
    package static func key(stage: String, partition: Int32?) -> String {
        "resume/\(stage)" + (partition.map { "/\($0)" } ?? "")
    }

    /// Stage and partition (nil: all) of a key; nil: it is no such key.
    package static func parse(_ key: String) -> (stage: String, partition: Int32?)? {
        let parts = key.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 || parts.count == 3, parts[0] == "resume", !parts[1].isEmpty else { return nil }
        guard parts.count == 3 else { return (parts[1], nil) }
        return Int32(parts[2]).map { (parts[1], $0) }
    }

    /// Asks every process that runs the stage.
    package static func send(stage: String, partition: Int32?, plan: Plan, log: any RecordLog) throws(LogError) {
        try makeTopic(plan, log)
        let producer = try log.makeProducer(
            ProducerOptions(
                topics: [plan.controlTopic], transactionalId: nil, memoryBytes: 1 << 20, clientId: "etl.\(plan.name).resume"))
        defer { producer.close() }
        var batch = OutputBatch(capacity: 1)
        batch.append(
            OutputRecord(
                key: batch.arena.copy(key(stage: stage, partition: partition)),
                value: batch.arena.copy("{\"at\":\"\(formatTimestamp(milliseconds: wallClockMs()))\"}"),
                headers: UnsafeBufferPointer(start: nil, count: 0), topic: 0, partition: 0))
        try producer.send(batch)
        try producer.flush(timeoutMs: 15_000)
    }

    /// Only where it isn't there: who may write to it need not be allowed to create it, and brokers refuse that before they look.
    private static func makeTopic(_ plan: Plan, _ log: any RecordLog) throws(LogError) {
        guard try log.describe(topics: [plan.controlTopic]).first ?? nil == nil else { return }
        let topic = NewTopic(
            name: plan.controlTopic, partitions: 1, replication: plan.topics.first?.replication ?? -1,
            properties: ["cleanup.policy": "compact"])
        guard case .failed(var error) = try log.create(topics: [topic]).first else { return }
        error.message += "; the first request makes the topic, later ones only write to it"
        throw error
    }
}

extension Plan {
    /// What somebody asks of running processes.
    public var controlTopic: String { "\(name).control" }
}

/// Says which partitions were paused, and hears who asks that they go on. One thread: the one that watches over the run.
///
/// A pause is told only once the place in the control topic is known from which a request counts for it: so whoever acts on what
/// is told is heard, and a request of last week isn't.
final class ResumeWatch {
    private let plan: Plan
    private let log: any RecordLog
    private let journal: Journal
    private var told: [String: [Int32: PausedPartitions.Pause]] = [:]
    /// What comes next in the control topic; nil: it isn't read, since nothing is paused.
    private var next: Int64?
    private var reader: (any LogReader)?
    private var nextLookMs: Int64 = 0
    private var failure = RepeatedFailure()

    init(plan: Plan, log: any RecordLog, journal: Journal) {
        self.plan = plan
        self.log = log
        self.journal = journal
    }

    func look(at parts: [Run.Part], nowMs: Int64) {
        var fresh: [(part: Run.Part, pause: PausedPartitions.Pause)] = []
        var isPaused = false
        for part in parts {
            let pauses = part.telemetry.pausedHere
            isPaused = isPaused || !pauses.isEmpty
            let known = told[part.counters.name] ?? [:]
            fresh += pauses.filter { known[$0.partition] != $0 }.map { (part, $0) }
            told[part.counters.name] = known.filter { partition, pause in pauses.contains(pause) }
        }
        guard isPaused else { return stop() }
        guard !fresh.isEmpty || nowMs >= nextLookMs else { return }
        nextLookMs = nowMs + 1000
        hear(parts, nowMs)
        for (part, pause) in fresh {
            told[part.counters.name, default: [:]][pause.partition] = pause
            journal.emit(
                PartitionPaused(
                    stage: part.counters.name, topic: part.reads ?? "", maxRate: plan.deadLetter.maxRate, pause: pause,
                    resume: command(part.counters.name, pause.partition)))
        }
    }

    private func command(_ stage: String, _ partition: Int32) -> String {
        plan.kafka == nil
            ? "curl -X POST with the token to /resume?stage=\(stage)&partition=\(partition) of its --http"
            : "etl resume --topology=\(plan.file) --stage=\(stage) --partition=\(partition)"
    }

    private func stop() {
        next = nil
        reader?.close()
        reader = nil
        told.removeAll()
    }

    /// Reads what came since the last look; a log that can't be asked now is asked at the next.
    private func hear(_ parts: [Run.Part], _ nowMs: Int64) {
        guard !(log is MemoryLog) else { return }
        do throws(LogError) {
            next = try read(parts)
            if failure.ends() { journal.emit(RequestsHeard(topic: plan.controlTopic)) }
        } catch {
            if failure.isToBeTold(error.code, nowMs) { journal.emit(RequestsUnheard(topic: plan.controlTopic, error: error)) }
            reader?.close()
            reader = nil
        }
    }

    /// Reads what is new in the topic; gives what comes next in it.
    private func read(_ parts: [Run.Part]) throws(LogError) -> Int64? {
        guard try log.describe(topics: [plan.controlTopic]).first ?? nil != nil else { return 0 }
        guard let end = try log.writtenOffsets(topic: plan.controlTopic).first?.end else { return next }
        guard let from = next, from < end else { return end }
        if reader == nil { reader = try log.makeReader(topic: plan.controlTopic) }
        // What isn't shown yet is asked for at the next look.
        return try reader?.read(partition: 0, from: from, to: end) { record in
            if let request = ResumeRequest.parse(String(decoding: record.key, as: UTF8.self)) { obey(request, parts) }
            return true
        }
    }

    private func obey(_ request: (stage: String, partition: Int32?), _ parts: [Run.Part]) {
        guard let part = parts.first(where: { $0.counters.name == request.stage }) else { return }
        let known = (told[request.stage] ?? [:]).keys.filter { request.partition == nil || request.partition == $0 }
        let released = known.sorted().flatMap { part.telemetry.paused.resume($0) }
        if !released.isEmpty {
            journal.emit(
                PartitionsResumed(stage: request.stage, topic: part.reads ?? "", partitions: released, asked: "etl resume"))
        }
    }
}

/// When to say that requests can't be heard: at the first failure, when it is another one, and every ten minutes after that. The
/// topic is looked at every second, and a missing right is missing for long.
struct RepeatedFailure {
    static let silenceMs: Int64 = 600_000
    private var code: String?
    private var toldMs: Int64 = 0

    mutating func isToBeTold(_ code: String, _ nowMs: Int64) -> Bool {
        guard code != self.code || nowMs - toldMs >= Self.silenceMs else { return false }
        self.code = code
        toldMs = nowMs
        return true
    }

    /// A look that succeeded. True: those before it didn't.
    mutating func ends() -> Bool {
        defer { code = nil }
        return code != nil
    }
}

/// The topic of requests can't be read.
package struct RequestsUnheard: Event {
    package static let name = "resume.unheard"
    package var topic: String
    package var error: LogError
    package var level: LoggingPlan.Level { .warning }
    package var message: String {
        "\(error.message). Until topic \(topic) can be read, 'etl resume' isn't heard here; a restart and POST /resume let paused "
            + "partitions go on all the same"
    }
    package var fields: [(String, FieldValue)] {
        [
            ("topic", .string(topic)), ("code", .string(error.code)), ("kind", .string(error.kind.rawValue)),
            ("cause", .string(error.cause)),
        ]
    }
}

/// It can be read again.
package struct RequestsHeard: Event {
    package static let name = "resume.heard"
    package var topic: String
    package var level: LoggingPlan.Level { .info }
    package var message: String { "topic \(topic) can be read: from now on 'etl resume' is heard here; ask again" }
    package var fields: [(String, FieldValue)] { [("topic", .string(topic))] }
}
