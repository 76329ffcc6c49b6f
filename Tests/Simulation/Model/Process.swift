import ETL
import Log

/// A process with one member, from its start to its end or crash.
final class Process: @unchecked Sendable {
    let world: World
    let kind: MemberKind
    let slot: Int
    let name: String
    let task: Task
    let control = Control()
    unowned let fleet: Fleet
    /// Of a replay: what it is to do.
    var replays: ReplayPlan?
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
        world.ledger.crashed.insert(name)
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

    /// On the process' own stack.
    func run() {
        do throws(ETLError) {
            switch kind {
            case .extractor: try ExtractMember(context: context, extractor: world.plan.extractors[0]).run()
            case .stage: try StageMember(context: context, stage: world.plan.stages[0], lookups: LookupTables()).run()
            case .loader: try load()
            case .replay: try replay()
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

    private func replay() throws(ETLError) {
        guard let plan = replays else { return }
        let member = ReplayMember(context: context, plan: plan, program: try plan.program())
        let summary = try member.run()
        world.note(name, "says: \(summary.replayed) replayed, \(summary.parked) parked, \(summary.kept) kept")
        if isAlive { world.ledger.ended(name, plan.topic, summary) }
    }

    private var context: MemberContext {
        MemberContext(
            plan: world.plan, log: ProcessLog(world, self), journal: Journal(world.plan.logging),
            counters: Counters(name: name, role: .stage), control: control, clock: MemberClock(world.scheduler, task),
            instance: "i\(slot)")
    }
}
