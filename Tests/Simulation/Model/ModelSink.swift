import Bytes
import ETL
import Log

/// A loader's sink over the model of the database: as `PostgresSink` to the loader, with a connection that breaks as the weather
/// says, before, in and after COMMIT.
struct ModelSink: RowSink, ~Copyable {
    private let world: World
    private let process: Process
    private var session: Postgres.Session?
    private var arena = Arena(chunkBytes: 4096, retainedBytes: 4096)
    private var buffered: [LogRecord] = []
    private var fates: [Fate] = []
    private(set) var bytes = 0

    init(_ world: World, _ process: Process) {
        self.world = world
        self.process = process
        process.onCrash.append { [unowned process] in
            if let session = process.session { world.abandon(session, isCommitting: process.isCommitting) }
        }
    }

    var isConnected: Bool { session?.isAlive ?? false }
    var rows: Int { buffered.count }

    mutating func connect() throws(SinkError) {
        try enter("connect")
        session = nil
        guard let made = world.postgres.connect(process.name) else { throw service("the server can't be reached") }
        session = made
        process.session = made
    }

    mutating func disconnect() {
        guard world.cross(process), let session else { return }
        world.postgres.end(session)
        self.session = nil
    }

    mutating func positions(of partitions: [Int32]) throws(SinkError) -> [SinkPosition] {
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
        copy.key = record.key.baseAddress == nil ? record.key : arena.copy(record.key)
        copy.value = arena.copy(record.value)
        copy.headers = copied(record.headers)
        buffered.append(copy)
        fates.append(fate)
        bytes += record.value.count
        return .accepted
    }

    private mutating func copied(_ headers: UnsafeBufferPointer<LogHeader>) -> UnsafeBufferPointer<LogHeader> {
        let list = arena.allocate(headers.count * MemoryLayout<LogHeader>.stride)
            .bindMemory(to: LogHeader.self, capacity: headers.count)
        for (index, header) in headers.enumerated() {
            list[index] = LogHeader(
                name: arena.copy(header.name), value: header.value.baseAddress == nil ? header.value : arena.copy(header.value))
        }
        return UnsafeBufferPointer(start: list, count: headers.count)
    }

    mutating func flush(offsets: [SinkOffset], rejected: [RejectedRecord]) throws(SinkError) -> [RefusedRow] {
        try enter("begin, offsets \(offsets.map { "\($0.partition)@\($0.expected ?? -1)→\($0.next)" })")
        let session = try connected()
        var refused: [RefusedRow] = []
        for (number, record) in buffered.enumerated() where fates[number] == .refused {
            let rejection = Rejection(code: "load.rejected", message: "a constraint")
            refused.append(
                RefusedRow(
                    row: number,
                    rejected: RejectedRecord(partition: record.partition, offset: record.offset, rejection: rejection)))
        }
        switch world.postgres.begin(session, offsets, rejected + refused.map(\.rejected)) {
        case .broken: throw service("the connection was lost while waiting for another transaction")
        case .fenced:
            world.note(process.name, "Postgres: another loader has moved the offsets")
            throw SinkError(.fenced, code: "postgres.fenced", "another loader has moved the offsets")
        case .done: break
        }
        if !process.isAlive { throw Self.crashed }
        let numbers = buffered.map { firstNumber($0.value) ?? -1 }
        try enter("copy \(numbers), rejected \(rejected.map(\.offset))")
        guard let transaction = try connected().transaction else { throw service("the transaction is gone") }
        transaction.rows = zip(buffered, fates).filter { $0.1 != .refused }.map { record, _ in
            Postgres.Row(partition: record.partition, offset: record.offset, number: firstNumber(record.value) ?? -1)
        }
        try commit(session)
        return refused
    }

    private mutating func commit(_ session: Postgres.Session) throws(SinkError) {
        process.isCommitting = true
        defer { process.isCommitting = false }
        try enter("commit")
        _ = try connected()
        world.postgres.commit(session)
        if world.scheduler.random.chance(world.weather.unknownOutcome) {
            world.note(process.name, "Postgres: committed, but the answer is lost")
            world.postgres.end(session)
            throw service("the connection was lost in COMMIT")
        }
    }

    func record(ofRow row: Int) -> LogRecord { buffered[row] }

    mutating func reset() {
        buffered.removeAll(keepingCapacity: true)
        fates.removeAll(keepingCapacity: true)
        arena.reset()
        bytes = 0
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
