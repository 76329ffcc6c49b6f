internal import Bytes
package import Log

/// Where letters may go: the topics a run's producer is made with, and what is known of the others.
package struct LetterDestinations {
    /// What becomes of a letter.
    package enum Route: Equatable {
        case send(topic: Int32, name: String)
        case park(topic: Int32)
        case keep(Kept)
    }

    package enum Answer: Equatable {
        case known(Route)
        /// Nothing is known of this topic yet: describe it and `learn`.
        case ask(String)
    }

    private let plan: ReplayPlan
    /// The topic that is read comes first, since what is kept goes there; then the parked one, if there is one.
    package private(set) var names: [String]
    private var missing: Set<String> = []
    private var isPrepared = false
    private var hasParked = false
    /// More than any pipeline has: a header that anybody can write must not make a client of thousands of topics.
    private static let most = 200

    package init(_ plan: ReplayPlan) {
        self.plan = plan
        names = [plan.topic]
    }

    /// Asks for the topics that are known to be wanted.
    mutating func prepare(_ log: any RecordLog) throws(LogError) {
        guard !isPrepared, plan.action == .replay else { return }
        if let parked = plan.parkedTopic, let found = try log.describe(topics: [parked]).first, found != nil {
            hasParked = learn(parked, found)
        }
        if let to = plan.to { learn(to, try log.describe(topics: [to]).first ?? nil) }
        isPrepared = true
    }

    /// Takes note of what the log says of a topic. True: it is new among `names`.
    @discardableResult
    package mutating func learn(_ topic: String, _ description: TopicDescription?) -> Bool {
        guard description != nil, names.count < Self.most else {
            if missing.count < 10_000 { missing.insert(topic) }
            return false
        }
        guard !names.contains(topic) else { return false }
        names.append(topic)
        return true
    }

    package func route(_ facts: LetterFacts) -> Answer {
        guard let name = plan.to ?? facts.topic, !name.isEmpty else { return .known(.keep(.noTopic)) }
        if name == plan.topic { return .known(.keep(.sameTopic)) }
        // Its first failure wasn't a replay's.
        if let most = plan.maxAttempts, facts.attempt > most, let parked = plan.parkedTopic {
            guard hasParked else { return .known(.keep(.parkedMissing(parked))) }
            return .known(.park(topic: 1))
        }
        if let index = names.firstIndex(of: name) { return .known(.send(topic: Int32(index), name: name)) }
        if missing.contains(name) || !Self.isLegal(name) { return .known(.keep(.topicMissing(name))) }
        return missing.count < 10_000 ? .ask(name) : .known(.keep(.topicMissing(name)))
    }

    /// What Kafka takes for a topic's name; anything else isn't worth a question.
    private static func isLegal(_ name: String) -> Bool {
        name.utf8.count <= 249 && name != "." && name != ".."
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || byte == 0x2e || byte == 0x5f || byte == 0x2d
            }
    }
}

extension LetterFacts {
    /// The partition it came from, where that is the same topic; else that of its key, as every client of Kafka would have it.
    func partition(ofRecord record: LogRecord, in topic: String, count: Int32) -> Int32 {
        let count = max(count, 1)
        if topic == self.topic, let partition, (0..<count).contains(partition) { return partition }
        return record.key.baseAddress == nil ? record.partition % count : Partitioner.partition(of: record.key, count: count)
    }
}

/// The headers of a replayed record: its own as they were, and its history, so that a record that fails again is one dead letter
/// and not two.
enum ReplayedHeaders {
    static func make(
        _ record: LogRecord, _ facts: LetterFacts, nowMs: Int64, in arena: inout Arena
    ) -> UnsafeBufferPointer<LogHeader> {
        var history: [(String, String)] = []
        if facts.writer == .etl {
            history = [(DeadLetterHeader.topology, facts.topology), (DeadLetterHeader.stage, facts.stage)]
        }
        let failedAt =
            facts.firstFailedAt ?? facts.failedAt
            ?? formatTimestamp(milliseconds: record.timestamp >= 0 ? record.timestamp : nowMs)
        history += [(DeadLetterHeader.attempt, String(facts.attempt + 1)), (DeadLetterHeader.firstFailedAt, failedAt)]
        let own = record.headers.filter { LetterHeader.family(of: $0.name) == nil }
        let list = arena.allocate((own.count + history.count) * MemoryLayout<LogHeader>.stride)
            .bindMemory(to: LogHeader.self, capacity: own.count + history.count)
        for (index, header) in own.enumerated() { (list + index).initialize(to: header) }
        for (index, header) in history.enumerated() {
            (list + own.count + index).initialize(to: LogHeader(name: arena.copy(header.0), value: arena.copy(header.1)))
        }
        return UnsafeBufferPointer(start: list, count: own.count + history.count)
    }
}
