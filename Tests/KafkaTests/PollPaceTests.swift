import Testing

@testable import Kafka

@Suite struct PollPaceTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// What the polls so far brought, and when they came back, in microseconds.
        let polls: [(records: Int, us: Int64)]
        /// The next poll: when it is called, how long its caller would wait.
        let us: Int64
        var timeoutMs: Int32 = 100
        let restUs: Int64
        var fillMs: Int32 = 0
    }

    @Test(arguments: [
        Row(testDescription: "the first poll", polls: [], us: 0, restUs: 0),
        Row(testDescription: "after nothing", polls: [(0, 1000)], us: 1000, restUs: 0),
        Row(testDescription: "after a few", polls: [(3, 1000)], us: 1400, restUs: 1350),
        Row(testDescription: "at once after a few", polls: [(1, 1000)], us: 1000, restUs: 1750),
        Row(testDescription: "long after a few", polls: [(3, 1000)], us: 2750, restUs: 0),
        Row(testDescription: "after a few and then nothing", polls: [(3, 1000), (0, 1100)], us: 1200, restUs: 0),
        Row(testDescription: "a caller that doesn't wait", polls: [(3, 1000)], us: 1000, timeoutMs: 0, restUs: 0),
        Row(testDescription: "a caller that waits less than the rest", polls: [(3, 1000)], us: 1000, timeoutMs: 1, restUs: 0),
        Row(testDescription: "a caller that waits a little longer", polls: [(3, 1000)], us: 1000, timeoutMs: 2, restUs: 1750),
        Row(testDescription: "just not many", polls: [(499, 1000)], us: 1000, restUs: 1750),
        Row(testDescription: "after many", polls: [(500, 1000)], us: 1000, restUs: 0, fillMs: 5),
        Row(testDescription: "many, then few", polls: [(5000, 1000), (20, 3000)], us: 3000, restUs: 1750),
        Row(testDescription: "a clock that went back", polls: [(3, 9000)], us: 1000, restUs: 1750),
    ])
    func aPoll(_ row: Row) {
        var pace = PollPace()
        for poll in row.polls { pace.brought(poll.records, nowNs: poll.us * 1000) }
        #expect(pace.restNs(nowNs: row.us * 1000, timeoutMs: row.timeoutMs) == row.restUs * 1000)
        #expect(pace.fillMs == row.fillMs)
    }
}
