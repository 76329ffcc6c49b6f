internal import Bytes
internal import Log

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
    /// Topics no letter goes to, and why.
    private var closed: [String: Kept] = [:]
    private var isPrepared = false
    private var hasParked = false
    /// More than any pipeline has: a header that anybody can write must not make a client of thousands of topics.
    static let most = 200
    /// Of wrong names a header can hold any number.
    private static let mostClosed = 10_000
    /// What brokers keep for themselves: a record of somebody else's there is a broken offset or transaction.
    private static let ofBrokers: Set<String> = [
        "__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata", "__remote_log_metadata",
    ]

    package init(_ plan: ReplayPlan) {
        self.plan = plan
        names = [plan.topic]
    }

    /// Asks for the topics that are known to be wanted. Throws where `--to` can't be one.
    mutating func prepare(_ log: any RecordLog) throws(LogError) {
        guard !isPrepared, plan.action == .replay else { return }
        if let parked = plan.parkedTopic, try isThere(parked, log) { hasParked = learn(parked) }
        if let to = plan.to {
            if let reason = Self.refusal(of: to) {
                throw LogError(.configuration, code: reason.code, "--to=\(to): \(reason.message)")
            }
            guard try log.describe(topics: [to]).first ?? nil != nil else {
                throw LogError(
                    .configuration, code: "log.topic_missing",
                    "--to=\(to): topic \(to) doesn't exist; make it, or name another. Nothing was done")
            }
            learn(to)
        }
        isPrepared = true
    }

    /// Asks the log about a topic that `route` wanted to know of. False: its letters stay, for the reason now noted.
    mutating func isThere(_ topic: String, _ log: any RecordLog) throws(LogError) -> Bool {
        do {
            guard try log.describe(topics: [topic]).first ?? nil != nil else {
                closed[topic] = .topicMissing(topic)
                return false
            }
        } catch {
            // A header that anybody can write; and of a topic that isn't there, a broker with ACLs says the same.
            guard error.code == "log.denied" else { throw error }
            _ = close(topic, error)
            return false
        }
        guard names.count < Self.most else {
            closed[topic] = .tooManyTopics(topic)
            return false
        }
        return true
    }

    /// Nothing goes to this topic any more: this user has no right to it.
    mutating func close(_ topic: String, _ error: LogError) -> Kept {
        let reason = Kept.topicDenied(topic, error)
        closed[topic] = reason
        return reason
    }

    /// Takes note of a topic that is there. True: it is new among `names`.
    @discardableResult
    mutating func learn(_ topic: String) -> Bool {
        guard !names.contains(topic) else { return false }
        names.append(topic)
        return true
    }

    package func route(_ facts: LetterFacts) -> Answer {
        guard let name = plan.to ?? facts.topic, !name.isEmpty else { return .known(.keep(.noTopic)) }
        if name == plan.topic { return .known(.keep(.sameTopic)) }
        // Its first failure wasn't a replay's.
        if let most = plan.maxAttempts, facts.attempt > most, let parked = plan.parkedTopic {
            guard hasParked else { return .known(.keep(.parkedMissing(parked, plan))) }
            return .known(.park(topic: 1))
        }
        if let reason = closed[name] ?? Self.refusal(of: name) { return .known(.keep(reason)) }
        if let index = names.firstIndex(of: name) { return .known(.send(topic: Int32(index), name: name)) }
        return closed.count < Self.mostClosed ? .ask(name) : .known(.keep(.tooManyTopics(name)))
    }

    /// Why nothing can go to a topic of this name, whether it is there or not.
    private static func refusal(of name: String) -> Kept? {
        if ofBrokers.contains(name) { return .internalTopic(name) }
        return isLegal(name) ? nil : .topicMissing(name)
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
    /// Whether a header is of whoever made a dead letter of the record. One like those of another writer is the record's own; of
    /// ours the history is replaced, whoever wrote the letter.
    private static func isAdded(_ name: UnsafeRawBufferPointer, by writer: LetterFacts.Writer) -> Bool {
        guard let (family, rest) = LetterHeader.family(of: name) else { return false }
        switch (family, writer) {
        case (.etl, .etl), (.etl, .unknown), (.connect, .connect), (.spring, .spring), (.streams, .streams): return true
        case (.etl, _): return ["topology", "stage", "attempt", "first_failed_at"].contains(rest)
        default: return false
        }
    }

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
        let own = record.headers.filter { !isAdded($0.name, by: facts.writer) }
        let list = arena.allocate((own.count + history.count) * MemoryLayout<LogHeader>.stride)
            .bindMemory(to: LogHeader.self, capacity: own.count + history.count)
        for (index, header) in own.enumerated() { (list + index).initialize(to: header) }
        for (index, header) in history.enumerated() {
            (list + own.count + index).initialize(to: LogHeader(name: arena.copy(header.0), value: arena.copy(header.1)))
        }
        return UnsafeBufferPointer(start: list, count: own.count + history.count)
    }
}
