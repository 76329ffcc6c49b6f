import ETL
import Log

/// Watches what becomes visible, at every step, and says what is wrong with it: a record lost, doubled or out of its key's order,
/// an offset ahead of what it stands for, a dead letter that is wrong, one that is replayed twice or not at all.
///
/// A read-committed view only grows, so each record is looked at once, when it appears. Offsets are in `Ledger+Offsets.swift`,
/// dead letters in `Ledger+Letters.swift`.
final class Ledger {
    /// One attempt of a stage at a record.
    struct Attempt: Hashable {
        var number: Int
        var attempt: Int
    }

    let topics: Topics
    let data: DataSet
    let replay: ReplayWeather?
    let isExactlyOnce: Bool
    let stageGroup: String
    let loadGroup: String
    let raw: TopicView
    let out: TopicView
    let extractLetters: TopicView
    let stageLetters: LetterBook
    let loadLetters: LetterBook
    let stageParked: LetterBook
    let loadParked: LetterBook
    var books: [LetterBook] { [stageLetters, loadLetters, stageParked, loadParked] }
    /// Of records that no replay brought.
    private var rawOrder: KeyOrder
    private var outOrder: KeyOrder
    /// Numbers of those that a replay brought through the stage.
    private var helped: Set<Int> = []
    /// Where the latest of each attempt stands in `raw`.
    private var rawPlaces: [Attempt: Place] = [:]
    /// Numbers of rows among the extractor's dead letters; places in `raw` of the stage's, and in `out` of the loader's.
    var extractDead: Set<Int> = []
    var stageDead: Set<Place> = []
    var loadDead: Set<Place> = []
    /// Places in `out` of what is in the table, and of what Postgres knows to be rejected.
    var loaded: Set<Place> = []
    var loadedNumbers: [Int: Int] = [:]
    var rejected: Set<Place> = []
    /// Which process had them rejected.
    var loaders: [Place: String] = [:]
    /// Processes.
    var crashed: Set<String> = []
    /// By group and partition.
    var committed: [String: [Int32: Int64]] = [:]
    var duties: [Duty] = []
    var reports: [(run: String, topic: String, summary: ReplaySummary)] = []
    /// What a process asked to be committed and had no answer to.
    var unanswered: [(run: String, group: String, offsets: [PartitionOffset])] = []
    private(set) var fault: String?

    init(_ log: MemoryLog, _ data: DataSet, _ topics: Topics, _ plan: Plan, _ weather: Weather) throws(LogError) {
        self.data = data
        self.topics = topics
        replay = weather.replay
        isExactlyOnce = weather.isExactlyOnce
        let (stage, load) = (plan.stages[0], plan.stages[1])
        stageGroup = plan.group(of: stage)
        loadGroup = plan.group(of: load)
        raw = try TopicView(log, topics.raw, of: stage.name)
        out = try TopicView(log, topics.out, of: load.name)
        extractLetters = try TopicView(log, topics.extractDead, of: plan.extractors[0].name)
        stageLetters = try LetterBook(log, topics.stageDead, of: stage.name, from: raw)
        loadLetters = try LetterBook(log, topics.loadDead, of: load.name, from: out)
        stageParked = try LetterBook(log, topics.stageParked, of: stage.name, from: raw)
        loadParked = try LetterBook(log, topics.loadParked, of: load.name, from: out)
        rawOrder = KeyOrder(expected: data.raw, mayRepeat: false)
        outOrder = KeyOrder(expected: data.out, mayRepeat: !isExactlyOnce)
    }

    /// Looks at everything that can be read now and couldn't before. Nil: nothing is wrong.
    func inspect() -> String? {
        guard fault == nil else { return fault }
        do {
            try raw.advance(seeRaw)
            try out.advance(seeOut)
            try extractLetters.advance(seeExtractLetter)
            try stageLetters.view.advance(seeStageLetter)
            try loadLetters.view.advance(seeLoadLetter)
            try stageParked.view.advance { seeParked(stageParked, stageLetters, $0, $1, $2) }
            try loadParked.view.advance { seeParked(loadParked, loadLetters, $0, $1, $2) }
        } catch {
            // Only a log that was shut down can't be read, and that is after a failure.
        }
        settleDuties()
        return fault
    }

    private func seeRaw(_ record: LogRecord, _ number: Int, _ letter: Letter) {
        guard data.row(number) != nil else { return blame("\(topics.raw): a record has no number") }
        if letter.count > 0 {
            seeReplayed([stageLetters, stageParked], record, number, letter)
        } else {
            if let what = rawOrder.see(number, text(record.key)) { return blame("\(topics.raw): \(what)") }
            checkContent(record, number, topics.raw, value: value(number, in: topics.raw, attempt: 1))
        }
        let attempt = Attempt(number: number, attempt: letter.attempt ?? 1)
        rawPlaces[attempt] = Place(partition: record.partition, offset: record.offset)
    }

    private func seeOut(_ record: LogRecord, _ number: Int, _ letter: Letter) {
        guard let row = data.row(number) else { return blame("\(topics.out): a record has no number") }
        if letter.stage == loadLetters.stage { return seeReplayed([loadLetters, loadParked], record, number, letter) }
        if row.stageFailures == 0 {
            if let what = outOrder.see(number, text(record.key)) { return blame("\(topics.out): \(what)") }
        } else {
            if letter.attempt ?? 1 <= row.stageFailures { blame("\(topics.out): record \(number) is there, which breaks the rule") }
            if !helped.insert(number).inserted, isExactlyOnce { blame("\(topics.out): record \(number) is there twice") }
        }
        checkContent(record, number, topics.out, value: value(number, in: topics.out, attempt: 1))
        if let place = rawPlaces[Attempt(number: number, attempt: letter.attempt ?? 1)] { checkAtomic(place, number, topics.out) }
    }

    /// Exactly once: what a stage wrote is never seen without the offsets of its input.
    func checkAtomic(_ place: Place, _ number: Int, _ topic: String) {
        guard isExactlyOnce else { return }
        let stands = committed[stageGroup]?[place.partition] ?? 0
        if stands <= place.offset {
            blame("\(topic): record \(number) is there, but \(stageGroup) stands at \(place.partition)@\(stands), before its input")
        }
    }

    /// Whether the stage's answer to a record of `raw` is there.
    func isDone(_ place: Place) -> Bool {
        guard let input = raw.seen(at: place), let row = data.row(input.number) else { return false }
        if input.attempt <= row.stageFailures { return stageDead.contains(place) }
        return row.stageFailures > 0 ? helped.contains(row.number) : outOrder.has(row.number, row.key)
    }

    /// Whether the table takes a record of `out`.
    func isRejected(_ seen: TopicView.Seen) -> Bool { data.row(seen.number)?.loadFailures ?? 0 >= seen.attempt }

    /// What never came from the files.
    var missing: String? {
        if let missing = rawOrder.missing { return "\(topics.raw): \(missing)" }
        if let missing = outOrder.missing { return "\(topics.out): \(missing)" }
        for row in data.rows where !row.reachesRaw && !extractDead.contains(row.number) {
            return "\(topics.extractDead): row \(row.number) never came"
        }
        return nil
    }

    func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

    func blame(_ what: String) { fault = fault ?? what }
}
