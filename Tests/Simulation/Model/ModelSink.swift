import Bytes
import ETL
import Log

/// A loader's sink over the model of the database: as `PostgresSink` to the loader, with a connection that breaks as the weather
/// says, before, in and after COMMIT. The server takes a while to commit; meanwhile the loader goes on.
struct ModelSink: RowSink, ~Copyable {
    private struct Batch: ~Copyable {
        var arena = Arena(chunkBytes: 4096, retainedBytes: 4096)
        var records: [LogRecord] = []
        var fates: [Fate] = []
        var bytes = 0

        mutating func reset() {
            records.removeAll(keepingCapacity: true)
            fates.removeAll(keepingCapacity: true)
            arena.reset()
            bytes = 0
        }
    }

    /// A batch that was submitted.
    private final class Flight {
        enum State {
            /// The server does it.
            case asked
            case committed
            /// It has refused rows: `finish` does it all again without them.
            case refused
            case fenced
        }

        let offsets: [SinkOffset]
        let rejected: [RejectedRecord]
        var state = State.asked

        init(_ offsets: [SinkOffset], _ rejected: [RejectedRecord]) {
            self.offsets = offsets
            self.rejected = rejected
        }
    }

    private let world: World
    private let process: Process
    private var session: Postgres.Session?
    private var filling = Batch()
    private var submitted = Batch()
    private var flight: Flight?

    init(_ world: World, _ process: Process) {
        self.world = world
        self.process = process
        process.onCrash.append { [unowned process] in
            if let session = process.session { world.abandon(session, isCommitting: process.isCommitting) }
        }
    }

    var isConnected: Bool { session?.isAlive ?? false }
    var rows: Int { filling.records.count }
    var bytes: Int { filling.bytes }
    var submittedRows: Int { submitted.records.count }

    mutating func connect() throws(SinkError) {
        try enter("connect")
        session = nil
        flight = nil
        guard let made = world.postgres.connect(process.name) else { throw service("the server can't be reached") }
        session = made
        process.session = made
    }

    mutating func disconnect() {
        guard world.cross(process), let session else { return }
        world.postgres.end(session)
        flight = nil
        self.session = nil
    }

    mutating func positions(of partitions: [Int32]) throws(SinkError) -> [SinkPosition] {
        if flight != nil { _ = try? finish() }
        try enter("read offsets of \(partitions)")
        _ = try connected()
        let found = partitions.map { partition in
            let offset = world.postgres.offsets[partition]
            return SinkPosition(partition: partition, nextOffset: offset?.next, rejected: offset?.rejected ?? [])
        }
        world.note(process.name, "Postgres stands at \(found.map { "\($0.partition)@\($0.nextOffset ?? -1)" })")
        return found
    }

    mutating func forgetPositions() throws(SinkError) {
        throw SinkError(.configuration, code: "sim.forget", "the log of a simulation isn't taken for one in memory")
    }

    mutating func append(_ record: LogRecord) -> AppendOutcome {
        let fate = fate(record)
        guard fate != .inconvertible else {
            return .rejected(Rejection(code: "load.conversion", message: "no row of the table"))
        }
        var copy = record
        copy.key = record.key.baseAddress == nil ? record.key : filling.arena.copy(record.key)
        copy.value = filling.arena.copy(record.value)
        copy.headers = copied(record.headers)
        filling.records.append(copy)
        filling.fates.append(fate)
        filling.bytes += record.value.count
        return .accepted
    }

    private mutating func copied(_ headers: UnsafeBufferPointer<LogHeader>) -> UnsafeBufferPointer<LogHeader> {
        let list = filling.arena.allocate(headers.count * MemoryLayout<LogHeader>.stride)
            .bindMemory(to: LogHeader.self, capacity: headers.count)
        for (index, header) in headers.enumerated() {
            list[index] = LogHeader(
                name: filling.arena.copy(header.name),
                value: header.value.baseAddress == nil ? header.value : filling.arena.copy(header.value))
        }
        return UnsafeBufferPointer(start: list, count: headers.count)
    }

    mutating func submit(offsets: [SinkOffset], rejected: [RejectedRecord]) throws(SinkError) {
        let session = try connected()
        swap(&filling, &submitted)
        let flight = Flight(offsets, rejected)
        let refusals = submitted.fates.contains(.refused)
        guard try move(flight, rejected, session) else {
            flight.state = .fenced
            self.flight = flight
            return
        }
        if refusals {
            world.note(process.name, "Postgres refuses a row")
            world.postgres.rollBack(session)
            flight.state = .refused
            self.flight = flight
            return
        }
        try write(session)
        process.isCommitting = true
        defer { process.isCommitting = self.flight != nil }
        try enter("commit")
        guard let transaction = try connected().transaction else { throw service("the transaction is gone") }
        self.flight = flight
        world.scheduler.after(ms: world.scheduler.random.one(of: [0, 1, 5, 100])) { [world] in
            guard session.isAlive, session.transaction === transaction else { return }
            world.postgres.commit(session)
            flight.state = .committed
        }
    }

    /// Begins, and moves the offsets. False: another loader has.
    private mutating func move(_ flight: Flight, _ rejected: [RejectedRecord], _ session: Postgres.Session) throws(SinkError) -> Bool {
        try enter("begin, offsets \(flight.offsets.map { "\($0.partition)@\($0.expected ?? -1)→\($0.next)" })")
        _ = try connected()
        switch world.postgres.begin(session, flight.offsets, rejected) {
        case .broken: throw service("the connection was lost while waiting for another transaction")
        case .fenced:
            world.note(process.name, "Postgres: another loader has moved the offsets")
            return false
        case .done: break
        }
        if !process.isAlive { throw Self.crashed }
        return true
    }

    private mutating func write(_ session: Postgres.Session) throws(SinkError) {
        let numbers = submitted.records.map { firstNumber($0.value) ?? -1 }
        try enter("copy \(numbers)")
        guard let transaction = try connected().transaction else { throw service("the transaction is gone") }
        transaction.rows = zip(submitted.records, submitted.fates).filter { $0.1 != .refused }.map { record, _ in
            Postgres.Row(partition: record.partition, offset: record.offset, number: firstNumber(record.value) ?? -1)
        }
    }

    var isAnswered: Bool {
        guard let flight, flight.state == .asked else { return true }
        return session?.isAlive != true
    }

    mutating func finish() throws(SinkError) -> [RefusedRow] {
        defer { process.isCommitting = false }
        let flight = flight
        self.flight = nil
        guard let flight, let session else { throw service("nothing was submitted") }
        var refused: [RefusedRow] = []
        switch flight.state {
        case .fenced: throw SinkError(.fenced, code: "postgres.fenced", "another loader has moved the offsets")
        case .refused:
            refused = refusals()
            guard try move(flight, flight.rejected + refused.map(\.rejected), session) else {
                throw SinkError(.fenced, code: "postgres.fenced", "another loader has moved the offsets")
            }
            try write(session)
            process.isCommitting = true
            try enter("commit")
            _ = try connected()
            world.postgres.commit(session)
        case .asked, .committed:
            while process.isAlive, flight.state == .asked, session.isAlive, !world.scheduler.isAborting {
                world.scheduler.wait(untilMs: world.scheduler.nowMs + 1000, watching: true)
            }
            try enter("hear what became of the commit")
            guard flight.state == .committed else { throw service("the connection was lost in COMMIT") }
        }
        if world.scheduler.random.chance(world.weather.unknownOutcome) {
            world.note(process.name, "Postgres: committed, but the answer is lost")
            world.postgres.end(session)
            throw service("the connection was lost in COMMIT")
        }
        return refused
    }

    private func refusals() -> [RefusedRow] {
        submitted.records.enumerated().filter { submitted.fates[$0.offset] == .refused }.map { number, record in
            let rejection = Rejection(code: "load.rejected", message: "a constraint")
            return RefusedRow(
                row: number, rejected: RejectedRecord(partition: record.partition, offset: record.offset, rejection: rejection))
        }
    }

    func record(ofRow row: Int) -> LogRecord { submitted.records[row] }

    mutating func release() { submitted.reset() }

    mutating func reset() {
        if flight != nil { _ = try? finish() }
        filling.reset()
        submitted.reset()
    }

    // MARK: Boundaries

    private static var crashed: SinkError { SinkError(.configuration, code: "sim.crashed", "the process has crashed") }

    private func service(_ what: String) -> SinkError { SinkError(.service, code: "postgres.service", what) }

    private func connected() throws(SinkError) -> Postgres.Session {
        guard let session, session.isAlive else { throw service("not connected") }
        return session
    }

    /// What is wrong with a record's row, until it has been replayed often enough: somebody has mended the table by then.
    private func fate(_ record: LogRecord) -> Fate {
        guard let row = firstNumber(record.value).flatMap({ world.data.row($0) }) else { return .row }
        let stage = world.plan.stages[1].name
        guard row.loadFailures > 0, Letter(record).attempt(at: stage) <= row.loadFailures else { return .row }
        return row.fate == .inconvertible ? .inconvertible : .refused
    }

    private mutating func enter(_ what: @autoclosure () -> String) throws(SinkError) {
        guard world.cross(process) else { throw Self.crashed }
        if world.scheduler.random.chance(world.weather.sinkConflicts), let session, session.isAlive {
            world.note(process.name, "Postgres: \(what()): conflict")
            world.postgres.rollBack(session)
            throw SinkError(.conflict, code: "postgres.conflict", "serialization failure")
        }
        if world.scheduler.random.chance(world.weather.sinkForbids), let session, session.isAlive {
            world.note(process.name, "Postgres: \(what()): permission denied")
            world.postgres.rollBack(session)
            throw SinkError(.configuration, code: "sim.forbidden", "permission denied")
        }
        if world.scheduler.random.chance(world.weather.sinkFails) {
            world.note(process.name, "Postgres: \(what()): the connection breaks")
            if let session { world.abandon(session, isCommitting: process.isCommitting) }
            session = nil
            throw service("the connection was lost")
        }
        world.note(process.name, "Postgres: \(what())")
    }
}

extension World {
    /// A session's client is gone. The server notices at once or later; a COMMIT that was on its way it may do first.
    func abandon(_ session: Postgres.Session, isCommitting: Bool) {
        let commits = isCommitting && scheduler.random.chance(weather.late)
        scheduler.after(ms: scheduler.random.one(of: [0, 5, 300, 3000])) { [self] in
            if commits, session.transaction != nil {
                note("postgres", "a commit arrives late")
                postgres.commit(session)
            }
            postgres.end(session)
        }
    }
}
