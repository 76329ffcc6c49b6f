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
    /// How often a record may be replayed before it is parked; nil: no limit, for parked ones that are taken back.
    package var maxAttempts: Int?
    /// An extractor's letters are rows of CSV files: `--set` makes an object of one.
    package var areRows = false

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

    package static let sameTopic = Kept(
        code: "replay.same_topic", message: "it would go into the topic it is read from; name another with --to=TOPIC")

    package static func parkedMissing(_ topic: String) -> Kept {
        Kept(
            code: "replay.parked_missing",
            message:
                "it was replayed too often, and topic \(topic) for such records doesn't exist; make it with 'etl topics create'")
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
