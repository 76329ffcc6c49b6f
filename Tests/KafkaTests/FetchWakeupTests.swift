import Testing

@testable import Kafka

/// When the threads that fetch are to be woken. That they sleep for a second otherwise is librdkafka's way before 2.2.0.
@Suite struct FetchWakeupTests {
    private static func properties() throws -> Properties {
        let properties = Properties()
        try properties.set("queued.max.messages.kbytes", "1000")
        try properties.set("queued.min.messages", "10000")
        return properties
    }

    struct Row: Sendable {
        var version: Int32
        /// What waits after each poll, and whether the threads are to be woken then. Records have 100 bytes: 10,000 fill the queue.
        var polls: [(waiting: Int, isDue: Bool)]
    }

    static let rows = [
        Row(
            version: 0x0200_02ff,
            polls: [(4000, false), (6000, false), (5000, false), (2600, false), (2400, true), (2000, false), (100, false)]),
        Row(version: 0x0200_02ff, polls: [(4000, false), (100, false)]),
        Row(version: 0x0200_02ff, polls: [(9000, false), (100, true), (9000, false), (100, true)]),
        Row(version: 0x0202_00ff, polls: [(9000, false), (100, false)]),
    ]

    @Test(arguments: rows)
    func afterAFullQueue(row: Row) throws {
        var wakeup = FetchWakeup(try Self.properties(), version: row.version)
        for (index, poll) in row.polls.enumerated() {
            #expect(wakeup.isDue(waiting: poll.waiting, bytes: 50_000, records: 500) == poll.isDue, "poll \(index)")
        }
    }

    /// Seventeen of them fill the queue, and one poll takes them all.
    @Test func afterAPollThatEmptiedAFullQueue() throws {
        var wakeup = FetchWakeup(try Self.properties(), version: 0x0200_02ff)
        #expect(wakeup.isDue(waiting: 0, bytes: 400_000, records: 7) == false)
        #expect(wakeup.isDue(waiting: 0, bytes: 970_000, records: 17) == true)
        #expect(wakeup.isDue(waiting: 0, bytes: 400_000, records: 7) == false)
    }

    @Test(arguments: [(Int32(0x0200_02ff), 3), (0x0202_00ff, 0)])
    func afterAMove(version: Int32, times: Int) throws {
        var wakeup = FetchWakeup(try Self.properties(), version: version)
        #expect(wakeup.isDue() == false)
        #expect(wakeup.waitMs(atMost: 100) == 100)
        wakeup.moved()
        #expect(wakeup.waitMs(atMost: 100) == (times > 0 ? 5 : 100))
        #expect(wakeup.waitMs(atMost: 0) == 0)
        #expect((0..<5).filter { _ in wakeup.isDue() }.count == times)
        #expect(wakeup.waitMs(atMost: 100) == 100)
    }

    @Test func afterABurst() throws {
        var wakeup = FetchWakeup(try Self.properties(), version: 0x0200_02ff)
        #expect(wakeup.isDue(waiting: 0, bytes: 90_000, records: 900) == false)
        #expect(wakeup.isDue() == false)
        #expect(wakeup.isDue(waiting: 0, bytes: 200_000, records: 2000) == false)
        #expect(wakeup.isDue() == true)
        #expect(wakeup.isDue() == false)
    }
}
