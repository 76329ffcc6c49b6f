import ETL
import Log

/// The kinds of member a simulation runs. Another kind gets a case here, its own branch in `Process.run`, and its place in the
/// order of draining in `Fleet.drain`.
enum MemberKind: Int, CaseIterable {
    case extractor, stage, loader
    /// Comes to its end by itself, and is run several times; see `ReplayRuns`.
    case replay
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
    private var replays: ReplayRuns

    init(_ world: World) {
        self.world = world
        replays = ReplayRuns(world)
    }

    func begin() {
        for (kind, count) in [(MemberKind.extractor, 1), (.stage, world.weather.stages), (.loader, world.weather.loaders)] {
            slots[kind] = count
            for slot in 0..<count { start(kind, slot) }
        }
        if replays.isOver { drained.insert(.replay) }
        for slot in replays.slots { startNextReplay(slot) }
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
        if kind == .replay { process.replays = replays.plan(slot) }
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

    /// Most runs wait until there is something to replay, but none for ever.
    private func startNextReplay(_ slot: Int, looks: Int = 0) {
        world.scheduler.after(ms: replays.pauseMs(&world.scheduler.random)) { [self] in
            if world.scheduler.isAborting { return }
            if replays.hasWork(slot) || world.scheduler.random.chance(20) { return start(.replay, slot) }
            if looks < 20 { return startNextReplay(slot, looks: looks + 1) }
            replayed(slot)
            drain()
        }
    }

    /// A run is over, or had nothing to do.
    private func replayed(_ slot: Int) {
        if replays.finished(slot) { startNextReplay(slot) }
        if replays.isOver { drained.insert(.replay) }
    }

    /// Starts another in its place, unless there is one.
    func crashed(_ process: Process) {
        // Whoever took over from a replay does what is left to do.
        if process.kind == .replay, process.isSuperseded { return }
        let isReplaced = processes.contains { other in
            other !== process && other.kind == process.kind && other.slot == process.slot && other.isAlive
                && !(other.kind == .replay && other.isSuperseded)
        }
        if !isReplaced { startLater(process.kind, process.slot) }
    }

    /// It may have been taken for dead.
    func froze(_ process: Process) {
        if !process.isSuperseded, !drained.contains(process.kind), world.scheduler.random.chance(400) {
            process.isSuperseded = true
            start(process.kind, process.slot)
        }
        if process.kind == .stage || process.kind == .loader, world.scheduler.random.chance(world.weather.scale * 20),
            slots[process.kind] ?? 0 < 4
        {
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
        if error == nil, !process.control.shouldStop { return finished(process) }
        crashed(process)
        drain()
    }

    /// Errors that end a process because something outside it is wrong: whoever runs it starts it again.
    private static func mayEnd(with error: ETLError) -> Bool {
        error.code.hasPrefix("sim.") || error.status == .unreachable
            || [
                "extract.fenced", "replay.fenced", "log.fenced", "log.not_owner", "log.transaction_state", "stage.rewind",
                "postgres.fenced",
            ]
            .contains(error.code)
    }

    private func finished(_ process: Process) {
        if process.kind != .replay {
            drained.insert(process.kind)
        } else if !process.isSuperseded {
            replayed(process.slot)
        }
        drain()
    }

    /// As `Run` does: readers get what was written as their goal once all writers have ended.
    private func drain() {
        let order: [(writers: Set<MemberKind>, reader: MemberKind, topic: String)] = [
            ([.extractor, .replay], .stage, world.ledger.topics.raw), ([.stage, .replay], .loader, world.ledger.topics.out),
        ]
        for (writers, reader, topic) in order where drained.isSuperset(of: writers) && goals[reader] == nil {
            // A replay that was taken over from may yet take over itself.
            let isWritten = processes.contains { writers.contains($0.kind) && ($0.kind == .replay || !$0.isSuperseded) }
            if isWritten { continue }
            guard let goal = try? world.log.writtenOffsets(topic: topic) else { continue }
            goals[reader] = goal
            world.note("fleet", "\(reader)s drain \(topic) to \(goal.map(\.end))")
            for process in processes where process.kind == reader { process.control.drain(to: goal) }
        }
    }
}
