import Foundation
import Kafka
import Log
import Synchronization
import Testing
import TestServices

@Suite struct GroupTests {
    /// A member that follows the rules: starts at the committed offset, commits what it has read before it gives up.
    final class Member {
        let listener = Listener()
        let consumer: any LogConsumer
        var next: [Int32: Int64] = [:]
        var read: [Copied] = []

        init(_ log: KafkaLog, topic: String) throws {
            consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: listener))
            listener.start = { partition, consumer throws(LogError) in
                guard let offset = try consumer.committed([partition])[0] else { return .earliest }
                return .offset(offset)
            }
            listener.onRevoking = { [unowned self] partitions, consumer in
                let offsets = partitions.compactMap { p in next[p].map { PartitionOffset(partition: p, offset: $0) } }
                do { try consumer.commit(offsets, wait: true) } catch { Issue.record(error) }
                for partition in partitions { next[partition] = nil }
            }
        }

        func poll() throws {
            let batch = try consumer.poll(timeoutMs: 20, maxRecords: 7)
            for record in batch.records {
                read.append(Copied(record))
                next[record.partition] = record.offset + 1
            }
        }
    }

    /// Both ways of rebalancing: what one member has read and committed no other reads again, and nothing is left out.
    @Test(arguments: ["range", "cooperative-sticky"])
    func partitionsChangeHandsWithoutARecordLostOrTwice(_ strategy: String) throws {
        let log = try kafka(consumer: ["partition.assignment.strategy": strategy])
        let topic = try newTopic(log, partitions: 4)
        let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        var sent = 0
        func feed() throws {
            try producer.send((0..<40).map { Written(value: "\(sent + $0)", partition: Int32($0 % 4)) })
            sent += 40
        }
        let first = try Member(log, topic: topic)
        try feed()
        var members = [first]
        func pollAll(_ what: String, until done: () -> Bool) throws {
            let deadline = Date().addingTimeInterval(60)
            while !done() {
                for member in members { try member.poll() }
                if Date() > deadline {
                    throw TimedOut(
                        description: "\(what): \(members.map(\.listener.events)), read \(members.map(\.read.count)) of \(sent)")
                }
            }
        }
        try pollAll("first reads") { first.read.count >= 20 }
        let second = try Member(log, topic: topic)
        members.append(second)
        try pollAll("second joins") {
            if sent < 4000 { try? feed() }; return second.read.count >= 100
        }
        try pollAll("both read on") { first.read.count >= 300 }
        members.removeFirst()
        first.consumer.close()
        try feed()
        try pollAll("second takes all") { first.read.count + second.read.count >= sent }
        let all = (first.read + second.read).compactMap { $0.value.flatMap(Int.init) }
        #expect(all.sorted() == Array(0..<sent))
        for member in [first, second] {
            for partition in Int32(0)..<4 {
                let offsets = member.read.filter { $0.partition == partition }.map(\.offset)
                #expect(offsets == offsets.sorted())
            }
        }
        second.consumer.close()
        producer.close()
    }

    /// A partition that was paused when it went to another member isn't any more when it comes back.
    @Test(arguments: ["range", "cooperative-sticky"])
    func aPauseEndsWithTheAssignment(_ strategy: String) throws {
        let log = try kafka(consumer: ["partition.assignment.strategy": strategy])
        let topic = try newTopic(log, partitions: 2)
        let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        let first = try Member(log, topic: topic)
        func poll(_ members: Member..., what: String, until done: () throws -> Bool) throws {
            let deadline = Date().addingTimeInterval(60)
            while try !done() {
                for member in members { try member.poll() }
                if Date() > deadline { throw TimedOut(description: "\(what): \(members.map(\.listener.events))") }
            }
        }
        try producer.send((0..<20).map { Written(value: "\($0)", partition: Int32($0 % 2)) })
        try poll(first, what: "first reads") { first.read.count == 20 }
        try first.consumer.pause([0, 1])
        let second = try Member(log, topic: topic)
        try poll(first, second, what: "each has one") { first.listener.has.count == 1 && second.listener.has.count == 1 }
        // Back to the first, whose pause of it was before.
        second.consumer.close()
        try poll(first, what: "first has both again") { first.listener.has.count == 2 }
        try producer.send((0..<20).map { Written(value: "again \($0)", partition: Int32($0 % 2)) })
        try poll(first, what: "first reads what came back") {
            first.read.contains { $0.value?.hasPrefix("again") == true && second.listener.had.contains($0.partition) }
        }
        first.consumer.close()
        producer.close()
    }

    /// A consumer that didn't poll for too long loses its partitions, is told so, and joins again by itself.
    @Test func aMemberThatWasAwayTooLongIsToldAndJoinsAgain() throws {
        let said = Mutex<[String]>([])
        let log = try KafkaLog(
            bootstrapServers: KafkaBroker.shared().bootstrap,
            consumerProperties: ["max.poll.interval.ms": "6000", "session.timeout.ms": "6000"]
        ) { line in
            said.withLock { $0.append(line.facility) }
        }
        let topic = try newTopic(log)
        let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        try producer.send("1", "2")
        try producer.flush(timeoutMs: 10_000)
        let listener = Listener()
        let consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: listener))
        _ = try consumer.read(count: 2)
        let deadline = Date().addingTimeInterval(60)
        // Looks again and again until librdkafka says it, at most until the deadline.
        while !said.withLock({ $0.contains("MAXPOLL") }), Date() < deadline { usleep(50_000) }
        #expect(try consumer.read(count: 2).map(\.value) == ["1", "2"])
        #expect(listener.events == ["assigned [0]", "lost [0]", "assigned [0]"])
        consumer.close()
        producer.close()
    }

    /// An error of the listener comes out of poll, and the assignment is offered again.
    @Test func aListenersErrorIsThrownAndAskedAgain() throws {
        let log = try kafka()
        let topic = try newTopic(log)
        let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        try producer.send("1")
        try producer.flush(timeoutMs: 10_000)
        let listener = Listener()
        listener.start = { _, _ throws(LogError) in throw LogError(.retriable, code: "test.busy", "not yet") }
        let consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: listener))
        #expect(logError { _ = try consumer.read(count: 1) }?.code == "test.busy")
        listener.start = { _, _ in .earliest }
        #expect(try consumer.read(count: 1).map(\.value) == ["1"])
        #expect(listener.events == ["assigned [0]", "assigned [0]"])
        consumer.close()
        producer.close()
    }

    /// librdkafka's own waiting commit takes 45 s then, or as long as the broker is away.
    @Test func aCommitThatNobodyAnswersComesBackAndIsntOvertaken() throws {
        let broker = try KafkaBroker(directory: "\(NSTemporaryDirectory())/etl-test-commit.\(UUID().uuidString.prefix(8))")
        defer { broker.destroy() }
        let log = try KafkaLog(bootstrapServers: broker.bootstrap, consumerProperties: ["session.timeout.ms": "300000"])
        let topic = try newTopic(log)
        let feed = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        try feed.send("1", "2", "3")
        try feed.flush(timeoutMs: 30_000)
        feed.close()
        let consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: Listener()))
        _ = try consumer.read(count: 3)
        try consumer.commit([PartitionOffset(partition: 0, offset: 1)], wait: true)
        try broker.crash()
        let started = ContinuousClock.now
        for offset in [Int64(2), 3] {
            let error = logError { try consumer.commit([PartitionOffset(partition: 0, offset: offset)], wait: true) }
            #expect(error?.kind == .retriable, "\(String(describing: error))")
            #expect(error?.message.contains("committing offsets of topic \(topic)") == true)
        }
        #expect(ContinuousClock.now < started + .seconds(30))
        try broker.restart()
        var error: LogError?
        repeat {
            error = logError { try consumer.commit([PartitionOffset(partition: 0, offset: 3)], wait: true) }
        } while error != nil && ContinuousClock.now < started + .seconds(120)
        #expect(error == nil)
        #expect(try log.committedOffsets(group: topic, topic: topic) == [3])
        consumer.close()
    }
}
