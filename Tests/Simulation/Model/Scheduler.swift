/// One flow of control in the simulation: an incarnation of a member, on a stack of its own.
final class Task: @unchecked Sendable {
    let name: String
    /// It crashed: what its code still does has no effect and never waits.
    var isDead = false
    /// A machine that hangs: not before this time does it go on.
    var frozenUntilMs: Int64 = 0
    fileprivate var fiber: Fiber?
    fileprivate var isWaiting = false
    fileprivate var wakeMs: Int64 = .max
    /// The count of changes it has seen; `.max`: it waits for the clock only.
    fileprivate var seenChanges = Int.max

    init(name: String) { self.name = name }
}

/// Decides who goes on. Every member has a stack of its own, where other programs give it a thread, and each call that crosses a
/// boundary of the engine (log, sink, clock) may let another member go on. The clock moves a little with each step, and on to the next deadline when
/// everybody waits. So a seed decides everything, and decides it again the same way.
///
/// Unchecked: a seed runs in one thread.
final class Scheduler: @unchecked Sendable {
    private struct Timer {
        var atMs: Int64
        var act: () -> Void
    }

    var random: Random
    private(set) var nowMs: Int64 = 1_700_000_000_000
    private(set) var steps = 0
    private(set) var current: Task?
    /// Mixes who ran when: two runs of a seed must agree on it.
    private(set) var digest: UInt64 = 0
    /// From now on all that is left unwinds, without effect.
    private(set) var isAborting = false
    /// Called between steps.
    var onStep: () -> Void = {}
    var onDeadlock: () -> Void = {}
    private var tasks: [Task] = []
    private var timers: [Timer] = []
    private var ready: [Task] = []
    private var changes = 0
    private let fibers: FiberPool
    private let main = Fiber(stackBytes: 0)

    init(_ random: Random, _ fibers: FiberPool) {
        self.random = random
        self.fibers = fibers
    }

    /// Starts a task; it runs when its turn comes. `body` ends with the task.
    func spawn(_ task: Task, _ body: @escaping () -> Void) {
        tasks.append(task)
        let fiber = fibers.take()
        task.fiber = fiber
        fiber.prepare { [self] in
            body()
            return end(task)
        }
    }

    /// Runs until no task is left.
    func run() {
        if let first = choose()?.fiber { main.hand(to: first) }
    }

    func abort() { isAborting = true }

    /// At a boundary: time passes, and another may go on.
    func step(latencyMs: Int) {
        guard let task = current, !task.isDead, !isAborting else { return }
        steps += 1
        nowMs += Int64(latencyMs)
        yield(task)
    }

    /// Waits for the clock or, if `watching`, for a change of what the services hold. So does what crashed in a callback of the
    /// log, until the log lets it go.
    func wait(untilMs: Int64, watching: Bool) {
        guard let task = current, !isAborting else { return }
        task.isWaiting = true
        task.wakeMs = untilMs
        task.seenChanges = watching ? changes : .max
        yield(task)
        task.isWaiting = false
    }

    /// Time passes while no task is there.
    func pass(ms: Int64) { nowMs += ms }

    /// Whoever watches looks again.
    func changed() { changes += 1 }

    func after(ms: Int, _ act: @escaping () -> Void) { timers.append(Timer(atMs: nowMs + Int64(ms), act: act)) }

    private func yield(_ task: Task) {
        // Itself is alive, so there is always one to go on.
        guard let next = choose(), next !== task, let other = next.fiber else { return }
        task.fiber?.hand(to: other)
    }

    /// Gives who goes on.
    private func end(_ task: Task) -> Fiber {
        tasks.removeAll { $0 === task }
        // Nobody takes it before this has handed over for the last time.
        if let fiber = task.fiber { fibers.give(back: fiber) }
        task.fiber = nil
        return choose()?.fiber ?? main
    }

    private func choose() -> Task? {
        while true {
            if isAborting { return pick(tasks.first) }
            runTimers()
            onStep()
            if isAborting { continue }
            ready.removeAll(keepingCapacity: true)
            for task in tasks where isReady(task) { ready.append(task) }
            if !ready.isEmpty { return pick(ready[random.below(ready.count)]) }
            if tasks.isEmpty && timers.isEmpty { return nil }
            var next = timers.map(\.atMs).min() ?? .max
            for task in tasks { next = min(next, max(task.isWaiting ? task.wakeMs : nowMs, task.frozenUntilMs)) }
            if next == .max { onDeadlock() } else { nowMs = max(nowMs, next) }
        }
    }

    private func pick(_ task: Task?) -> Task? {
        current = task
        digest = (digest ^ UInt64(bitPattern: nowMs) ^ random.state) &* 0x100_0000_01b3
        return task
    }

    private func isReady(_ task: Task) -> Bool {
        guard task.frozenUntilMs <= nowMs else { return false }
        return !task.isWaiting || task.wakeMs <= nowMs || changes > task.seenChanges
    }

    private func runTimers() {
        while let due = timers.indices.filter({ timers[$0].atMs <= nowMs }).min(by: { timers[$0].atMs < timers[$1].atMs }) {
            timers.remove(at: due).act()
        }
    }
}
