import ETL
import Log

/// Dead letters: that they are those that should be, and that each ends once, in what replay's position stands for.
extension Ledger {
    func seeExtractLetter(_ record: LogRecord, _ number: Int, _ letter: Letter) {
        let topic = topics.extractDead
        guard let row = data.row(number) else { return blame("\(topic): a record has no number") }
        if row.reachesRaw { blame("\(topic): row \(number) is there, which nothing is wrong with") }
        if !extractDead.insert(number).inserted { blame("\(topic): row \(number) is there twice") }
        if letter.row != row.rowInFile { blame("\(topic): row \(number) is called row \(letter.row ?? -1), not \(row.rowInFile)") }
    }

    func seeStageLetter(_ record: LogRecord, _ number: Int, _ letter: Letter) {
        guard let (place, row) = seeLetter(stageLetters, record, number, letter) else { return }
        let topic = topics.stageDead
        if row.fate != .againstTheRule { blame("\(topic): record \(number) is there, with code \(letter.code)") }
        if !stageDead.insert(place).inserted, isExactlyOnce { blame("\(topic): record \(number) is there twice") }
        if letter.step != "rule" || letter.topic != topics.raw {
            blame("\(topic): record \(number) says step \(letter.step), \(letter.topic) \(place)")
        }
        checkAtomic(place, number, topic)
    }

    func seeLoadLetter(_ record: LogRecord, _ number: Int, _ letter: Letter) {
        guard let (place, row) = seeLetter(loadLetters, record, number, letter) else { return }
        let topic = topics.loadDead
        let code = row.fate == .inconvertible ? "load.conversion" : row.loadFailures > 0 ? "load.rejected" : "none"
        if letter.code != code { blame("\(topic): record \(number) has code \(letter.code), not \(code)") }
        if !loadDead.insert(place).inserted { blame("\(topic): record \(number) of \(place) is there twice") }
        if !rejected.contains(place) { blame("\(topic): record \(number) of \(place) is there before Postgres has its batch") }
    }

    /// What every letter of a stage must keep to. Nil: it is one that a replay kept, or something is wrong with it.
    private func seeLetter(_ book: LetterBook, _ record: LogRecord, _ number: Int, _ letter: Letter) -> (Place, DataSet.Row)? {
        let what = "\(book.topic): record \(number)"
        guard let row = data.row(number) else {
            blame("\(book.topic): a record has no number")
            return nil
        }
        let copy = RecordCopy(record)
        defer { book.add(record, number, letter, copy) }
        if wasKept(book, number, copy) { return nil }
        guard let place = letter.place, let input = book.source.seen(at: place), input.number == number else {
            blame("\(what) says it is from \(letter.place.map { "\($0)" } ?? "nowhere"), where it isn't")
            return nil
        }
        if letter.stage != book.stage || letter.attempt != input.attempt {
            blame("\(what) of \(place) says attempt \(letter.attempt ?? -1) of \(letter.stage); it is attempt \(input.attempt)")
        }
        let first = input.attempt == 1 ? letter.failedAt : input.firstFailedAt
        if letter.firstFailedAt != first { blame("\(what) of \(place) first failed at \(letter.firstFailedAt), not \(first)") }
        checkContent(record, number, book.topic, value: value(number, in: book.source.name, attempt: input.attempt))
        return (place, row)
    }

    /// Replay writes what it doesn't deal with again: where its filter leaves it out, or brokers refuse it.
    private func wasKept(_ book: LetterBook, _ number: Int, _ copy: RecordCopy) -> Bool {
        guard let replay, let row = data.row(number) else { return false }
        guard replay.hasFilter && row.isLeftOut || replay.refusesLarge && row.isTooLarge else { return false }
        return book.settle(.kept, committed[book.group] ?? [:]) { $0.copy == copy } != nil
    }

    func seeParked(_ book: LetterBook, _ dead: LetterBook, _ record: LogRecord, _ number: Int, _ letter: Letter) {
        let copy = RecordCopy(record)
        defer { book.add(record, number, letter, copy) }
        if wasKept(book, number, copy) { return }
        guard dead.settle(.parked, committed[dead.group] ?? [:], where: { $0.copy == copy }) != nil else {
            return blame("\(book.topic): record \(number) is there, but no letter like it that \(dead.group) has passed")
        }
        if let most = replay?.maxAttempts, letter.attempt ?? 0 <= most {
            blame(
                "\(book.topic): record \(number) is there after \(letter.attempt ?? -1) attempts, and \(most) replays are allowed")
        }
    }

    /// A record that has been at the stage behind its topic before: it is the one letter that stands for it.
    func seeReplayed(_ books: [LetterBook], _ record: LogRecord, _ number: Int, _ letter: Letter) {
        guard let topic = books.first?.source.name, let attempt = letter.attempt else { return }
        let what = "\(topic): record \(number), attempt \(attempt),"
        for book in books {
            let positions = committed[book.group] ?? [:]
            // Those replayed too often are to be parked; what was parked may be taken back.
            if !book.isParked, let most = replay?.maxAttempts, attempt - 1 > most { continue }
            let found = book.settle(.replayed, positions) {
                $0.number == number && $0.attempt == attempt - 1 && $0.firstFailedAt == letter.firstFailedAt
            }
            guard found != nil else { continue }
            if letter.count != 4 { blame("\(what) has \(letter.count) headers of its history") }
            return checkContent(record, number, topic, value: value(number, in: topic, attempt: attempt))
        }
        blame("\(what) is there, but replay has passed no letter of \(attempt - 1) attempts that may go back")
    }

    /// Key and own headers are those the record began with, and its value is what it has to be by now.
    func checkContent(_ record: LogRecord, _ number: Int, _ topic: String, value: [UInt8]) {
        let own = record.headers.filter { !Header.isHistory($0) }.map(Header.init)
        if own != DataSet.ownHeaders(number) { blame("\(topic): record \(number) has lost headers of its own, or has more") }
        if !record.key.elementsEqual((data.row(number)?.key ?? "").utf8) { blame("\(topic): record \(number) has another key") }
        if !record.value.elementsEqual(value) {
            blame("\(topic): record \(number) is \(text(record.value)), not \(String(decoding: value, as: UTF8.self))")
        }
    }

    /// A record's bytes at one of its attempts: as they came, unless `--set` has mended them.
    func value(_ number: Int, in topic: String, attempt: Int) -> [UInt8] {
        guard let row = data.row(number) else { return [] }
        let passes = topic == topics.out || attempt > row.failures
        let isMended = replay?.mends == true && row.stageFailures > 0 && passes
        return Array(
            "{\"n\":\(number),\"k\":\"\(row.key)\",\"bad\":\(row.fate == .againstTheRule && !isMended),\"heals\":\(row.failures)}"
                .utf8)
    }

    /// A run came to its end: what it said it did.
    func ended(_ run: String, _ topic: String, _ summary: ReplaySummary) { reports.append((run, topic, summary)) }

    /// At the end: is each letter accounted for, and did each run say what it did?
    func concludeLetters() -> String? {
        for (run, topic, summary) in reports {
            guard let book = books.first(where: { $0.topic == topic }) else { continue }
            let own = book.entries.filter { $0.run == run }
            // Where another run has moved the position exactly as far meanwhile, the one without an answer can't tell.
            let asked = unanswered.filter { $0.run == run && $0.group == book.group }.flatMap(\.offsets)
            let shared = book.entries.filter { entry in
                entry.run != run && asked.contains { $0.partition == entry.place.partition && $0.offset > entry.place.offset }
            }
            for (end, said) in [(LetterBook.End.replayed, summary.replayed), (.parked, summary.parked)] {
                let (least, more) = (own.count { $0.end == end }, shared.count { $0.end == end })
                guard (Int64(least)...Int64(least + more)).contains(said) else {
                    return "\(run) says \(summary.replayed) replayed, \(summary.parked) parked of \(topic); \(end) were \(least)"
                }
            }
        }
        for row in data.rows where row.reachesRaw {
            let failed = [stageLetters, stageParked].reduce(0) { $0 + $1.pending.count { $0.number == row.number } }
            let refused = [loadLetters, loadParked].reduce(0) { $0 + $1.pending.count { $0.number == row.number } }
            let rows = loadedNumbers[row.number] ?? 0
            if failed + refused + rows == 0 || isExactlyOnce && failed + refused + rows > 1 {
                return "record \(row.number) ended as \(rows) rows, \(failed) letters of the stage, \(refused) of the loader"
            }
        }
        return nil
    }
}
