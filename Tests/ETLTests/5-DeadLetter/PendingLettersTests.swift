import Bytes
import Log
import Synchronization
import Testing

@testable import ETL

@Suite struct PendingLettersTests {
    /// The log's clock, which somebody acts on who waits in the log.
    private final class WaitClock: LogClock, Sendable {
        private let act = Mutex<(@Sendable () -> Void)?>(nil)
        let nowMs: Int64 = 1000

        func onWait(_ act: @escaping @Sendable () -> Void) { self.act.withLock { $0 = act } }

        func wait(_ monitor: Monitor, untilMs deadlineMs: Int64) {
            monitor.leave()
            let act = act.withLock { act in
                defer { act = nil }
                return act
            }
            act?()
            monitor.enter()
        }
    }

    /// A run that goes on while another asks moves the group beyond the end that the topic had before: that topic wasn't made anew.
    @Test func aGroupThatMovesMeanwhile() throws {
        let clock = WaitClock()
        let log = try letterLog(MemoryLog(clock: clock))
        try put([letter("a", "{}"), letter("b", "{}")], in: "t.s.dlq", of: log)
        let moves = Mutex(false)
        clock.onWait {
            moves.withLock { $0 = true }
            #expect(throws: Never.self) {
                try put([letter("c", "{}")], in: "t.s.dlq", of: log)
                try moveGroup(to: 5, on: log)
            }
        }
        // A run that has yet to commit its first letter.
        let earlier = try log.makeProducer(ProducerOptions(topics: [], transactionalId: "run"))
        try earlier.begin()
        try earlier.sendOffsets([PartitionOffset(partition: 0, offset: 1)], group: "etl.t.s.replay", topic: "t.s.dlq")
        let pending = try PendingLetters(of: "t.s.dlq", log: log, clock: TickingClock())
        #expect(moves.withLock { $0 }, "it waits for the open transaction")
        #expect(pending.spans == [.init(partition: 0, from: 5, to: 5), .init(partition: 1, from: 0, to: 0)])
    }
}

extension PendingLettersTests {
    /// A topic that was made anew: what is in it is pending, and the command that mends the group is one that can be pasted.
    @Test func aGroupBehindTheEnd() throws {
        let log = try letterLog()
        try put([letter("a", "{}"), letter("b", "{}", partition: 1)], in: "t.s.dlq", of: log)
        let moved = try log.makeProducer(ProducerOptions(topics: [], transactionalId: "run"))
        try moved.begin()
        try moved.sendOffsets(
            [PartitionOffset(partition: 0, offset: 9), PartitionOffset(partition: 1, offset: 7)], group: "etl.t.s.replay",
            topic: "t.s.dlq")
        try moved.commit()
        let count = try LetterCount(of: "t.s.dlq", log: log, clock: SystemClock(), nowMs: wallClockMs(), servers: "a:1,b:2")
        #expect(count.count == 2)
        #expect(count.problem?.code == "replay.position")
        #expect(
            count.problem?.message.hasSuffix(
                "'kafka-consumer-groups.sh --bootstrap-server a:1,b:2 --group etl.t.s.replay --topic t.s.dlq:0,1 --reset-offsets "
                    + "--to-earliest --execute'") == true, "\(count.problem?.message ?? "")")
    }
}

/// As the run does that takes over.
private func moveGroup(to offset: Int64, on log: MemoryLog) throws {
    let producer = try log.makeProducer(ProducerOptions(topics: [], transactionalId: "run"))
    try producer.begin()
    try producer.sendOffsets([PartitionOffset(partition: 0, offset: offset)], group: "etl.t.s.replay", topic: "t.s.dlq")
    try producer.commit()
}
