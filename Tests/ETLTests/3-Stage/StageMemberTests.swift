import Bytes
import Foundation
import Log
import Synchronization
import Testing

@testable import ETL

/// If these fail, a stage loses records, writes them twice, or mixes up the order of a key.
@Suite(.timeLimit(.minutes(10))) struct StageMemberTests {
    static let partitions: Int32 = 3
    static let rounds = 12
    static let recordsInRound = 30

    /// Writes one round of records when a member polls, in a transaction of its own, every other one behind an aborted copy: so the
    /// input has gaps and ends in markers.
    final class Feed: Sendable {
        private let round = Atomic<Int>(0)
        private let producer: Mutex<(any LogProducer)?> = Mutex(nil)

        func next(_ log: MemoryLog) {
            producer.withLock { producer in
                let number = round.load(ordering: .relaxed)
                if number == rounds { return }
                round.store(number + 1, ordering: .relaxed)
                do {
                    let made = try producer ?? log.makeProducer(ProducerOptions(topics: ["in"], transactionalId: FaultyLog.ownId))
                    producer = made
                    if number % 2 == 1 { try write(number, made, aborted: true) }
                    try write(number, made, aborted: false)
                } catch {
                    Issue.record(error)
                }
            }
        }

        private func write(_ number: Int, _ producer: any LogProducer, aborted: Bool) throws(LogError) {
            try producer.begin()
            var batch = OutputBatch()
            for n in number * recordsInRound..<(number + 1) * recordsInRound {
                let key = n % 10
                batch.append(
                    OutputRecord(
                        key: batch.arena.copy("k\(key)"), value: batch.arena.copy("{\"n\":\(n)}"),
                        headers: UnsafeBufferPointer(start: nil, count: 0), topic: 0, partition: Int32(key) % partitions))
            }
            try producer.send(batch)
            if aborted { try producer.abort() } else { try producer.commit() }
        }

        /// Where each partition ends when all is written: records, and a marker for each transaction.
        static var ends: [PartitionRange] {
            let times = Int64(rounds + rounds / 2)
            return (0..<partitions).map { partition in
                let records = Int64((0..<10).filter { Int32($0) % partitions == partition }.count * recordsInRound / 10)
                return PartitionRange(partition: partition, first: 0, end: times * (records + 1))
            }
        }
    }

    static func stage(_ delivery: Delivery) -> StagePlan {
        let step = StepPlan(
            name: "rule", kind: .check(name: "rule", expression: cel("message.n % 7 != 3"), onFailure: .deadLetter),
            position: place(1))
        return StagePlan(
            name: "s", from: "in", threads: 1, delivery: delivery, steps: [step], ending: .topic("out"), position: place(1))
    }

    /// Runs members until the input is drained and returns what they wrote.
    static func run(_ faulty: FaultyLog, _ log: MemoryLog, _ delivery: Delivery, members: Int) throws
        -> (out: [(key: String, value: String)], dead: [(key: String, value: String)])
    {
        let stage = stage(delivery)
        // A commit after each batch, however quick the machine: faults come at the third of them.
        let plan = Plan.test(stages: [stage], commitIntervalMs: 0)
        _ = try log.create(topics: [
            NewTopic(name: "in", partitions: partitions), NewTopic(name: "out", partitions: 2),
            NewTopic(name: "t.s.dlq", partitions: 2),
        ])
        for topic in ["in", "out", "t.s.dlq"] { try log.retain(topic: topic) }
        let feed = Feed()
        faulty.onPoll { feed.next($0) }
        defer { faulty.release() }
        let control = Control()
        control.drain(to: Feed.ends)
        let failure = Mutex<ETLError?>(nil)
        var threads: [ETL.Thread] = []
        for thread in 0..<members {
            threads.append(
                try ETL.Thread(name: "member") {
                    do throws(ETLError) {
                        try StageMember(
                            context: .test(plan, log, control, thread: thread), stage: stage, lookups: LookupTables([])
                        ).run()
                    } catch {
                        failure.withLock { $0 = $0 ?? error }
                        control.requestStop()
                    }
                })
        }
        for thread in threads { thread.join() }
        if let failure = failure.withLock({ $0 }) { throw failure }
        let committed = try log.committedOffsets(group: plan.group(of: stage), topic: "in")
        #expect(committed == Feed.ends.map(\.end))
        return (try everything(in: "out", of: log), try everything(in: "t.s.dlq", of: log))
    }

    static var all: Range<Int> { 0..<rounds * recordsInRound }
    static func isDead(_ n: Int) -> Bool { n % 7 == 3 }
    static func number(_ value: String) -> Int { Int(value.drop { !$0.isNumber }.prefix { $0.isNumber }) ?? -1 }

    static func checkExactlyOnce(_ found: (out: [(key: String, value: String)], dead: [(key: String, value: String)])) {
        #expect(found.out.map { number($0.value) }.sorted() == all.filter { !isDead($0) })
        #expect(found.dead.map { number($0.value) }.sorted() == all.filter(isDead))
        for (key, records) in Dictionary(grouping: found.out, by: \.key) {
            let numbers = records.map { number($0.value) }
            #expect(numbers == numbers.sorted(), "order of \(key)")
        }
    }

    static func checkAtLeastOnce(_ found: (out: [(key: String, value: String)], dead: [(key: String, value: String)])) {
        #expect(Set(found.out.map { number($0.value) }).sorted() == all.filter { !isDead($0) })
        #expect(Set(found.dead.map { number($0.value) }).sorted() == all.filter(isDead))
        for (key, records) in Dictionary(grouping: found.out, by: \.key) {
            var seen = Set<Int>()
            let first = records.map { number($0.value) }.filter { seen.insert($0).inserted }
            #expect(first == first.sorted(), "order of \(key)")
        }
    }

    @Test(arguments: Fault.all([.poll, .begin, .send, .sendOffsets, .commit]))
    func exactlyOnceWhateverFails(_ fault: Fault) throws {
        let faulty = FaultyLog()
        let log = faulty.make([fault])
        Self.checkExactlyOnce(try Self.run(faulty, log, .exactlyOnce, members: 1))
        #expect(faulty.hits.load(ordering: .relaxed) == fault.times)
    }

    /// What undoes a failure fails too.
    @Test(arguments: Fault.all([.abort], at: [1]))
    func exactlyOnceWhenTheAbortFails(_ fault: Fault) throws {
        for first in Fault.Action.allCases where [.send, .sendOffsets, .commit].contains(first) {
            let faulty = FaultyLog()
            let log = faulty.make([Fault(action: first, kind: .abortable, at: 2), fault])
            Self.checkExactlyOnce(try Self.run(faulty, log, .exactlyOnce, members: 1))
        }
    }

    @Test(arguments: Fault.all([.poll, .send, .commitOffsets]))
    func atLeastOnceWhateverFails(_ fault: Fault) throws {
        let faulty = FaultyLog()
        let log = faulty.make([fault])
        Self.checkAtLeastOnce(try Self.run(faulty, log, .atLeastOnce, members: 1))
    }

    /// Members come, are put out for being slow, and fail, all at random.
    @Test(arguments: [Delivery.exactlyOnce, .atLeastOnce], 0..<6)
    func severalMembersAndFailuresAtRandom(_ delivery: Delivery, _ round: Int) throws {
        let seed =
            (ProcessInfo.processInfo.environment["ETL_TEST_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...9_999_999))
            &+ UInt64(round)
        var generator = SplitMix(state: seed)
        let kinds: [LogError.Kind] = [.retriable, .abortable, .fenced, .fatal]
        let faults = (0..<12).map { _ in
            Fault(
                action: Fault.Action.allCases.randomElement(using: &generator) ?? .poll,
                kind: kinds.randomElement(using: &generator) ?? .fatal, at: Int.random(in: 1...25, using: &generator))
        }
        let faulty = FaultyLog()
        let log = faulty.make(faults, maxPollIntervalMs: 20)
        let found = try Self.run(faulty, log, delivery, members: 3)
        if delivery == .exactlyOnce { Self.checkExactlyOnce(found) } else { Self.checkAtLeastOnce(found) }
        if delivery == .exactlyOnce, found.out.count != Self.all.filter({ !Self.isDead($0) }).count { Issue.record("seed \(seed)") }
    }

    /// Put out of the group with a transaction open, and in again within the same poll, before anything was committed: what that poll
    /// brought is dropped, and must come again.
    @Test func partitionsLostAndGotBackInOnePollAreReadFromTheirStart() throws {
        let stage = Self.stage(.exactlyOnce)
        var plan = Plan.test(stages: [stage])
        plan.commitIntervalMs = 60_000
        let faulty = FaultyLog()
        let log = faulty.make([], maxPollIntervalMs: 1)
        _ = try log.create(topics: ["in", "out", "t.s.dlq"].map { NewTopic(name: $0, partitions: 1) })
        for topic in ["in", "out"] { try log.retain(topic: topic) }
        let producer = try log.makeProducer(ProducerOptions(topics: ["in"], transactionalId: nil))
        var batch = OutputBatch()
        for n in [1, 2] {
            batch.append(
                OutputRecord(
                    key: batch.arena.copy("k"), value: batch.arena.copy("{\"n\":\(n)}"),
                    headers: UnsafeBufferPointer(start: nil, count: 0), topic: 0, partition: 0))
        }
        try producer.send(batch)
        let group = plan.group(of: stage)
        let polls = Mutex(0)
        faulty.onPoll { log in
            // The first poll reads; the second finds that another member came by. That one's own polls come here too.
            guard
                polls.withLock({
                    $0 += 1; return $0
                }) == 2
            else { return }
            // The other must come when the first counts as away: its poll interval of a millisecond must be over.
            let clock = SystemLogClock()
            let polledMs = clock.nowMs
            while clock.nowMs < polledMs + 3 {}
            do {
                let consumer = try log.makeConsumer(ConsumerOptions(topic: "in", group: group, listener: AnotherMember()))
                _ = try consumer.poll(timeoutMs: 0, maxRecords: 1)
                consumer.close()
            } catch {
                Issue.record(error)
            }
        }
        defer { faulty.release() }
        let control = Control()
        control.drain(to: [PartitionRange(partition: 0, first: 0, end: 2)])
        try StageMember(context: .test(plan, log, control), stage: stage, lookups: LookupTables([])).run()
        #expect(try everything(in: "out", of: log).map(\.value) == ["{\"n\":1}", "{\"n\":2}"])
    }

    /// A revocation whose commit fails, and a partition that nobody has committed yet, in one poll: its records must come again.
    @Test func aDroppedBatchOfAFreshPartitionIsReadAgain() {
        var positions = Positions()
        positions.assign(0, start: nil)
        positions.assign(1, start: 10)
        #expect(positions.rewind() == [PartitionOffset(partition: 1, offset: 10)])
        let records = [
            LogRecord(
                key: UnsafeRawBufferPointer(start: nil, count: 0), value: UnsafeRawBufferPointer(start: nil, count: 0),
                headers: UnsafeBufferPointer(start: nil, count: 0), partition: 0, offset: 4, timestamp: 0)
        ]
        records.withUnsafeBufferPointer {
            positions.pass(LogBatch(records: $0, ends: UnsafeBufferPointer(start: nil, count: 0)))
        }
        #expect(positions.next(0) == 5)
        #expect(positions.rewind() == nil)
    }

    /// What can't be mended comes up in a revocation, and then the poll around it fails too, as does each that follows.
    @Test func aRevocationThatFailsForGoodInAPollThatFailsEnds() throws {
        let stage = Self.stage(.exactlyOnce)
        var plan = Plan.test(stages: [stage])
        plan.commitIntervalMs = 60_000
        let group = plan.group(of: stage)
        let made = Mutex<MemoryLog?>(nil)
        let polls = Mutex(0)
        let control = Control()
        let log = MemoryLog { action throws(LogError) in
            guard let log = made.withLock({ $0 }) else { return }
            if action.kind == .sendOffsets {
                log.shutDown()
                throw LogError(.configuration, code: "log.denied", "nobody may write to this group")
            }
            // The first poll reads; the second finds that another member wants a partition. That one's own poll comes here too.
            guard action.kind == .poll else { return }
            let number = polls.withLock {
                $0 += 1; return $0
            }
            if number > 100 { control.requestStop() }
            guard number == 2 else { return }
            _ = try log.makeConsumer(ConsumerOptions(topic: "in", group: group, listener: AnotherMember())).poll(
                timeoutMs: 0, maxRecords: 1)
        }
        _ = try log.create(topics: ["in", "out", "t.s.dlq"].map { NewTopic(name: $0, partitions: 2) })
        let producer = try log.makeProducer(ProducerOptions(topics: ["in"], transactionalId: nil))
        var batch = OutputBatch()
        for partition in [Int32(0), 1] {
            batch.append(
                OutputRecord(
                    key: batch.arena.copy("k"), value: batch.arena.copy("{\"n\":1}"),
                    headers: UnsafeBufferPointer(start: nil, count: 0), topic: 0, partition: partition))
        }
        try producer.send(batch)
        made.withLock { $0 = log }
        defer { made.withLock { $0 = nil } }
        let member = StageMember(context: .test(plan, log, control), stage: stage, lookups: LookupTables([]))
        let error = #expect(throws: ETLError.self) { try member.run() }
        #expect(error?.code == "log.denied" && polls.withLock { $0 } < 100)
    }

    @Test func aStopWhileNothingWorksEnds() throws {
        let stage = Self.stage(.exactlyOnce)
        let faulty = FaultyLog()
        let log = faulty.make([])
        _ = try log.create(topics: ["in", "out", "t.s.dlq"].map { NewTopic(name: $0, partitions: 1) })
        let control = Control()
        faulty.onPoll { log in
            control.requestStop()
            log.shutDown()
        }
        defer { faulty.release() }
        let member = StageMember(context: .test(.test(stages: [stage]), log, control), stage: stage, lookups: LookupTables([]))
        let error = #expect(throws: ETLError.self) { try member.run() }
        #expect(error?.code == "log.shut_down")
    }
}
