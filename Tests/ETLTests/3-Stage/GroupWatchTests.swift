import Log
import Testing

@testable import ETL

/// What a member's polls say of Kafka, where librdkafka says nothing.
@Suite struct GroupWatchTests {
    final class Consumer: LogConsumer {
        var unreachable: LogError?
        func poll(timeoutMs: Int32, maxRecords: Int) throws(LogError) -> LogBatch {
            LogBatch(records: UnsafeBufferPointer(start: nil, count: 0), ends: UnsafeBufferPointer(start: nil, count: 0))
        }
        func committed(_ partitions: [Int32]) throws(LogError) -> [Int64?] { [] }
        func commit(_ offsets: [PartitionOffset], wait: Bool) throws(LogError) {}
        func seek(_ positions: [PartitionOffset]) throws(LogError) {}
        func pause(_ partitions: [Int32]) throws(LogError) {}
        func resume(_ partitions: [Int32]) throws(LogError) {}
        func close() {}
    }

    static func isClosed(_ context: MemberContext) -> Bool { context.telemetry.kafka.isClosed }

    @Test func brokersThatStayAwayOpenTheCircuitAndOnesThatAreBackCloseIt() {
        let context = MemberContext.test(.test(), MemoryLog())
        let consumer = Consumer()
        var watch = GroupWatch()
        consumer.unreachable = LogError(.retriable, code: "log.unreachable", "refused")
        for _ in 0..<100 { watch.look(at: consumer, foundRecords: false, context) }
        #expect(!Self.isClosed(context))
        consumer.unreachable = nil
        watch.look(at: consumer, foundRecords: false, context)
        #expect(Self.isClosed(context))
    }

    /// A commit or abort opened it and has gone through since, or is another member's now; and no record comes.
    @Test func aCircuitThatSomethingElseOpenedClosesWithoutAnythingToDo() {
        let context = MemberContext.test(.test(), MemoryLog())
        var watch = GroupWatch()
        for _ in 0..<100 { context.telemetry.kafka.failed("a commit wasn't answered", nowMs: context.clock.nowMs()) }
        #expect(!Self.isClosed(context))
        for _ in 0..<10_000 where !Self.isClosed(context) { watch.look(at: Consumer(), foundRecords: false, context) }
        #expect(Self.isClosed(context))
    }
}
