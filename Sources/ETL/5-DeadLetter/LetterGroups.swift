package import Log

extension LetterFacts {
    /// When the record failed, as RFC 3339: what the letter says, else the time it was written.
    package func time(of record: LogRecord) -> String {
        if let failedAt, failedAt.utf8.count == 24, failedAt.hasSuffix("Z") { return failedAt }
        return record.timestamp >= 0 ? formatTimestamp(milliseconds: record.timestamp) : ""
    }

    /// Where the record came from: `orders.raw[3]@17`, a file and its row; empty where nothing says.
    package var origin: String {
        if let file { return "\(file) row \(row.map(String.init) ?? "?")" }
        guard let topic else { return "" }
        return "\(topic)[\(partition.map(String.init) ?? "?")]@\(offset.map(String.init) ?? "?")"
    }
}

/// Dead letters that failed for the same reason: how many, and the first of them.
package struct LetterGroup: Sendable {
    package let writer: LetterFacts.Writer
    package let code: String
    package let step: String
    package let pointer: String
    package fileprivate(set) var count = 0
    package fileprivate(set) var oldest: String
    package fileprivate(set) var newest: String
    package fileprivate(set) var mostAttempts = 1
    /// The example: its words, where it is, where it came from, and the beginning of its value.
    package let message: String
    package let place: String
    package let origin: String
    package let sample: String
}

/// Groups dead letters by code, step and pointer.
package struct LetterGroups {
    private struct Key: Hashable {
        var writer: LetterFacts.Writer
        var code: String
        var step: String
        var pointer: String
    }

    private let topic: String
    private var indexes: [Key: Int] = [:]
    private var groups: [LetterGroup] = []
    package private(set) var count = 0
    /// Kinds told apart; headers that anybody writes must not fill the memory. What is beyond is counted in `count` only.
    private static let most = 10_000

    package init(topic: String) { self.topic = topic }

    package mutating func add(_ record: LogRecord, _ facts: LetterFacts) {
        count += 1
        let key = Key(writer: facts.writer, code: facts.code, step: facts.step, pointer: facts.pointer)
        let time = facts.time(of: record)
        if indexes[key] == nil, groups.count < Self.most {
            indexes[key] = groups.count
            groups.append(
                LetterGroup(
                    writer: facts.writer, code: facts.code, step: facts.step, pointer: facts.pointer, oldest: time, newest: time,
                    message: facts.message, place: "\(topic)[\(record.partition)]@\(record.offset)", origin: facts.origin,
                    sample: excerpt(record.value)))
        }
        guard let index = indexes[key] else { return }
        groups[index].count += 1
        groups[index].oldest = min(groups[index].oldest, time)
        groups[index].newest = max(groups[index].newest, time)
        groups[index].mostAttempts = max(groups[index].mostAttempts, facts.attempt)
    }

    /// The most frequent first.
    package var sorted: [LetterGroup] { groups.sorted { ($0.count, $1.code, $1.step) > ($1.count, $0.code, $0.step) } }
}

/// How many dead letters wait in one topic, and since when.
package struct LetterCount: Sendable {
    package let topic: String
    package private(set) var count = 0
    /// RFC 3339; empty: none.
    package private(set) var oldest = ""
    package private(set) var newest = ""
    /// Of the last hour.
    package private(set) var recent = 0
    /// What is wrong with where the group stands; those that may not be pending any more count too then.
    package private(set) var problem: LogError?

    /// Reads every pending one.
    /// - Parameter servers: the brokers, for the command that mends a problem.
    package init(
        of topic: String, log: any RecordLog, clock: any Clock, nowMs: Int64, servers: String = "HOST:PORT"
    ) throws(LogError) {
        self.topic = topic
        let hourAgo = formatTimestamp(milliseconds: nowMs - 3_600_000)
        var (count, oldest, newest, recent) = (0, "", "", 0)
        let letters = try PendingLetters(of: topic, log: log, clock: clock)
        problem = letters.problem(servers: servers)
        try letters.read(log) { record in
            let time = LetterFacts(record).time(of: record)
            count += 1
            if !time.isEmpty, oldest.isEmpty || time < oldest { oldest = time }
            newest = max(newest, time)
            if time >= hourAgo { recent += 1 }
            return true
        }
        (self.count, self.oldest, self.newest, self.recent) = (count, oldest, newest, recent)
    }
}

/// The beginning of a value for people, on one line.
package func excerpt(_ bytes: UnsafeRawBufferPointer, most: Int = 200) -> String {
    guard bytes.baseAddress != nil else { return "null" }
    let text = String(decoding: bytes.prefix(most), as: UTF8.self)
    let line = String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : $0 }))
    return line + (bytes.count > most ? "… (\(bytes.count) bytes)" : "")
}
