import ETL
import Log

/// The replays of a seed: a person who looks after the dead letters now and then. There is one series of runs over the stage's
/// letters and one over the loader's, which may go on at the same time.
struct ReplayRuns {
    private let weather: ReplayWeather?
    private let ledger: Ledger
    /// By slot.
    private var finished = [0, 0]

    init(_ world: World) {
        weather = world.weather.replay
        ledger = world.ledger
    }

    var slots: Range<Int> { 0..<(weather?.runs.count ?? 0) }
    var isOver: Bool { slots.allSatisfy { finished[$0] >= weather?.runs[$0] ?? 0 } }

    /// A run came to its end. True: another follows.
    mutating func finished(_ slot: Int) -> Bool {
        finished[slot] += 1
        return finished[slot] < weather?.runs[slot] ?? 0
    }

    /// Before the next run.
    func pauseMs(_ random: inout Random) -> Int { random.within(1...(weather?.pauseMs ?? 1)) }

    /// Whether letters of the topic that is next are pending.
    func hasWork(_ slot: Int) -> Bool { ledger.books.contains { $0.topic == topic(slot) && $0.entries.contains { $0.end == nil } } }

    private func isParked(_ slot: Int) -> Bool { finished[slot] % 4 == 3 }

    private func topic(_ slot: Int) -> String {
        let topics = ledger.topics
        return isParked(slot)
            ? (slot == 0 ? topics.stageParked : topics.loadParked) : (slot == 0 ? topics.stageDead : topics.loadDead)
    }

    /// What the run that is due has to do; started again after a crash, it is the same.
    func plan(_ slot: Int) -> ReplayPlan? {
        guard let weather else { return nil }
        var plan = ReplayPlan(action: .replay, topic: topic(slot))
        plan.maxAttempts = isParked(slot) ? nil : weather.maxAttempts
        // `DataSet.Row.isLeftOut` says the same.
        if weather.hasFilter { plan.filter = "message.n % 3 != 0" }
        if weather.mends, slot == 0 { plan.sets = ["bad=dlq.attempt < message.heals"] }
        plan.limit = weather.limit
        plan.rate = weather.rate
        // The time that records are written at is the simulation's, the time they are looked at the machine's.
        plan.fromStart = true
        return plan
    }
}
