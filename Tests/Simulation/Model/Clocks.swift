import ETL
import Log

/// The broker's time: the simulation's.
final class BrokerClock: LogClock, @unchecked Sendable {
    private let scheduler: Scheduler

    init(_ scheduler: Scheduler) { self.scheduler = scheduler }

    var nowMs: Int64 { scheduler.nowMs }

    func wait(_ monitor: Monitor, untilMs deadlineMs: Int64) {
        monitor.leave()
        scheduler.wait(untilMs: deadlineMs, watching: true)
        monitor.enter()
    }
}

/// A member's time. For one that crashed it runs away, so that nothing it waits for holds up its end.
final class MemberClock: Clock, @unchecked Sendable {
    private let scheduler: Scheduler
    private let task: Task
    private var aheadMs: Int64 = 0

    init(_ scheduler: Scheduler, _ task: Task) {
        self.scheduler = scheduler
        self.task = task
    }

    func nowMs() -> Int64 {
        if task.isDead || scheduler.isAborting { aheadMs += 60_000 }
        return scheduler.nowMs + aheadMs
    }

    func wait(ms: Int64) {
        if task.isDead { return }
        scheduler.wait(untilMs: scheduler.nowMs + max(ms, 0), watching: false)
    }
}
