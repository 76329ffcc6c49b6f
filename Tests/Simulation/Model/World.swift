import ETL
import Log

/// One seed's world: the log, the database, the members, what the weather does to them, and the ledger that watches.
///
/// Unchecked: a seed runs in one thread.
final class World: @unchecked Sendable {
    let scheduler: Scheduler
    let data: DataSet
    let plan: Plan
    let postgres: Postgres
    let ledger: Ledger
    let log: MemoryLog
    var weather: Weather
    private(set) var failure: String?
    var brokerAwayUntilMs: Int64 = 0
    private let trace: ((String) -> Void)?
    var isTraced: Bool { trace != nil }
    /// Steps after which a seed that doesn't come to its end counts as stuck.
    static let stepLimit = 30_000

    init(
        _ random: Random, _ fibers: FiberPool, _ weather: Weather, _ data: DataSet, _ plan: Plan, trace: ((String) -> Void)?
    ) throws(LogError) {
        self.weather = weather
        self.data = data
        self.plan = plan
        self.trace = trace
        scheduler = Scheduler(random, fibers)
        log = MemoryLog(
            clock: BrokerClock(scheduler), maxPollIntervalMs: Int64(weather.sessionMs), commitDelayMs: Int64(weather.commitDelayMs))
        postgres = Postgres(scheduler)
        let topics = Topics(plan)
        _ = try log.create(
            topics: [
                NewTopic(name: topics.raw, partitions: Int32(weather.rawPartitions)),
                NewTopic(name: topics.out, partitions: Int32(weather.outPartitions)),
                NewTopic(name: plan.checkpointTopic, partitions: 1, properties: ["cleanup.policy": "compact"]),
            ] + topics.letters.map { NewTopic(name: $0, partitions: 2) })
        for topic in [topics.raw, topics.out] + topics.letters { try log.retain(topic: topic) }
        ledger = try Ledger(log, data, topics, plan, weather)
        postgres.onCommit = { [unowned self] transaction in
            ledger.loading(transaction)
            if let what = ledger.fault { fail(what) }
        }
        scheduler.onDeadlock = { [unowned self] in fail("everybody waits, and nothing is due") }
    }

    func note(_ who: String, _ what: @autoclosure () -> String) {
        guard let trace else { return }
        let time = String(scheduler.nowMs - 1_700_000_000_000)
        trace("\(scheduler.steps) \(time)ms  \(who): \(what())")
    }

    /// The first failure ends the seed: everybody unwinds.
    func fail(_ what: String) {
        guard failure == nil else { return }
        failure = what
        note("FAILED", what)
        scheduler.abort()
        log.shutDown()
    }

    /// Something became durable somewhere: others look again, and so does the ledger.
    func changed() {
        scheduler.changed()
        if let what = ledger.inspect() { fail(what) }
    }

    // MARK: Boundaries

    /// Before a process' call of the log. Others may run meanwhile; the process may crash, or be told of an error instead.
    func enter(_ process: Process, _ action: LogAction, _ detail: @autoclosure () -> String = "") throws(LogError) {
        guard cross(process) else { throw .crashed }
        if scheduler.nowMs < brokerAwayUntilMs {
            scheduler.wait(untilMs: scheduler.nowMs + 50, watching: false)
            note(process.name, "\(action) \(detail()): the broker is away")
            throw LogError(.retriable, code: "sim.broker_away", "the broker is away")
        }
        if let kind = weather.fault(in: action, &scheduler.random) {
            note(process.name, "\(action) \(detail()): fails, \(kind)")
            throw LogError(kind, code: "sim.\(kind)", "\(action) was made to fail")
        }
        note(process.name, "\(action) \(detail())")
    }

    /// After a call that had its effect: whether the process learns it.
    func leave(_ process: Process, _ action: LogAction) throws(LogError) {
        guard process.isAlive else { throw .crashed }
        guard action.canBeUnknown, scheduler.random.chance(weather.unknownOutcome) else { return }
        let kinds: [LogError.Kind] =
            switch action {
            case .commit: [.retriable, .retriable, .retriable, .fatal, .fenced]
            case .send: [.abortable, .fatal]
            case .sendOffsets: [.retriable, .abortable]
            default: [.retriable]
            }
        let kind = scheduler.random.one(of: kinds)
        note(process.name, "\(action): done, but the answer is lost: \(kind)")
        throw LogError(kind, code: "sim.unknown_outcome", "\(action) is done, which nobody was told")
    }

    /// Passes the baton, maybe. False: the process has crashed.
    func cross(_ process: Process) -> Bool {
        guard process.isAlive, !scheduler.isAborting else { return false }
        scheduler.step(latencyMs: scheduler.random.one(of: [0, 0, 1, 1, 2, 5]))
        guard !scheduler.isAborting else { return false }
        if process.isDoomed || scheduler.random.chance(weather.crash) {
            process.crash()
            return false
        }
        if scheduler.random.chance(weather.freeze) {
            let ms = scheduler.random.one(of: [20, 300, 1500, 5000])
            note(process.name, "hangs for \(ms) ms")
            process.task.frozenUntilMs = scheduler.nowMs + Int64(ms)
            process.onFreeze()
            scheduler.step(latencyMs: 0)
            guard !scheduler.isAborting, !process.isDoomed else { return cross(process) }
            note(process.name, "goes on")
        }
        if scheduler.random.chance(weather.stop) { process.stop() }
        if scheduler.random.chance(weather.brokerAway) {
            brokerAwayUntilMs = scheduler.nowMs + Int64(scheduler.random.one(of: [30, 500, 4000]))
            note("broker", "away for \(brokerAwayUntilMs - scheduler.nowMs) ms")
        }
        if scheduler.random.chance(weather.postgresAway) {
            note("postgres", "goes away")
            postgres.goAway(ms: scheduler.random.one(of: [30, 500, 4000]))
        }
        return process.isAlive
    }
}

extension LogError {
    /// What a process that crashed meets wherever it turns: its code has to end, and nothing it does counts.
    static var crashed: LogError { LogError(.configuration, code: "sim.crashed", "the process has crashed") }
}

/// Names of the pipeline's topics.
struct Topics {
    let raw: String
    let out: String
    let extractDead: String
    let stageDead: String
    let loadDead: String
    let stageParked: String
    let loadParked: String
    var letters: [String] { [extractDead, stageDead, loadDead, stageParked, loadParked] }

    init(_ plan: Plan) {
        raw = plan.stages[0].from
        out = plan.stages[1].from
        extractDead = plan.deadLetterTopic(of: plan.extractors[0].name)
        stageDead = plan.deadLetterTopic(of: plan.stages[0].name)
        loadDead = plan.deadLetterTopic(of: plan.stages[1].name)
        stageParked = plan.parkedTopic(of: plan.stages[0].name)
        loadParked = plan.parkedTopic(of: plan.stages[1].name)
    }
}
