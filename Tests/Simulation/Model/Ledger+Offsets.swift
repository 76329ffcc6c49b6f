import ETL
import Log

/// What must have been seen once everything written until some moment can be read: offsets were committed that stand for it.
struct Duty {
    enum Kind {
        case stage, loader
        /// By the letters' topic.
        case replay(LetterBook)
    }

    var kind: Kind
    var group: String
    /// In the group's topic.
    var places: [Place]
    /// Where what stands for them is written, and how far that went at the time.
    var written: [(view: TopicView, ends: [Int64])]
}

extension Ledger {
    /// A group's offsets moved.
    func committed(_ offsets: [PartitionOffset], _ group: String, _ postgres: Postgres, by process: String) -> String? {
        let before = committed[group] ?? [:]
        for offset in offsets {
            let stood = before[offset.partition] ?? 0
            if offset.offset < stood {
                blame("\(group): partition \(offset.partition) went back from \(stood) to \(offset.offset)")
            }
            committed[group, default: [:]][offset.partition] = offset.offset
        }
        _ = inspect()
        let book = books.first { $0.group == group }
        let view = book?.view ?? (group == stageGroup ? raw : out)
        var places: [Place] = []
        for offset in offsets {
            if offset.offset > view.ends[Int(offset.partition)] {
                blame("\(group): stands at \(offset.partition)@\(offset.offset), where nothing can be read yet")
            }
            let from = before[offset.partition] ?? 0
            if let book {
                places += book.pass(offset.partition, from: from, to: offset.offset, by: process)
            } else if group == stageGroup {
                places += view.records(offset.partition, from: from, to: offset.offset).map {
                    Place(partition: offset.partition, offset: $0.offset)
                }
            } else {
                places += rejectedPlaces(offset, from: from, postgres)
            }
        }
        if !places.isEmpty { duties.append(duty(group, book, places)) }
        settleDuties()
        return fault
    }

    /// Those that must be dead letters, of what the loaders' group passed.
    private func rejectedPlaces(_ offset: PartitionOffset, from: Int64, _ postgres: Postgres) -> [Place] {
        let passed = out.records(offset.partition, from: from, to: offset.offset)
        let next = postgres.offsets[offset.partition]?.next ?? 0
        if let ahead = passed.first(where: { $0.offset >= next }) {
            blame(
                "\(loadGroup): stands at \(offset.partition)@\(offset.offset), but Postgres at \(next), without record \(ahead.number)"
            )
        }
        return passed.filter(isRejected).map { Place(partition: offset.partition, offset: $0.offset) }
    }

    private func duty(_ group: String, _ book: LetterBook?, _ places: [Place]) -> Duty {
        let kind: Duty.Kind
        let views: [TopicView]
        if let book {
            kind = .replay(book)
            views =
                [book.source, book.view]
                + (book === stageLetters ? [stageParked.view] : book === loadLetters ? [loadParked.view] : [])
        } else if group == stageGroup {
            kind = .stage
            views = [out, stageLetters.view]
        } else {
            kind = .loader
            views = [loadLetters.view]
        }
        return Duty(kind: kind, group: group, places: places, written: views.map { ($0, $0.written()) })
    }

    func settleDuties() {
        duties.removeAll { duty in
            guard duty.written.allSatisfy({ view, ends in zip(view.ends, ends).allSatisfy { $0 >= $1 } }) else { return false }
            for place in duty.places {
                switch duty.kind {
                case .stage:
                    if isDone(place) { continue }
                    let number = raw.seen(at: place)?.number ?? -1
                    blame("\(duty.group): its offsets are past record \(number), whose output isn't there")
                case .loader:
                    if loadDead.contains(place) { continue }
                    blame("\(duty.group): its offsets are past \(place), whose dead letter isn't there")
                case .replay(let book):
                    if book.isSettled(place) { continue }
                    let number = book.view.seen(at: place)?.number ?? -1
                    blame("\(duty.group): its offsets are past record \(number), which is neither replayed, parked nor kept")
                }
            }
            return true
        }
    }

    /// Postgres is about to commit a batch: it must hold exactly what stands in the topic between the offsets it moves.
    func loading(_ transaction: Postgres.Transaction) {
        _ = inspect()
        for offset in transaction.offsets {
            if offset.next > out.ends[Int(offset.partition)] {
                blame("Postgres: partition \(offset.partition) moves to \(offset.next), where nothing can be read yet")
            }
            let there = out.records(offset.partition, from: offset.expected ?? 0, to: offset.next)
            let rows = transaction.rows.filter { $0.partition == offset.partition }
            let wanted = there.filter { !isRejected($0) }
            if rows.map(\.offset) != wanted.map(\.offset) || rows.map(\.number) != wanted.map(\.number) {
                blame(
                    "Postgres: partition \(offset.partition) moves from \(offset.expected ?? 0) to \(offset.next) with rows "
                        + "\(rows.map(\.number)); the topic has \(wanted.map(\.number)) there")
            }
            let rejected = transaction.rejected.filter { $0.partition == offset.partition }.map(\.offset).sorted()
            let wantedRejected = there.filter(isRejected).map(\.offset)
            if rejected != wantedRejected {
                blame(
                    "Postgres: partition \(offset.partition) moves to \(offset.next) with offsets \(rejected) rejected; the topic "
                        + "has \(wantedRejected) to reject there")
            }
            for row in rows {
                loadedNumbers[row.number, default: 0] += 1
                if !loaded.insert(Place(partition: row.partition, offset: row.offset)).inserted {
                    blame("Postgres: row \(row.number) is there twice")
                }
            }
            for rejected in rejected {
                let place = Place(partition: offset.partition, offset: rejected)
                self.rejected.insert(place)
                loaders[place] = transaction.client
            }
        }
        let moved = Set(transaction.offsets.map(\.partition))
        if let stray = transaction.rows.first(where: { !moved.contains($0.partition) }) {
            blame("Postgres: row \(stray.number) of partition \(stray.partition), whose offset doesn't move")
        }
    }

    /// At the end: is everything where it belongs, as far as the loaders were to go?
    func conclude(_ goal: [PartitionRange]?) -> String? {
        guard let goal else { return "the loaders never had anything to drain" }
        if let fault = inspect() ?? missing { return fault }
        for (partition, records) in raw.records.enumerated() {
            for record in records where !isDone(Place(partition: Int32(partition), offset: record.offset)) {
                return "\(topics.raw): what record \(record.number) gives never came"
            }
        }
        for (partition, records) in out.records.enumerated() {
            for record in records {
                let place = Place(partition: Int32(partition), offset: record.offset)
                let isDue = record.offset < goal[partition].end
                if isRejected(record) {
                    // Beyond where the loaders were to go nobody is left to send what one owed when it crashed.
                    if !isDue, !rejected.contains(place) || crashed.contains(loaders[place] ?? "") { continue }
                    if !loadDead.contains(place) { return "\(topics.loadDead): record \(record.number) of \(place) never came" }
                } else if isDue, !loaded.contains(place) {
                    return "Postgres: the row of record \(record.number) of \(place) never came"
                }
            }
        }
        return duties.first.map { "offsets of \($0.group) stand for what can't be read" } ?? concludeLetters()
    }
}
