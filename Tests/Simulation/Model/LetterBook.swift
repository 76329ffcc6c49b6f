import ETL
import Log

/// The letters of one topic, dead ones or parked ones, and what became of each.
final class LetterBook {
    enum End { case replayed, parked, kept }

    struct Entry {
        var place: Place
        var number: Int
        var attempt: Int
        var firstFailedAt: String
        var copy: RecordCopy
        /// Nil: it is pending.
        var end: End?
        /// The run that moved the position past it.
        var run: String?
    }

    let view: TopicView
    /// Where a stage's letters came from, and where they go back to.
    let source: TopicView
    let stage: String
    let group: String
    let isParked: Bool
    var entries: [Entry] = []

    init(_ log: MemoryLog, _ topic: String, of stage: String, from source: TopicView) throws(LogError) {
        view = try TopicView(log, topic, of: stage)
        self.source = source
        self.stage = stage
        group = ReplayPlan.group(of: topic)
        isParked = topic.hasSuffix(".parked")
    }

    var topic: String { view.name }
    var pending: [Entry] { entries.filter { $0.end == nil } }

    func add(_ record: LogRecord, _ number: Int, _ letter: Letter, _ copy: RecordCopy) {
        entries.append(
            Entry(
                place: Place(partition: record.partition, offset: record.offset), number: number, attempt: letter.attempt ?? -1,
                firstFailedAt: letter.firstFailedAt, copy: copy))
    }

    /// The first letter, pending as far as is known, for which replay's position stands beyond it and `fits` is true: it ended so.
    func settle(_ end: End, _ positions: [Int32: Int64], where fits: (Entry) -> Bool) -> Entry? {
        guard
            let at = entries.firstIndex(where: { $0.end == nil && positions[$0.place.partition] ?? 0 > $0.place.offset && fits($0) }
            )
        else { return nil }
        entries[at].end = end
        return entries[at]
    }

    /// The position passed these places.
    func pass(_ partition: Int32, from: Int64, to: Int64, by run: String) -> [Place] {
        var passed: [Place] = []
        for index in entries.indices {
            let place = entries[index].place
            guard place.partition == partition, place.offset >= from, place.offset < to else { continue }
            entries[index].run = run
            passed.append(place)
        }
        return passed
    }

    func isSettled(_ place: Place) -> Bool { entries.first { $0.place == place }?.end != nil }
}
