import Bytes
import Foundation
import Log
import Synchronization
import Testing

@testable import ETL

/// Partitions that pause for their failures, and services that are away: if these fail, records are lost, doubled or skipped, or a
/// topic is drained into its dead letters.
@Suite(.timeLimit(.minutes(10))) struct PauseTests {
    /// One topic in memory, one stage, what its members share.
    final class Fixture {
        let stage: StagePlan
        var plan: Plan
        let log: MemoryLog
        let faulty = FaultyLog()
        let counters = Counters(name: "s", role: .stage)
        let telemetry: Telemetry

        init(_ delivery: Delivery, partitions: Int32, letters: DeadLetterPlan, faults: [Fault] = [], breaker: CircuitBreakerPlan? = nil) throws {
            stage = StageMemberTests.stage(delivery)
            plan = .test(stages: [stage])
            plan.deadLetter = letters
            plan.circuitBreaker = breaker ?? CircuitBreakerPlan(failures: 5, openMs: 10)
            log = faulty.make(faults)
            telemetry = Telemetry(plan, of: counters, journal: Journal(plan.logging))
            _ = try log.create(topics: [
                NewTopic(name: "in", partitions: partitions), NewTopic(name: "out", partitions: 2), NewTopic(name: "t.s.dlq", partitions: 2),
            ])
            for topic in ["in", "out", "t.s.dlq"] { try log.retain(topic: topic) }
        }

        /// Records `{"n":…}`; those with n % 7 == 3 fail.
        func write(_ numbers: [Int], partition: Int32) throws {
            let producer = try log.makeProducer(ProducerOptions(topics: ["in"], transactionalId: FaultyLog.ownId))
            try producer.begin()
            var batch = OutputBatch()
            for n in numbers {
                batch.append(
                    OutputRecord(
                        key: batch.arena.copy("k"), value: batch.arena.copy("{\"n\":\(n)}"),
                        headers: UnsafeBufferPointer(start: nil, count: 0), topic: 0, partition: partition))
            }
            try producer.send(batch)
            try producer.commit()
            producer.close()
        }

        func run(_ control: Control, members: Int = 1) throws {
            let failure = Mutex<ETLError?>(nil)
            let (plan, log, stage, counters, telemetry) = (plan, log, stage, counters, telemetry)
            let threads = try (0..<members).map { thread in
                try ETL.Thread(name: "member") {
                    let context = MemberContext(
                        plan: plan, log: log, journal: Journal(plan.logging), counters: counters, control: control, telemetry: telemetry,
                        clock: TickingClock(), instance: "i", thread: thread)
                    do throws(ETLError) {
                        try StageMember(context: context, stage: stage, lookups: LookupTables([])).run()
                    } catch {
                        failure.withLock { $0 = $0 ?? error }
                        control.requestStop()
                    }
                }
            }
            for thread in threads { thread.join() }
            if let failure = failure.withLock({ $0 }) { throw failure }
        }

        func drain() throws {
            let control = Control()
            control.drain(to: try log.writtenOffsets(topic: "in"))
            try run(control)
        }

        /// Until everything is through; a drain that ends at a pause is asked to go on. Returns how often it was.
        func drainAll(to ends: [PartitionRange], members: Int) throws -> Int {
            var pauses = 0
            while true {
                let control = Control()
                control.drain(to: ends)
                do {
                    try run(control, members: members)
                    return pauses
                } catch let error as ETLError where error.code == "stage.paused" {
                    telemetry.paused.resume()
                    pauses += 1
                }
            }
        }

        func numbers(_ topic: String) throws -> [Int] { try everything(in: topic, of: log).map { StageMemberTests.number($0.value) } }
        func committed() throws -> [Int64?] { try log.committedOffsets(group: plan.group(of: stage), topic: "in") }
    }

    static func good(_ count: Int) -> [Int] { (0..<count).map { $0 * 7 } }
    static func bad(_ count: Int) -> [Int] { (0..<count).map { $0 * 7 + 3 } }

    @Test(arguments: [Delivery.exactlyOnce, .atLeastOnce]) func aPartitionThatFailsTooOftenPauses(_ delivery: Delivery) throws {
        let fixture = try Fixture(delivery, partitions: 2, letters: DeadLetterPlan(maxRate: 0.5, window: 10, maxAttempts: 1))
        try fixture.write(Self.good(500), partition: 0)
        try fixture.write(Self.good(10) + Self.bad(100) + Self.good(20), partition: 1)
        // The sixth failure of the last ten is the sixteenth record.
        let error = try #require(throws: ETLError.self) { try fixture.drain() }
        #expect(error.code == "stage.paused" && error.status == .failed)
        #expect(error.message.contains("partition 1, at offset 16: 6 of its last 10 records failed, the last with check.failed"), "\(error.message)")
        // The other partition is done with; what led to the pause is committed with its dead letters, and nothing beyond.
        #expect(try fixture.committed()[0] == 501)
        #expect(try fixture.committed()[1] == 16)
        #expect(try fixture.numbers("t.s.dlq") == Array(Self.bad(100).prefix(6)))
        #expect(try fixture.numbers("out").count == 510)

        // As long as this process lives, another member doesn't go on with it either.
        _ = #expect(throws: ETLError.self) { try fixture.drain() }
        #expect(try fixture.committed()[1] == 16)
        #expect(try fixture.numbers("t.s.dlq").count == 6)

        // Asked to go on, the window starts anew: after six more it pauses again.
        #expect(fixture.telemetry.paused.resume(0) == [])
        #expect(fixture.telemetry.paused.resume(1) == [1])
        let again = try #require(throws: ETLError.self) { try fixture.drain() }
        #expect(again.message.contains("at offset 22"))
        #expect(try fixture.numbers("t.s.dlq") == Array(Self.bad(100).prefix(12)))
    }

    /// Resumed whenever it pauses, it comes to the end with everything once, whatever fails on the way.
    @Test(arguments: [Fault(action: .poll, kind: .retriable, at: 9999)] + Fault.all([.poll, .begin, .send, .sendOffsets, .commit], at: [2, 5]))
    func pausedAndResumedOverAndOver(_ fault: Fault) throws {
        let fixture = try Fixture(
            .exactlyOnce, partitions: 2, letters: DeadLetterPlan(maxRate: 0.5, window: 10, maxAttempts: 1), faults: [fault])
        let numbers = Self.good(10) + Self.bad(60) + Self.good(25) + Self.bad(9) + Self.good(3)
        try fixture.write(numbers, partition: 1)
        try fixture.write(Self.good(200), partition: 0)
        let resumed = Atomic<Int>(0)
        let paused = fixture.telemetry.paused
        fixture.faulty.onPoll { _ in if !paused.resume().isEmpty { resumed.add(1, ordering: .relaxed) } }
        defer { fixture.faulty.release() }
        let pauses = try fixture.drainAll(to: try fixture.log.writtenOffsets(topic: "in"), members: 1)
        #expect(resumed.load(ordering: .relaxed) + pauses >= 10)
        #expect(try fixture.numbers("out").sorted() == (Self.good(200) + Self.good(10) + Self.good(25) + Self.good(3)).sorted())
        #expect(try fixture.numbers("t.s.dlq") == Self.bad(60) + Self.bad(9))
    }

    /// With members coming and failing at random, the ordinary input, and pauses all the time.
    @Test(arguments: [Delivery.exactlyOnce, .atLeastOnce], 0..<4) func pausesAndFailuresAtRandom(_ delivery: Delivery, _ round: Int) throws {
        let seed =
            (ProcessInfo.processInfo.environment["ETL_TEST_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...9_999_999)) &+ UInt64(round)
        var generator = SplitMix(state: seed)
        let kinds: [LogError.Kind] = [.retriable, .abortable, .fenced, .fatal]
        let faults = (0..<10).map { _ in
            Fault(
                action: Fault.Action.allCases.randomElement(using: &generator) ?? .poll,
                kind: kinds.randomElement(using: &generator) ?? .fatal, at: Int.random(in: 1...40, using: &generator))
        }
        let fixture = try Fixture(
            delivery, partitions: StageMemberTests.partitions, letters: DeadLetterPlan(maxRate: 0.1, window: 10, maxAttempts: 1), faults: faults)
        let feed = StageMemberTests.Feed()
        let resumed = Atomic<Int>(0)
        let paused = fixture.telemetry.paused
        fixture.faulty.onPoll { log in
            feed.next(log)
            if !paused.resume().isEmpty { resumed.add(1, ordering: .relaxed) }
        }
        defer { fixture.faulty.release() }
        let pauses = try fixture.drainAll(to: StageMemberTests.Feed.ends, members: 2)
        #expect(resumed.load(ordering: .relaxed) + pauses > 0, "seed \(seed)")
        let found = (out: try everything(in: "out", of: fixture.log), dead: try everything(in: "t.s.dlq", of: fixture.log))
        if delivery == .exactlyOnce { StageMemberTests.checkExactlyOnce(found) } else { StageMemberTests.checkAtLeastOnce(found) }
        if found.out.count != StageMemberTests.all.filter({ !StageMemberTests.isDead($0) }).count, delivery == .exactlyOnce {
            Issue.record("seed \(seed)")
        }
    }

    /// The brokers don't take the commit for a while: the circuit opens, the member stays in its group and polls on, and when they
    /// are back everything is there once.
    @Test(arguments: [Fault.Action.commit, .sendOffsets, .commitOffsets]) func kafkaIsAwayForAWhile(_ action: Fault.Action) throws {
        let delivery = action == .commitOffsets ? Delivery.atLeastOnce : .exactlyOnce
        let fixture = try Fixture(
            delivery, partitions: 2, letters: DeadLetterPlan(maxRate: 1, window: 10, maxAttempts: 1),
            faults: [Fault(action: action, kind: .retriable, at: 1, times: 9)], breaker: CircuitBreakerPlan(failures: 3, openMs: 40_000))
        try fixture.write(Self.good(300), partition: 0)
        try fixture.write(Self.good(100) + Self.bad(10), partition: 1)
        let polls = Atomic<Int>(0)
        let kafka = fixture.telemetry.kafka
        fixture.faulty.onPoll { _ in if !kafka.isClosed { polls.add(1, ordering: .relaxed) } }
        defer { fixture.faulty.release() }
        try fixture.drain()
        let found = kafka.snapshot
        #expect(found.openings == 1 && found.failures >= 9 && found.isClosed)
        if action != .commitOffsets { #expect(polls.load(ordering: .relaxed) > 0) }
        #expect(try Set(fixture.numbers("out")).count == 300)
        if delivery == .exactlyOnce { #expect(try fixture.numbers("out").count == 400) }
        #expect(try Set(fixture.numbers("t.s.dlq")) == Set(Self.bad(10)))
    }

    /// A client that finds no broker says so only if asked.
    @Test func silenceCountsAsFailure() throws {
        final class Silent: LogConsumer {
            var unreachable: LogError? = LogError(.retriable, code: "log.unreachable", "no broker")
            func poll(timeoutMs: Int32, maxRecords: Int) throws(LogError) -> LogBatch {
                LogBatch(records: UnsafeBufferPointer(start: nil, count: 0), ends: UnsafeBufferPointer(start: nil, count: 0))
            }
            func seek(_ positions: [PartitionOffset]) throws(LogError) {}
            func commit(_ offsets: [PartitionOffset], wait: Bool) throws(LogError) {}
            func committed(_ partitions: [Int32]) throws(LogError) -> [Int64?] { [] }
            func pause(_ partitions: [Int32]) throws(LogError) {}
            func resume(_ partitions: [Int32]) throws(LogError) {}
            func close() {}
        }
        let fixture = try Fixture(.exactlyOnce, partitions: 1, letters: DeadLetterPlan(maxRate: 1, window: 1, maxAttempts: 1))
        let context = MemberContext(
            plan: fixture.plan, log: fixture.log, journal: Journal(fixture.plan.logging), counters: fixture.counters, control: Control(),
            telemetry: fixture.telemetry, clock: TickingClock(), instance: "i")
        var watch = GroupWatch()
        let consumer = Silent()
        for _ in 0..<20 { watch.look(at: consumer, foundRecords: false, context) }
        #expect(fixture.telemetry.kafka.snapshot.openings == 1 && fixture.telemetry.kafka.snapshot.reason == "no broker")
        consumer.unreachable = nil
        watch.look(at: consumer, foundRecords: false, context)
        #expect(fixture.telemetry.kafka.isClosed)
    }

    /// Polls made only to stay in the group may bring partitions, with records, and take some: what they bring is read again.
    @Test func whatMembershipPollsBringIsReadAgain() throws {
        final class Recorder: LogConsumer {
            var calls: [String] = []
            func poll(timeoutMs: Int32, maxRecords: Int) throws(LogError) -> LogBatch {
                LogBatch(records: UnsafeBufferPointer(start: nil, count: 0), ends: UnsafeBufferPointer(start: nil, count: 0))
            }
            func seek(_ positions: [PartitionOffset]) throws(LogError) {
                if !positions.isEmpty { calls.append("seek \(positions.map { "\($0.partition)@\($0.offset)" }.joined(separator: " "))") }
            }
            func commit(_ offsets: [PartitionOffset], wait: Bool) throws(LogError) {}
            func committed(_ partitions: [Int32]) throws(LogError) -> [Int64?] { [] }
            func pause(_ partitions: [Int32]) throws(LogError) { calls.append("pause \(partitions)") }
            func resume(_ partitions: [Int32]) throws(LogError) { calls.append("resume \(partitions)") }
            func close() {}
        }
        func record(_ partition: Int32, _ offset: Int64) -> LogRecord {
            let none = UnsafeRawBufferPointer(start: nil, count: 0)
            return LogRecord(key: none, value: none, headers: UnsafeBufferPointer(start: nil, count: 0), partition: partition, offset: offset, timestamp: 0)
        }
        var positions = Positions()
        var pauses = ConsumerPauses()
        var windows = PartitionFailures(DeadLetterPlan(maxRate: 0, window: 1, maxAttempts: 1))
        let (consumer, registry) = (Recorder(), PausedPartitions())
        positions.assign(0, start: 10)
        try pauses.pauseAll(consumer, positions)
        // Two more come within the poll: one with a commit, one that nobody has read.
        positions.assign(1, start: 20)
        positions.assign(2, start: nil)
        let records = [record(1, 20), record(1, 21), record(2, 7), record(2, 8)]
        let ends = [PartitionOffset(partition: 2, offset: 9), PartitionOffset(partition: 0, offset: 12)]
        records.withUnsafeBufferPointer { records in
            ends.withUnsafeBufferPointer { pauses.drop(LogBatch(records: records, ends: $0), &positions) }
        }
        let next = (0..<3).map { positions.next($0) }
        #expect(next == [12, 20, 0])
        try pauses.settle(consumer, &positions, pending: [], registry: registry, failures: &windows)
        #expect(consumer.calls == ["pause [0]", "seek 0@12 1@20 2@7", "resume [0, 1, 2]"])
        consumer.calls = []
        try pauses.settle(consumer, &positions, pending: [], registry: registry, failures: &windows)
        #expect(consumer.calls.isEmpty)

        // Held, known to all, and resumed before the consumer was told: its records were dropped, so they are read again.
        positions.hold(1)
        registry.add(.init(partition: 1, offset: 20, failures: 1, window: 1, code: "c", reason: "r"))
        registry.resume()
        try pauses.settle(consumer, &positions, pending: [], registry: registry, failures: &windows)
        #expect(consumer.calls == ["seek 1@20", "resume [1]"])
        let isHeld = positions.isHeld(1)
        #expect(!isHeld)
    }
}
