import ETL
import Log

/// The kinds of member a simulation runs. Another kind gets a case here, its own branch in `Process.run`, and its place in the
/// order of draining in `Fleet.ended`.
enum MemberKind: Int, CaseIterable {
    case extractor, stage, loader
}

/// A process with one member, from its start to its end or crash.
final class Process: @unchecked Sendable {
    let world: World
    let kind: MemberKind
    let slot: Int
    let name: String
    let task: Task
    let control = Control()
    unowned let fleet: Fleet
    /// Another has been started in its place, since it was taken for dead.
    var isSuperseded = false
    /// Crashes at its next step.
    var isDoomed = false
    var consumers: [ProcessConsumer] = []
    /// Of a loader, and whether it has asked for a COMMIT and waits for the answer.
    var session: Postgres.Session?
    var isCommitting = false
    var onCrash: [() -> Void] = []

    init(_ fleet: Fleet, _ kind: MemberKind, slot: Int, number: Int) {
        self.fleet = fleet
        world = fleet.world
        self.kind = kind
        self.slot = slot
        name = "\(kind)-\(slot).\(number)"
        task = Task(name: name)
    }

    var isAlive: Bool { !task.isDead }

    func crash() {
        world.note(name, "crashes")
        task.isDead = true
        control.requestStop()
        for act in onCrash { act() }
        fleet.crashed(self)
    }

    func stop() {
        guard !control.shouldStop else { return }
        world.note(name, "is asked to stop")
        control.requestStop()
    }

    func onFreeze() { fleet.froze(self) }

    /// On the process' own thread.
    func run() {
        do throws(ETLError) {
            switch kind {
            case .extractor: try ExtractMember(context: context, extractor: world.plan.extractors[0]).run()
            case .stage: try StageMember(context: context, stage: world.plan.stages[0], lookups: LookupTables()).run()
            case .loader: try load()
            }
            fleet.ended(self, nil)
        } catch {
            fleet.ended(self, error)
        }
    }

    private func load() throws(ETLError) {
        let stage = world.plan.stages[1]
        guard case .postgres(let plan) = stage.ending else { return }
        try LoadMember(context: context, stage: stage, plan: plan, sink: ModelSink(world, self)).run()
    }

    private var context: MemberContext {
        MemberContext(
            plan: world.plan, log: ProcessLog(world, self), journal: Journal(world.plan.logging),
            counters: Counters(name: name, role: .stage), control: control, clock: MemberClock(world.scheduler, task),
            instance: "i\(slot)")
    }
}

/// Keeps the members running as an orchestrator does: what crashed or failed starts again, what hangs may be replaced while it still
/// lives, and when all that writes a topic has finished, its readers are told to drain it.
final class Fleet: @unchecked Sendable {
    unowned let world: World
    private var processes: [Process] = []
    private var everybody: [Process] = []
    private var drained: Set<MemberKind> = []
    /// Where each kind is done. What a zombie writes beyond that (at least once, it may) nobody has to read.
    private(set) var goals: [MemberKind: [PartitionRange]] = [:]
    private var slots: [MemberKind: Int] = [:]
    private var started = 0
    private var isClear = false

    init(_ world: World) { self.world = world }

    func begin() {
        for (kind, count) in [(MemberKind.extractor, 1), (.stage, world.weather.stages), (.loader, world.weather.loaders)] {
            slots[kind] = count
            for slot in 0..<count { start(kind, slot) }
        }
        world.scheduler.onStep = { [unowned self] in step() }
    }

    /// Lets go of what crashed processes held.
    func tearDown() {
        for process in everybody {
            for consumer in process.consumers { consumer.tearDown() }
            process.consumers.removeAll()
            process.onCrash.removeAll()
        }
    }

    private func step() {
        if !isClear, world.scheduler.steps >= world.weather.faultSteps { clear() }
        if world.scheduler.steps > World.stepLimit {
            world.fail("stuck: \(World.stepLimit) steps, and still running: \(processes.map(\.name).joined(separator: ", "))")
        }
    }

    /// Faults are over: from here everything must come to its end.
    private func clear() {
        isClear = true
        world.note("weather", "clears up")
        world.weather.clear()
        world.brokerAwayUntilMs = 0
        world.postgres.comeBack()
        for process in processes {
            process.task.frozenUntilMs = 0
            // Two of one name would end each other's transactions for ever; nobody runs them so on purpose.
            process.isDoomed = process.isSuperseded
        }
    }

    private func start(_ kind: MemberKind, _ slot: Int) {
        started += 1
        let process = Process(self, kind, slot: slot, number: started)
        if let goal = goals[kind] { process.control.drain(to: goal) }
        processes.append(process)
        everybody.append(process)
        world.note(process.name, "starts")
        world.scheduler.spawn(process.task) { process.run() }
    }

    private func startLater(_ kind: MemberKind, _ slot: Int) {
        let ms = world.scheduler.random.one(of: [0, 20, 500, 3000])
        world.scheduler.after(ms: ms) { [self] in
            if !world.scheduler.isAborting { start(kind, slot) }
        }
    }

    /// Starts another in its place, unless there is one.
    func crashed(_ process: Process) {
        let isReplaced = processes.contains { $0 !== process && $0.kind == process.kind && $0.slot == process.slot && $0.isAlive }
        if !isReplaced { startLater(process.kind, process.slot) }
    }

    /// It may have been taken for dead.
    func froze(_ process: Process) {
        if !process.isSuperseded, !drained.contains(process.kind), world.scheduler.random.chance(400) {
            process.isSuperseded = true
            start(process.kind, process.slot)
        }
        if process.kind != .extractor, world.scheduler.random.chance(world.weather.scale * 20), slots[process.kind] ?? 0 < 4 {
            let slot = slots[process.kind] ?? 0
            slots[process.kind] = slot + 1
            start(process.kind, slot)
        }
    }

    func ended(_ process: Process, _ error: ETLError?) {
        processes.removeAll { $0 === process }
        guard !world.scheduler.isAborting else { return }
        guard process.isAlive else { return drain() }
        world.note(process.name, error.map { "ends: \($0.code): \($0.message)" } ?? "has finished")
        if let error, !Self.mayEnd(with: error) { return world.fail("\(process.name) ended with \(error.code): \(error.message)") }
        if error == nil, !process.control.shouldStop { return finished(process.kind) }
        crashed(process)
        drain()
    }

    /// Errors that end a process because something outside it is wrong: whoever runs it starts it again.
    private static func mayEnd(with error: ETLError) -> Bool {
        error.code.hasPrefix("sim.") || error.status == .unreachable
            || ["extract.fenced", "log.fenced", "log.not_owner", "log.transaction_state", "stage.rewind", "postgres.fenced"]
                .contains(error.code)
    }

    private func finished(_ kind: MemberKind) {
        drained.insert(kind)
        drain()
    }

    /// As `Run` does: readers get what was written as their goal once all writers have ended.
    private func drain() {
        let order: [(writer: MemberKind, reader: MemberKind, topic: String)] = [
            (.extractor, .stage, world.ledger.topics.raw), (.stage, .loader, world.ledger.topics.out),
        ]
        for (writer, reader, topic) in order where drained.contains(writer) && goals[reader] == nil {
            guard !processes.contains(where: { $0.kind == writer && !$0.isSuperseded }) else { continue }
            guard let goal = try? world.log.writtenOffsets(topic: topic) else { continue }
            goals[reader] = goal
            world.note("fleet", "\(reader)s drain \(topic) to \(goal.map(\.end))")
            for process in processes where process.kind == reader { process.control.drain(to: goal) }
        }
    }
}
