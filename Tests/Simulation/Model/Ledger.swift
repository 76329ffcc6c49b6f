import ETL
import Log

/// Watches what becomes visible, at every step, and says what is wrong with it: a record lost, doubled or out of its key's order,
/// an offset ahead of what it stands for, a dead letter that is wrong.
///
/// A read-committed view only grows, so each record is looked at once, when it appears. Offsets are in `Ledger+Offsets.swift`.
final class Ledger {
    let topics: Topics
    let data: DataSet
    let isExactlyOnce: Bool
    let stageGroup: String
    let loadGroup: String
    let raw: TopicView
    let out: TopicView
    let extractLetters: TopicView
    let stageLetters: TopicView
    let loadLetters: TopicView
    var rawOrder: KeyOrder
    var outOrder: KeyOrder
    /// Where each number stands in `raw`.
    private var rawPlaces: [Int: Place] = [:]
    /// Numbers among the dead letters of extractor and stage; places in `out` of the loader's.
    private(set) var extractDead: Set<Int> = []
    private(set) var stageDead: Set<Int> = []
    private(set) var loadDead: Set<Place> = []
    /// Places in `out` of what is in the table, and of what Postgres knows to be rejected.
    var loaded: Set<Place> = []
    var rejected: Set<Place> = []
    /// By group and partition.
    var committed: [String: [Int32: Int64]] = [:]
    var duties: [Duty] = []
    private(set) var fault: String?

    init(_ log: MemoryLog, _ data: DataSet, _ topics: Topics, _ plan: Plan, isExactlyOnce: Bool) throws(LogError) {
        self.data = data
        self.topics = topics
        self.isExactlyOnce = isExactlyOnce
        stageGroup = plan.group(of: plan.stages[0])
        loadGroup = plan.group(of: plan.stages[1])
        raw = try TopicView(log, topics.raw)
        out = try TopicView(log, topics.out)
        extractLetters = try TopicView(log, topics.extractDead)
        stageLetters = try TopicView(log, topics.stageDead)
        loadLetters = try TopicView(log, topics.loadDead)
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
            try stageLetters.advance(seeStageLetter)
            try loadLetters.advance(seeLoadLetter)
        } catch {
            // Only a log that was shut down can't be read, and that is after a failure.
        }
        settleDuties()
        return fault
    }

    private func seeRaw(_ record: LogRecord) {
        guard let number = firstNumber(record.value) else { return blame("\(topics.raw): a record has no number") }
        if let what = rawOrder.see(number, text(record.key)) { return blame("\(topics.raw): \(what)") }
        rawPlaces[number] = Place(partition: record.partition, offset: record.offset)
    }

    private func seeOut(_ record: LogRecord) {
        guard let number = firstNumber(record.value) else { return blame("\(topics.out): a record has no number") }
        if let what = outOrder.see(number, text(record.key)) { return blame("\(topics.out): \(what)") }
        checkAtomic(number, topics.out)
    }

    /// Exactly once: what a stage wrote is never seen without the offsets of its input.
    private func checkAtomic(_ number: Int, _ topic: String) {
        guard isExactlyOnce, let place = rawPlaces[number] else { return }
        let stands = committed[stageGroup]?[place.partition] ?? 0
        if stands <= place.offset {
            blame("\(topic): record \(number) is there, but \(stageGroup) stands at \(place.partition)@\(stands), before its input")
        }
    }

    private func seeExtractLetter(_ record: LogRecord) {
        let topic = topics.extractDead
        guard let number = firstNumber(record.value), let row = data.row(number) else {
            return blame("\(topic): a record has no number")
        }
        if row.fate != .unreadable && row.fate != .keyless {
            blame("\(topic): row \(number) is there, which nothing is wrong with")
        }
        if !extractDead.insert(number).inserted { blame("\(topic): row \(number) is there twice") }
        let letter = Letter(record)
        if letter.row != row.rowInFile { blame("\(topic): row \(number) is called row \(letter.row ?? -1), not \(row.rowInFile)") }
    }

    private func seeStageLetter(_ record: LogRecord) {
        let topic = topics.stageDead
        guard let number = firstNumber(record.value), let row = data.row(number) else {
            return blame("\(topic): a record has no number")
        }
        let letter = Letter(record)
        if row.fate != .againstTheRule { blame("\(topic): record \(number) is there, with code \(letter.code)") }
        if !stageDead.insert(number).inserted, isExactlyOnce { blame("\(topic): record \(number) is there twice") }
        if letter.step != "rule" || letter.topic != topics.raw || letter.place != rawPlaces[number] {
            blame(
                "\(topic): record \(number) says step \(letter.step), \(letter.topic) \(letter.place.map { "\($0)" } ?? "nowhere")")
        }
        checkAtomic(number, topic)
    }

    private func seeLoadLetter(_ record: LogRecord) {
        let topic = topics.loadDead
        guard let number = firstNumber(record.value), let row = data.row(number) else {
            return blame("\(topic): a record has no number")
        }
        let letter = Letter(record)
        guard let place = letter.place, out.number(at: place) == number else {
            return blame("\(topic): record \(number) says it is from \(letter.place.map { "\($0)" } ?? "nowhere"), where it isn't")
        }
        let code = row.fate == .inconvertible ? "load.conversion" : row.fate == .refused ? "load.rejected" : "none"
        if letter.code != code { blame("\(topic): record \(number) has code \(letter.code), not \(code)") }
        if !loadDead.insert(place).inserted { blame("\(topic): record \(number) of \(place) is there twice") }
        if !rejected.contains(place) { blame("\(topic): record \(number) of \(place) is there before Postgres has its batch") }
    }

    private func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

    func blame(_ what: String) { fault = fault ?? what }
}
