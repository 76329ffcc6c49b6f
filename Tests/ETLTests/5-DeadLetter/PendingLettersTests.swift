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

/// As the run does that takes over.
private func moveGroup(to offset: Int64, on log: MemoryLog) throws {
    let producer = try log.makeProducer(ProducerOptions(topics: [], transactionalId: "run"))
    try producer.begin()
    try producer.sendOffsets([PartitionOffset(partition: 0, offset: offset)], group: "etl.t.s.replay", topic: "t.s.dlq")
    try producer.commit()
}
