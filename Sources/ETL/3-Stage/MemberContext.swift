import Glibc
package import Log

/// What every member of one process is given: the plan, the log, and who it is.
package struct MemberContext {
    package let plan: Plan
    package let log: any RecordLog
    package let journal: Journal
    package let counters: Counters
    package let control: Control
    package let telemetry: Telemetry
    package let clock: any Clock
    /// Tells this process' members from those of others; part of transactional ids.
    package let instance: String
    package let thread: Int
    /// Members that share this process' memory budget.
    package let members: Int

    package init(
        plan: Plan, log: any RecordLog, journal: Journal, counters: Counters, control: Control, telemetry: Telemetry? = nil,
        clock: any Clock = SystemClock(), instance: String, thread: Int = 0, members: Int = 1
    ) {
        self.plan = plan
        self.log = log
        self.journal = journal
        self.counters = counters
        self.control = control
        self.telemetry = telemetry ?? Telemetry(plan, of: counters, journal: journal)
        self.clock = clock
        self.instance = instance
        self.thread = thread
        self.members = max(members, 1)
    }

    /// Waits before something is tried again; not much longer than until the member is asked to stop.
    package func pause(ms: Int64) {
        var left = ms
        while left > 0, !control.shouldStop {
            clock.wait(ms: min(left, 100))
            left -= 100
        }
        // Tries that follow each other while it stops are few, but shall not be all at once.
        if control.shouldStop { clock.wait(ms: min(max(left, 0), 100)) }
    }

    package func emit(_ event: some Event) { journal.emit(event) }

    /// `etl.<topology>.<stage>.<instance>-<thread>`
    package func transactionalId(_ name: String) -> String { "etl.\(plan.name).\(name).\(instance)-\(thread)" }
    package func clientId(_ name: String) -> String { "etl.\(plan.name).\(name).\(instance)-\(thread)" }

    /// For clients, whose calls shall not wait for brokers when the process is to end.
    package var isStopping: @Sendable () -> Bool { { [control] in control.shouldStop } }

    /// Of the budget, three eighths are for records fetched ahead, an eighth for records not sent yet, two for the batch a loader
    /// fills and the one on its way; the rest is for what the client keeps around them and for lookups.
    package var consumerBytes: Int { max(plan.memoryMB << 20, 64 << 20) / members * 3 / 8 }
    package var producerBytes: Int { max(plan.memoryMB << 20, 64 << 20) / members / 8 }
    /// Of one batch of rows. So small that the in-memory log, where each topic has its share of half the budget, isn't full before
    /// the batch is: the loader would sit out `batch_ms`, and all before it would wait. More than 16 MB make no batch faster.
    package var batchBytes: Int { min((plan.memoryMB << 20) / members / 8, 16 << 20) }
}

/// Time, so that tests can make their own.
package protocol Clock: Sendable {
    /// Milliseconds that never go back.
    func nowMs() -> Int64
    func wait(ms: Int64)
}

package struct SystemClock: Clock {
    package init() {}
    package func nowMs() -> Int64 { monotonicMs() }
    package func wait(ms: Int64) {
        var wanted = timespec(tv_sec: Int(ms / 1000), tv_nsec: Int(ms % 1000) * 1_000_000)
        var left = timespec()
        while nanosleep(&wanted, &left) != 0 && errno == EINTR { wanted = left }
    }
}
