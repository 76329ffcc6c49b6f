import ETL

/// A database as a loader's transactions see it: one table, and `etl_offsets` with row locks. What isn't committed isn't seen;
/// a second transaction on a locked row waits; one whose client went away is rolled back when the server notices.
final class Postgres {
    struct Row: Equatable {
        var partition: Int32
        var offset: Int64
        var number: Int
    }

    struct Offset {
        var next: Int64
        var rejected: [RejectedRecord]
    }

    final class Transaction {
        /// The client's name.
        let client: String
        var rows: [Row] = []
        var offsets: [SinkOffset] = []
        var rejected: [RejectedRecord] = []

        init(client: String) { self.client = client }
    }

    /// A server process with its client.
    final class Session {
        let client: String
        fileprivate(set) var isAlive = true
        fileprivate(set) var transaction: Transaction?

        init(client: String) { self.client = client }
    }

    enum Outcome { case done, fenced, broken }

    private let scheduler: Scheduler
    private(set) var offsets: [Int32: Offset] = [:]
    private var sessions: [Session] = []
    private var locks: [Int32: Session] = [:]
    private var awayUntilMs: Int64 = 0
    /// Told of each transaction just before it is committed.
    var onCommit: (Transaction) -> Void = { _ in }

    init(_ scheduler: Scheduler) { self.scheduler = scheduler }

    var isAway: Bool { scheduler.nowMs < awayUntilMs }
    func comeBack() { awayUntilMs = 0 }

    /// The server crashes: what was open is rolled back, every connection is lost.
    func goAway(ms: Int) {
        awayUntilMs = scheduler.nowMs + Int64(ms)
        for session in sessions { end(session) }
    }

    /// Nil: it is away.
    func connect(_ client: String) -> Session? {
        guard !isAway else { return nil }
        let session = Session(client: client)
        sessions.append(session)
        return session
    }

    /// The client left, or the server noticed that it has: rolls back.
    func end(_ session: Session) {
        session.isAlive = false
        rollBack(session)
        sessions.removeAll { $0 === session }
    }

    func rollBack(_ session: Session) {
        session.transaction = nil
        for (partition, owner) in locks where owner === session { locks[partition] = nil }
        scheduler.changed()
    }

    /// Begins, and moves the partitions, each only from where it is expected. Waits for a row that another transaction holds.
    func begin(_ session: Session, _ moved: [SinkOffset], _ rejected: [RejectedRecord]) -> Outcome {
        let transaction = Transaction(client: session.client)
        session.transaction = transaction
        transaction.rejected = rejected
        for offset in moved.sorted(by: { $0.partition < $1.partition }) {
            let deadlineMs = scheduler.nowMs + Self.answerTimeoutMs
            while session.isAlive, let owner = locks[offset.partition], owner !== session {
                if scheduler.nowMs >= deadlineMs || scheduler.isAborting {
                    end(session)
                    return .broken
                }
                scheduler.wait(untilMs: deadlineMs, watching: true)
            }
            guard session.isAlive else { return .broken }
            locks[offset.partition] = session
            guard offsets[offset.partition]?.next == offset.expected else {
                rollBack(session)
                return .fenced
            }
            transaction.offsets.append(offset)
        }
        return .done
    }
    private static let answerTimeoutMs: Int64 = 5000

    func commit(_ session: Session) {
        guard let transaction = session.transaction else { return }
        onCommit(transaction)
        for offset in transaction.offsets {
            offsets[offset.partition] = Offset(
                next: offset.next, rejected: transaction.rejected.filter { $0.partition == offset.partition })
        }
        rollBack(session)
    }
}
