package import Log
import Synchronization

/// Extractors and stages of one plan running in this process, each member on a thread of its own.
///
/// Drains in the order records flow: when all that writes a stage's topic has finished, the stage is given the topic's
/// ends as its goal, and so on down to the loaders.
package final class Run: Sendable {
    /// An extractor or stage, with what its members share.
    package struct Part: Sendable {
        package enum Kind: Sendable {
            case extractor(ExtractorPlan)
            case stage(StagePlan)
        }
        package let kind: Kind
        package let counters: Counters
        package let control: Control
        package let telemetry: Telemetry
        package let threads: Int

        package var reads: String? {
            if case .stage(let stage) = kind { stage.from } else { nil }
        }
        package var writes: String? {
            switch kind {
            case .extractor(let extractor): extractor.to
            case .stage(let stage): if case .topic(let name) = stage.ending { name } else { nil }
            }
        }
    }

    package let plan: Plan
    package let log: any RecordLog
    package let parts: [Part]
    package let journal: Journal
    package let instance: String
    package let startedMs = wallClockMs()
    private let lookups: LookupTables
    private let state = Mutex(State())
    /// Notified when a member has finished.
    private let ends = Monitor()

    private struct State {
        var running: [Int] = []
        var failure: ETLError?
        var stopping = false
    }

    /// - Parameters:
    ///   - extractors, stages: the names to run.
    ///   - threads: overrides the stages' own number.
    package init(
        plan: Plan, log: any RecordLog, journal: Journal, instance: String, lookups: LookupTables,
        extractors: [ExtractorPlan], stages: [StagePlan], threads: Int? = nil
    ) {
        self.plan = plan
        self.log = log
        self.journal = journal
        self.instance = instance
        self.lookups = lookups
        func part(_ kind: Part.Kind, _ name: String, _ role: Counters.Role, _ threads: Int) -> Part {
            let counters = Counters(name: name, role: role)
            return Part(
                kind: kind, counters: counters, control: Control(), telemetry: Telemetry(plan, of: counters, journal: journal),
                threads: threads)
        }
        parts =
            extractors.map { part(.extractor($0), $0.name, .extractor, 1) }
            + stages.map { stage in
                let role: Counters.Role = if case .topic = stage.ending { .stage } else { .loader }
                return part(.stage(stage), stage.name, role, threads ?? stage.threads)
            }
    }

    /// Whether it was asked to stop, or failed. Any thread.
    package var isStopping: Bool { state.withLock { $0.stopping } }
    package var hasFailed: Bool { state.withLock { $0.failure != nil } }

    /// Asks every member to finish what it has in hand. Any thread.
    package func requestStop(_ reason: String) {
        let isFirst = state.withLock { state in
            defer { state.stopping = true }
            return !state.stopping
        }
        if isFirst { journal.emit(Stopping(reason: reason)) }
        for part in parts { part.control.requestStop() }
    }

    /// In memory a writer may wait for room that a reader which has stopped will never make: after a while nobody waits any more.
    private func release(_ log: MemoryLog, _ clock: SystemClock, _ stoppedMs: inout Int64?) {
        guard state.withLock({ $0.stopping }) else { return }
        let since = stoppedMs ?? clock.nowMs()
        stoppedMs = since
        if clock.nowMs() - since >= 3000 { log.shutDown() }
    }

    /// Runs until everything has finished.
    /// - Parameters:
    ///   - follow: for ever, until asked to stop; otherwise until the input is drained.
    ///   - tick: called about five times a second, and once at the end.
    package func execute(follow: Bool, tick: (Run) -> Void) throws(ETLError) {
        state.withLock { $0.running = parts.map(\.threads) }
        declareGroups()
        var threads: [Thread] = []
        let members = parts.reduce(0) { $0 + $1.threads }
        for (index, part) in parts.enumerated() {
            for number in 0..<part.threads {
                do {
                    threads.append(
                        try Thread(name: part.counters.name) { [self] in
                            member(index, part, number, members, follow)
                        })
                } catch {
                    finished(index, error)
                }
            }
        }
        watch(follow: follow, tick: tick)
        for thread in threads { thread.join() }
        tick(self)
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// The in-memory log keeps records for the groups it knows of.
    private func declareGroups() {
        guard let memory = log as? MemoryLog else { return }
        for part in parts {
            if case .stage(let stage) = part.kind { try? memory.declare(group: plan.group(of: stage), topic: stage.from) }
        }
    }

    private func member(_ index: Int, _ part: Part, _ thread: Int, _ members: Int, _ follow: Bool) {
        let context = MemberContext(
            plan: plan, log: log, journal: journal, counters: part.counters, control: part.control,
            telemetry: part.telemetry, instance: instance, thread: thread, members: members)
        do throws(ETLError) {
            switch part.kind {
            case .extractor(let extractor):
                try ExtractMember(context: context, extractor: extractor).run(follow: follow)
            case .stage(let stage):
                if case .postgres(let sink) = stage.ending {
                    try LoadMember(context: context, stage: stage, sink: sink).run()
                } else {
                    try StageMember(context: context, stage: stage, lookups: lookups).run()
                }
            }
            finished(index, nil)
        } catch {
            // The log in memory is shut down to end a wait that nobody will end any more: that was asked for.
            finished(index, error.code == "log.shut_down" && part.control.shouldStop ? nil : error)
        }
    }

    private func finished(_ index: Int, _ error: ETLError?) {
        let isFirst = state.withLock { state in
            state.running[index] -= 1
            defer { state.failure = state.failure ?? error }
            return error != nil && state.failure == nil
        }
        ends.enter()
        ends.notifyAll()
        ends.leave()
        if isFirst, let error {
            journal.emit(Failed(error: error))
            // What a paused stage has written is worth being read to its end.
            if error.code == "stage.paused" { return }
            requestStop("\(parts[index].counters.name) failed")
        }
    }

    private func watch(follow: Bool, tick: (Run) -> Void) {
        let clock = SystemClock()
        var draining = Set<Int>()
        var nextLagMs: Int64 = 0
        var stoppedMs: Int64?
        let resumes = ResumeWatch(plan: plan, log: log, journal: journal)
        while true {
            let running = state.withLock { $0.running }
            if running.allSatisfy({ $0 <= 0 }) { break }
            if !follow { drain(running, &draining) }
            if let memory = log as? MemoryLog { release(memory, clock, &stoppedMs) }
            resumes.look(at: parts, nowMs: clock.nowMs())
            if !follow, log is MemoryLog { failWhereStuck(running) }
            if clock.nowMs() >= nextLagMs {
                updateLag()
                nextLagMs = clock.nowMs() + 1000
            }
            tick(self)
            ends.enter()
            if state.withLock({ $0.running == running }) { ends.wait(untilMonotonicMs: monotonicMs() + 50) }
            ends.leave()
        }
        updateLag()
    }

    /// Gives a goal to each stage whose writers in this process have all finished: everything they have written, also what the
    /// broker doesn't show to readers yet.
    private func drain(_ running: [Int], _ draining: inout Set<Int>) {
        for (index, part) in parts.enumerated() where !draining.contains(index) {
            guard let topic = part.reads else { continue }
            let hasWriters = parts.indices.contains { parts[$0].writes == topic && running[$0] > 0 }
            guard !hasWriters, let ranges = try? log.writtenOffsets(topic: topic) else { continue }
            part.control.drain(to: ranges)
            draining.insert(index)
        }
    }

    /// In memory a writer waits for its readers: where one of them paused, nobody would ever finish.
    private func failWhereStuck(_ running: [Int]) {
        guard !state.withLock({ $0.stopping }) else { return }
        for part in parts {
            guard let topic = part.reads, let pause = part.telemetry.pausedHere.first else { continue }
            let hasWriters = parts.indices.contains { parts[$0].writes == topic && running[$0] > 0 }
            guard hasWriters else { continue }
            let error = ETLError(
                .failed, code: "stage.paused",
                "stage \(part.counters.name) paused topic \(topic), partition \(pause.partition), at offset \(pause.offset): "
                    + "\(pause.why). Mend what makes them fail and run again, or set dead_letter.max_rate")
            state.withLock { $0.failure = $0.failure ?? error }
            journal.emit(Failed(error: error))
            return requestStop("\(part.counters.name) is paused")
        }
    }

    /// Not once it is to stop: nobody waits then for a broker that may be why.
    private func updateLag() {
        for part in parts where !state.withLock({ $0.stopping }) {
            guard let topic = part.reads, case .stage(let stage) = part.kind,
                let ranges = try? log.offsets(topic: topic),
                let committed = try? log.committedOffsets(group: plan.group(of: stage), topic: topic)
            else { continue }
            let rows = ranges.map { range in
                let position = Int(range.partition) < committed.count ? committed[Int(range.partition)] : nil
                return (
                    partition: range.partition, end: range.end,
                    lag: max(0, range.end - max(position ?? range.first, range.first))
                )
            }
            part.counters.setLag(rows.reduce(0) { $0 + $1.lag })
            part.telemetry.setLag(rows)
        }
    }
}
