package import Log

/// What one run over a dead-letter topic is asked to do.
package struct ReplayPlan: Sendable {
    package enum Action: Sendable, Equatable { case replay, discard }

    package var action: Action
    /// The topic that is read: of dead letters, or of parked ones.
    package var topic: String
    /// Where every letter goes; nil: each to the topic it came from.
    package var to: String?
    /// As given to `--where` and `--set`.
    package var filter: String?
    package var sets: [String] = []
    /// Records a second; nil: as fast as it goes.
    package var rate: Double?
    /// Letters replayed or discarded; nil: all.
    package var limit: Int64?
    /// Where the run ends in each partition, where somebody was told what it is about; nil: where the topic ends when it starts.
    package var ends: [Int32: Int64]?
    /// How often a record may be replayed before it is parked; nil: no limit, for parked ones that are taken back.
    package var maxAttempts: Int?
    /// An extractor's letters are rows of CSV files: `--set` makes an object of one.
    package var areRows = false

    /// Whether 'etl topics create' makes the topic for parked letters.
    package var parkedIsOurs = false
    /// The brokers, for the commands that messages name.
    package var servers = "HOST:PORT"
    /// Begin at the oldest letter where the brokers keep no position, whatever its age.
    package var fromStart = false
    /// For how long brokers keep a position after it was last moved: Kafka's `offsets.retention.minutes`, 7 days unless set.
    package var positionRetentionMs: Int64 = 7 * 86_400_000

    package init(action: Action, topic: String) {
        self.action = action
        self.topic = topic
    }

    /// The plan's `--where` and `--set`, compiled. Throws what is wrong with them.
    package func program() throws(ETLError) -> LetterProgram { try LetterProgram(topic: topic, filter: filter, sets: sets) }

    /// The group whose offset in `topic` says what was dealt with. It follows from the topic's name alone, so that whichever way
    /// the topic was named, it is one position. The producer's transactional id is the same.
    package var group: String { Self.group(of: topic) }
    /// Where letters go that were replayed too often; nil: nowhere, this is that topic.
    package var parkedTopic: String? { topic.hasSuffix(".parked") ? nil : Self.stem(topic) + ".parked" }

    /// `etl.orders.validate.replay` for `orders.validate.dlq`.
    package static func group(of topic: String) -> String { "etl.\(stem(topic)).replay" }

    private static func stem(_ topic: String) -> String { topic.hasSuffix(".dlq") ? String(topic.dropLast(4)) : topic }
}

/// Why a letter stays a dead letter. Codes are part of the documented list.
package struct Kept: Equatable, Sendable {
    package var code: String
    /// Without the record's values.
    package var message: String

    package static let unmatched = Kept(code: "where.unmatched", message: "--where isn't true")

    package static func filterFailed(_ reason: String) -> Kept { Kept(code: "where.failed", message: "--where \(reason)") }

    package static let noTopic = Kept(
        code: "replay.no_topic", message: "no header says which topic it came from; name one with --to=TOPIC")

    package static func topicMissing(_ topic: String) -> Kept {
        Kept(
            code: "replay.topic_missing",
            message: "topic \(topic), where it came from, doesn't exist any more; make it, or name another with --to=TOPIC")
    }

    package static func topicDenied(_ topic: String, _ error: LogError) -> Kept {
        Kept(
            code: "replay.topic_denied",
            message: "topic \(topic), where it came from, isn't there or is out of this user's reach (\(error.message)); "
                + "ask for the right, or name another topic with --to=TOPIC")
    }

    package static func internalTopic(_ topic: String) -> Kept {
        Kept(
            code: "replay.internal_topic",
            message: "topic \(topic) is the brokers' own, and takes no records of others; name another with --to=TOPIC")
    }

    package static func tooManyTopics(_ topic: String) -> Kept {
        Kept(
            code: "replay.too_many_topics",
            message: "topic \(topic) is one more than a run sends to; replay its letters alone: "
                + "--where 'dlq.topic == \"\(topic)\"'")
    }

    package static let sameTopic = Kept(
        code: "replay.same_topic", message: "it would go into the topic it is read from; name another with --to=TOPIC")

    package static func parkedMissing(_ topic: String, _ plan: ReplayPlan) -> Kept {
        let cure =
            plan.parkedIsOurs
            ? "etl topics create" : "kafka-topics.sh --bootstrap-server \(plan.servers) --create --topic \(topic)"
        return Kept(
            code: "replay.parked_missing",
            message: "it was replayed too often, and topic \(topic) for such records doesn't exist, or may not be looked at; "
                + "make it with '\(cure)'")
    }

    /// The topic that it is read from doesn't take it any more, so that it can't be passed without being lost.
    package static func blocked(_ topic: String, _ error: LogError) -> Kept {
        Kept(
            code: "replay.blocked",
            message: "it would have to be written to \(topic) again, which doesn't take it any more (\(error.message)): it stays "
                + "where it is, and with it what is behind it in its partition. Raise max.message.bytes of \(topic), "
                + "or replay or discard it")
    }

    /// What the brokers refuse for itself.
    package static func refused(_ error: LogError) -> Kept { Kept(code: error.code, message: error.message) }

    package init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}

/// What a run has done, committed.
package struct ReplaySummary: Equatable, Sendable {
    package struct Reason: Equatable, Sendable {
        package var kept: Kept
        package var count: Int64
        /// The first one's place.
        package var place: String
    }

    package var replayed: Int64 = 0
    package var parked: Int64 = 0
    package var discarded: Int64 = 0
    /// By reason, in the order first met.
    package var reasons: [Reason] = []
    /// Offsets that the topic's retention took before they were dealt with.
    package var expired: Int64 = 0
    package var elapsedMs: Int64 = 0

    package init() {}

    package var kept: Int64 { reasons.reduce(0) { $0 + $1.count } }
    /// Whether there were letters it was about, and each of them stays for an error.
    package var isInVain: Bool {
        let codes = Set(reasons.map(\.kept.code))
        // Where --where is true of none, that it can't be evaluated on some is no failure.
        let isOfErrors = codes == ["where.failed"] || !codes.isSubset(of: ["where.failed", Kept.unmatched.code])
        return replayed + parked + discarded == 0 && isOfErrors
    }
    /// Letters dealt with, in a second.
    package var rate: Double { Double(replayed + parked + discarded) * 1000 / Double(max(elapsedMs, 1)) }

    package mutating func keep(_ kept: Kept, _ place: @autoclosure () -> String, count: Int64 = 1) {
        if let same = reasons.firstIndex(where: { $0.kept.code == kept.code }) {
            reasons[same].count += count
        } else {
            reasons.append(Reason(kept: kept, count: count, place: place()))
        }
    }

    /// Adds what one transaction did.
    package mutating func add(_ other: ReplaySummary) {
        replayed += other.replayed
        parked += other.parked
        discarded += other.discarded
        for reason in other.reasons { keep(reason.kept, reason.place, count: reason.count) }
    }
}
