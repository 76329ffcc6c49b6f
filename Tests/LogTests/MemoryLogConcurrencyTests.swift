import Bytes
import Foundation
import Log
import Testing

/// Many threads at once: nothing lost, nothing twice, order per partition kept, whatever aborts, crashes and rebalances there are.
struct MemoryLogConcurrencyTests {
    @Test func copyingInTransactionsIsExactlyOnceThroughAbortsCrashesAndRebalances() throws {
        let seed = testSeed()
        let partitions: Int32 = 4
        let total = 4000
        // So small that the producers wait for the copiers again and again.
        let log = MemoryLog(memoryBytes: 128 << 10, maxPollIntervalMs: 50)
        try log.make("in", "out", partitions: partitions)
        try log.retain(topic: "out")
        try log.declare(group: "copy", topic: "in")
        let finished = Flag()
        var threads: [RunningThread] = []
        for writer in 0..<2 {
            threads.append(thread { try Self.write(log, writer: writer, count: total / 2, partitions, seed) })
        }
        for copier in 0..<3 {
            threads.append(
                thread {
                    // A crash leaves everything open; the next life has a new consumer and fences the old producer.
                    var life = 0
                    while finished.count == 0 {
                        let copier = try Copier(log, id: "copier-\(copier)", seed &+ UInt64(copier * 1000 + life))
                        try copier.run { finished.count > 0 }
                        life += 1
                    }
                })
        }
        let reader = try log.makeReader(topic: "out")
        let limit = ContinuousClock.now + .seconds(300)
        var copied = 0
        while copied < total, ContinuousClock.now < limit {
            copied = try (0..<partitions).reduce(0) { try $0 + reader.values($1, 0, .max).count }
            usleep(2000)  // between two looks at the condition, so that the copiers get the processor
        }
        finished.raise()
        if copied < total { log.shutDown() }  // or writers would wait for room for ever
        for thread in threads { thread.join() }
        for partition in 0..<partitions {
            var next = [0, 0]
            for value in try reader.values(partition, 0, .max) {
                let parts = (value ?? "").split(separator: " ").compactMap { Int($0) }
                try #require(parts.count == 3)
                #expect(parts[1] == Int(partition) && parts[2] == next[parts[0]])
                next[parts[0]] = parts[2] + 1
            }
            copied -= next[0] + next[1]
        }
        #expect(copied == 0)
        #expect(try log.committedOffsets(group: "copy", topic: "in").allSatisfy { $0 != nil })
    }

    /// Records "writer partition number", numbers counting per partition; some plain, some in transactions, some aborted first.
    private static func write(_ log: MemoryLog, writer: Int, count: Int, _ partitions: Int32, _ seed: UInt64) throws {
        var random = SeededRandom(seed &+ UInt64(writer))
        let id = writer == 0 ? "writer" : nil
        let producer = try log.makeProducer(ProducerOptions(topics: ["in"], transactionalId: id))
        var numbers = Array(repeating: 0, count: Int(partitions))
        var written = 0
        while written < count {
            var batch = OutputBatch()
            let size = min(count - written, Int.random(in: 1...50, using: &random))
            let old = numbers
            for _ in 0..<size {
                let partition = Int.random(in: 0..<Int(partitions), using: &random)
                batch.append(TestRecord("\(writer) \(partition) \(numbers[partition])"), partition: Int32(partition))
                numbers[partition] += 1
            }
            if id != nil { try producer.begin() }
            try producer.send(batch)
            if id != nil, Int.random(in: 0..<5, using: &random) == 0 {
                try producer.abort()
                numbers = old
                continue
            }
            if id != nil { try producer.commit() }
            written += size
        }
        producer.close()
    }
}

/// One life of a stage that copies records.
private final class Copier {
    private let consumer: TestConsumer
    private let producer: any LogProducer
    private var random: SeededRandom
    private var handled = 0

    init(_ log: MemoryLog, id: String, _ seed: UInt64) throws {
        producer = try log.makeProducer(ProducerOptions(topics: ["out"], transactionalId: id, transactionTimeoutMs: 5000))
        consumer = try TestConsumer(log, "in", group: "copy")
        random = SeededRandom(seed)
    }

    func run(until stop: () -> Bool) throws {
        while !stop() {
            let first = consumer.seen.count
            try consumer.poll(timeoutMs: 5, maxRecords: 100)
            let records = consumer.seen[first...]
            if records.isEmpty { continue }
            do {
                if try !copy(records) { return }
            } catch {
                guard error.kind == .abortable else { throw error }
                // Evicted while it worked: a new life starts from what is committed.
                try producer.abort()
                consumer.consumer.close()
                return
            }
            if Int.random(in: 0..<50, using: &random) == 0 {
                consumer.consumer.close()
                return
            }
        }
        consumer.consumer.close()
        producer.close()
    }
    /// One transaction; false: crashed in the middle of it.
    private func copy(_ records: ArraySlice<TestConsumer.Seen>) throws(LogError) -> Bool {
        try producer.begin()
        var batch = OutputBatch()
        var offsets: [Int32: Int64] = [:]
        for record in records {
            batch.append(record.content, partition: record.partition)
            offsets[record.partition] = record.offset + 1
        }
        try producer.send(batch)
        let crash = Int.random(in: 0..<20, using: &random)
        if crash == 0 { return false }
        try producer.sendOffsets(offsets.map { PartitionOffset(partition: $0, offset: $1) }, of: consumer.consumer)
        if crash == 1 { return false }
        try producer.commit()
        return true
    }
}
