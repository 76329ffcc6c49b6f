import ETL
import Log

/// What must have been seen once everything written until some moment can be read: offsets were committed that stand for it.
struct Duty {
    var group: String
    var numbers: [Int]
    var letters: [Place]
    /// Of `out` or the loader's dead letters, and of the stage's dead letters.
    var ends: [[Int64]]
}

extension Ledger {
    /// A group's offsets moved.
    func committed(_ offsets: [PartitionOffset], _ group: String, _ postgres: Postgres) -> String? {
        let before = committed[group] ?? [:]
        for offset in offsets {
            let stood = before[offset.partition] ?? 0
            if offset.offset < stood {
                blame("\(group): partition \(offset.partition) went back from \(stood) to \(offset.offset)")
            }
            committed[group, default: [:]][offset.partition] = offset.offset
        }
        _ = inspect()
        let view = group == stageGroup ? raw : out
        var duty = Duty(group: group, numbers: [], letters: [], ends: [])
        for offset in offsets {
            if offset.offset > view.ends[Int(offset.partition)] {
                blame("\(group): stands at \(offset.partition)@\(offset.offset), where nothing can be read yet")
            }
            let passed = view.records(offset.partition, from: before[offset.partition] ?? 0, to: offset.offset)
            if group == stageGroup {
                duty.numbers += passed.map(\.number)
            } else {
                duty.letters += passed.filter { isRejected($0.number) }.map {
                    Place(partition: offset.partition, offset: $0.offset)
                }
                let next = postgres.offsets[offset.partition]?.next ?? 0
                if let ahead = passed.first(where: { $0.offset >= next }) {
                    blame(
                        "\(group): stands at \(offset.partition)@\(offset.offset), but Postgres at \(next), without record \(ahead.number)"
                    )
                }
            }
        }
        duty.ends = group == stageGroup ? [out.written(), stageLetters.written()] : [loadLetters.written()]
        if !duty.numbers.isEmpty || !duty.letters.isEmpty { duties.append(duty) }
        settleDuties()
        return fault
    }

    private func isRejected(_ number: Int) -> Bool {
        let fate = data.row(number)?.fate
        return fate == .inconvertible || fate == .refused
    }

    func settleDuties() {
        duties.removeAll { duty in
            let views = duty.group == stageGroup ? [out, stageLetters] : [loadLetters]
            guard zip(views, duty.ends).allSatisfy({ view, ends in zip(view.ends, ends).allSatisfy { $0 >= $1 } }) else {
                return false
            }
            for number in duty.numbers where !isDone(number) {
                blame("\(duty.group): its offsets are past record \(number), whose output isn't there")
            }
            for place in duty.letters where !loadDead.contains(place) {
                blame("\(duty.group): its offsets are past \(place), whose dead letter isn't there")
            }
            return true
        }
    }

    private func isDone(_ number: Int) -> Bool {
        guard let row = data.row(number) else { return false }
        return row.fate == .againstTheRule ? stageDead.contains(number) : outOrder.has(number, row.key)
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
            let wanted = there.filter { !isRejected($0.number) }
            if rows.map(\.offset) != wanted.map(\.offset) || rows.map(\.number) != wanted.map(\.number) {
                blame(
                    "Postgres: partition \(offset.partition) moves from \(offset.expected ?? 0) to \(offset.next) with rows "
                        + "\(rows.map(\.number)); the topic has \(wanted.map(\.number)) there")
            }
            let rejected = transaction.rejected.filter { $0.partition == offset.partition }.map(\.offset).sorted()
            let wantedRejected = there.filter { isRejected($0.number) }.map(\.offset)
            if rejected != wantedRejected {
                blame(
                    "Postgres: partition \(offset.partition) moves to \(offset.next) with offsets \(rejected) rejected; the topic "
                        + "has \(wantedRejected) to reject there")
            }
            for row in rows where !loaded.insert(Place(partition: row.partition, offset: row.offset)).inserted {
                blame("Postgres: row \(row.number) is there twice")
            }
            for place in rejected { self.rejected.insert(Place(partition: offset.partition, offset: place)) }
        }
        let moved = Set(transaction.offsets.map(\.partition))
        if let stray = transaction.rows.first(where: { !moved.contains($0.partition) }) {
            blame("Postgres: row \(stray.number) of partition \(stray.partition), whose offset doesn't move")
        }
    }

    /// At the end: is everything where it belongs, as far as the loaders were to go?
    func conclude(_ goal: [PartitionRange]?) -> String? {
        guard let goal else { return "the loaders never had anything to drain" }
        if let fault = inspect() { return fault }
        if let missing = rawOrder.missing { return "\(topics.raw): \(missing)" }
        if let missing = outOrder.missing { return "\(topics.out): \(missing)" }
        for row in data.rows {
            switch row.fate {
            case .unreadable, .keyless:
                if !extractDead.contains(row.number) { return "\(topics.extractDead): row \(row.number) never came" }
            case .againstTheRule:
                if !stageDead.contains(row.number) { return "\(topics.stageDead): record \(row.number) never came" }
            case .row, .inconvertible, .refused: break
            }
        }
        for (partition, records) in out.records.enumerated() {
            for record in records {
                let place = Place(partition: Int32(partition), offset: record.offset)
                let isDue = record.offset < goal[partition].end
                if isRejected(record.number) {
                    if !isDue, !rejected.contains(place) { continue }
                    if !loadDead.contains(place) { return "\(topics.loadDead): record \(record.number) of \(place) never came" }
                } else if isDue, !loaded.contains(place) {
                    return "Postgres: the row of record \(record.number) of \(place) never came"
                }
            }
        }
        return duties.isEmpty ? nil : "offsets of \(duties[0].group) stand for what can't be read"
    }
}
