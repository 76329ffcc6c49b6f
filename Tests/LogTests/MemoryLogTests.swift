import Foundation
import Log
import Testing

/// A clock that moves only when somebody waits or moves it: a wait ends at once, at its deadline.
final class VirtualClock: LogClock, @unchecked Sendable {
    private let lock = NSLock()
    private var time: Int64 = 1_700_000_000_000

    var nowMs: Int64 { lock.withLock { time } }
    func advance(_ ms: Int64) { lock.withLock { time += ms } }
    func wait(_ monitor: Monitor, untilMs deadlineMs: Int64) {
        precondition(deadlineMs != .max, "the only thread waits for ever")
        lock.withLock { time = max(time, deadlineMs) }
    }
}

struct MemoryLogTests {
    @Test(arguments: LogBehaviour.all)
    func behaves(_ behaviour: LogBehaviour) throws { try behaviour.run(MemoryLog(), "t") }

    @Test(arguments: LogBehaviour.all)
    func behavesUnderAVirtualClock(_ behaviour: LogBehaviour) throws { try behaviour.run(MemoryLog(clock: VirtualClock()), "t") }

    @Test func aMemberThatDoesNotPollLosesItsPartitionsAndIsTold() throws {
        let clock = VirtualClock()
        let log = MemoryLog(clock: clock, maxPollIntervalMs: 1000)
        try log.make("t", "out", partitions: 2)
        let slow = try TestConsumer(log, "t")
        try slow.poll()
        let producer = try log.makeProducer(ProducerOptions(topics: ["out"], transactionalId: "slow"))
        try producer.begin()
        try producer.sendOffsets([.init(partition: 0, offset: 0)], of: slow.consumer)
        try producer.commit()
        clock.advance(1001)
        let other = try TestConsumer(log, "t")
        try other.poll()
        #expect(other.assigned == [0, 1])
        try producer.begin()
        let error = #expect(throws: LogError.self) { try producer.sendOffsets([.init(partition: 0, offset: 9)], of: slow.consumer) }
        #expect(error?.kind == .abortable)
        #expect(throws: LogError.self) { try slow.consumer.commit([.init(partition: 0, offset: 9)], wait: true) }
        try slow.poll()
        #expect(slow.events.values == ["assigned [0, 1]", "lost [0, 1]"])
        try other.poll()
        try slow.poll()
        #expect(slow.assigned == [0] && other.assigned == [1])
    }

    @Test func aTransactionOpenTooLongIsAbortedAndItsOffsetsAreStableThen() throws {
        let clock = VirtualClock()
        let log = MemoryLog(clock: clock)
        try log.make("t")
        let consumer = try TestConsumer(log, "t")
        try consumer.poll()
        let producer = try log.makeProducer(ProducerOptions(topics: ["t"], transactionalId: "p", transactionTimeoutMs: 10_000))
        try producer.begin()
        try producer.send(["gone"])
        try producer.sendOffsets([.init(partition: 0, offset: 1)], of: consumer.consumer)
        let before = clock.nowMs
        #expect(try consumer.consumer.committed([0]) == [nil])
        #expect(clock.nowMs == before + 10_000)
        let error = #expect(throws: LogError.self) { try producer.commit() }
        #expect(error?.kind == .fenced)
        try consumer.poll()
        #expect(consumer.seen.isEmpty && consumer.ends[0] == 2)
    }

    @Test func aCommitIsSeenAfterItsDelayAndTheNextTransactionWaitsForIt() throws {
        let clock = VirtualClock()
        let log = MemoryLog(clock: clock, commitDelayMs: 50)
        try log.make("t")
        try log.retain(topic: "t")
        let consumer = try TestConsumer(log, "t")
        try consumer.poll()
        let producer = try log.makeProducer(ProducerOptions(topics: ["t"], transactionalId: "p"))
        try producer.begin()
        try producer.send(["x"])
        try producer.sendOffsets([.init(partition: 0, offset: 0)], of: consumer.consumer)
        try producer.commit()
        #expect(try log.offsets(topic: "t")[0].end == 0 && log.writtenOffsets(topic: "t")[0].end == 1)
        try consumer.poll()
        #expect(consumer.seen.isEmpty)
        let before = clock.nowMs
        try producer.begin()
        #expect(clock.nowMs == before + 50)
        #expect(try consumer.consumer.committed([0]) == [0])
        try producer.sendOffsets([.init(partition: 0, offset: 1)], of: consumer.consumer)
        try consumer.consumer.commit([.init(partition: 0, offset: 2)], wait: true)
        try producer.send(["y"])
        try producer.commit()
        // A new producer of the id waits for it, too.
        _ = try log.makeProducer(ProducerOptions(topics: ["t"], transactionalId: "p"))
        #expect(try log.makeReader(topic: "t").values(0, 0, .max) == ["x", "y"])
        // Written down before the other commit, it doesn't take that back, though it ended later.
        #expect(try consumer.consumer.committed([0]) == [2])
    }

    @Test func aMemberThatHangsInAPollLosesItsPartitionsToo() throws {
        final class Hanging: LogClock, @unchecked Sendable {
            let virtual = VirtualClock()
            /// Called in a wait, as by a thread that runs meanwhile.
            var meanwhile: (() -> Void)?
            var nowMs: Int64 { virtual.nowMs }
            func wait(_ monitor: Monitor, untilMs deadlineMs: Int64) {
                monitor.leave()
                let act = meanwhile
                meanwhile = nil
                act?()
                monitor.enter()
                virtual.wait(monitor, untilMs: deadlineMs)
            }
        }
        let clock = Hanging()
        let log = MemoryLog(clock: clock, maxPollIntervalMs: 1000)
        try log.make("t", partitions: 2)
        let slow = try TestConsumer(log, "t")
        let other = try TestConsumer(log, "t")
        try slow.poll()
        try slow.poll()
        clock.meanwhile = {
            clock.virtual.advance(1101)
            do { try other.poll() } catch { Issue.record(error) }
        }
        try slow.poll(timeoutMs: 100)
        #expect(slow.events.values.prefix(2) == ["assigned [0, 1]", "lost [0, 1]"])
        #expect(other.assigned == [0, 1])
    }

    @Test func aFullTopicHoldsProducersUntilTheGroupCommits() throws {
        let log = MemoryLog(memoryBytes: 1 << 20)
        try log.make("t")
        let consumer = try TestConsumer(log, "t")
        let producer = try log.makeProducer(ProducerOptions(topics: ["t"], transactionalId: "p"))
        // One transaction may exceed the bound: it never waits for itself.
        try producer.begin()
        for _ in 0..<300 { try producer.send([String(repeating: "x", count: 10_000)]) }
        try producer.commit()
        let began = Flag()
        let threads = [false, true].map { transactional in
            thread {
                if transactional {
                    try log.makeProducer(ProducerOptions(topics: ["t"], transactionalId: "other")).begin()
                } else {
                    try log.produce([TestRecord("more")], to: "t")
                }
                began.raise()
            }
        }
        _ = try consumer.next(300)
        #expect(began.count == 0)
        try consumer.consumer.commit([.init(partition: 0, offset: 150)], wait: true)
        try consumer.poll(timeoutMs: 20)
        #expect(began.count == 0)
        try consumer.consumer.commit([.init(partition: 0, offset: 301)], wait: true)
        for thread in threads { thread.join() }
        #expect(began.count == 2)
        #expect(try log.offsets(topic: "t")[0].first == 301)
        #expect(try log.droppedRecords(topic: "t") == 0)
    }

    /// Whoever writes is told when its transaction holds back all that its topic has room for; nobody need read the topic for less.
    @Test func aTransactionThatFillsItsTopicShouldBeCommitted() throws {
        let log = MemoryLog(memoryBytes: 100_000)
        try log.make("read", "unread")
        try log.declare(group: "g", topic: "read")
        for (topic, ends) in [("read", true), ("unread", false)] {
            let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: topic))
            #expect(!producer.shouldCommit)
            try producer.begin()
            for _ in 0..<9 { try producer.send([String(repeating: "x", count: 10_000)]) }
            #expect(!producer.shouldCommit)
            for _ in 0..<2 { try producer.send([String(repeating: "x", count: 10_000)]) }
            #expect(producer.shouldCommit == ends, "\(topic)")
            try producer.commit()
            #expect(!producer.shouldCommit)
        }
    }

    /// Records of all sizes lie beside their entries, in segments that grow and end at any byte.
    @Test func recordsOfAllSizesStayWhatTheyAre() throws {
        let log = MemoryLog()
        try log.make("t")
        try log.retain(topic: "t")
        var sizes = Array(0..<300) + [4_000, 16_271, 16_272, 16_273, 16_383, 16_384, 16_385, 1 << 20, 3 << 20, 1]
        sizes += (0..<2000).map { $0 * 7919 % 4096 }
        let values = sizes.enumerated().map { String(repeating: Character(UnicodeScalar(UInt8(97 + $0 % 26))), count: $1) }
        for value in values { try log.produce([TestRecord(value)], to: "t") }
        #expect(try log.makeReader(topic: "t").values(0, 0, .max) == values)
    }

    @Test func shutDownWakesWhoWaits() throws {
        let log = MemoryLog(memoryBytes: 1000)
        try log.make("t")
        try log.declare(group: "g", topic: "t")
        try log.produce([TestRecord(String(repeating: "x", count: 2000))], to: "t")
        let failed = Flag()
        let waiting = thread {
            do { try log.produce([TestRecord("y")], to: "t") } catch let error as LogError where error.code == "log.shut_down" {
                failed.raise()
            }
        }
        log.shutDown()
        waiting.join()
        #expect(failed.count == 1)
    }

    @Test func topicsNobodyReadsDropTheOldestUnlessRetained() throws {
        let log = MemoryLog(memoryBytes: 4 << 20)
        try log.make("unread", "kept")
        #expect(
            try log.create(topics: [NewTopic(name: "compacted", partitions: 1, properties: ["cleanup.policy": "compact"])]) == [
                .created
            ])
        try log.retain(topic: "kept")
        for topic in ["unread", "kept", "compacted"] {
            for number in 0..<3000 { try log.produce([TestRecord("\(number) " + String(repeating: "x", count: 1000))], to: topic) }
        }
        let dropped = try log.droppedRecords(topic: "unread")
        let range = try log.offsets(topic: "unread")[0]
        #expect(dropped > 1500 && range.first == dropped && range.end == 3000)
        #expect(try log.makeReader(topic: "unread").values(0, dropped, .max).first??.hasPrefix("\(dropped) ") == true)
        let error = #expect(throws: LogError.self) { try log.makeReader(topic: "unread").values(0, 0, .max) }
        #expect(error?.kind == .offsetOutOfRange)
        for topic in ["kept", "compacted"] {
            #expect(try log.makeReader(topic: topic).values(0, 0, .max).count == 3000)
            #expect(try log.droppedRecords(topic: topic) == 0)
        }
    }

    @Test func spansStayGoodUntilTheNextPollThoughOthersFree() throws {
        let log = MemoryLog()
        try log.make("t")
        try log.produce((0..<2000).map { TestRecord("value \($0)") }, to: "t")
        let consumer = try TestConsumer(log, "t")
        let batch = try consumer.consumer.poll(timeoutMs: 0, maxRecords: 2000)
        try consumer.consumer.commit([.init(partition: 0, offset: 2000)], wait: true)
        try log.produce((0..<2000).map { TestRecord("other \($0)") }, to: "t")
        #expect(batch.records.enumerated().allSatisfy { $1.value.text == "value \($0)" })
        #expect(batch.records.count == 2000)
    }

    @Test func whatTheHookThrowsIsThrownInsteadOfActing() throws {
        let log = MemoryLog(before: { action throws(LogError) in
            if action == .commit(transactionalId: "p") { throw LogError(.fatal, code: "test.crash", "crash") }
        })
        try log.make("t")
        let producer = try log.makeProducer(ProducerOptions(topics: ["t"], transactionalId: "p"))
        try producer.begin()
        try producer.send(["x"])
        #expect(throws: LogError.self) { try producer.commit() }
        try producer.abort()
        #expect(try log.makeReader(topic: "t").values(0, 0, .max) == [])
    }

    @Test func misuseIsAnErrorThatSaysWhat() throws {
        let log = MemoryLog()
        try log.make("t")
        let plain = try log.makeProducer(ProducerOptions(topics: ["t"], transactionalId: nil))
        let transactional = try log.makeProducer(ProducerOptions(topics: ["t"], transactionalId: "p"))
        #expect(throws: LogError.self) { try plain.begin() }
        #expect(throws: LogError.self) { try plain.send(["x"], partition: 1) }
        #expect(throws: LogError.self) { try plain.send(["x"], partition: -1) }
        #expect(throws: LogError.self) { try transactional.send(["x"]) }
        #expect(throws: LogError.self) { try transactional.commit() }
        #expect(throws: LogError.self) { try log.makeReader(topic: "t").values(1, 0, 1) }
        #expect(throws: LogError.self) { try log.makeProducer(ProducerOptions(topics: ["missing"], transactionalId: nil)) }
        #expect(try log.offsets(topic: "t")[0].end == 0)
    }
}
