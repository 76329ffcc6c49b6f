import Foundation
import Kafka
import Log
import Testing
import TestServices

@Suite struct TransactionTests {
    @Test func onlyCommittedRecordsAppearAndEndsLieBeyondMarkers() throws {
        let log = try kafka()
        let topic = try newTopic(log)
        let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: topic))
        try producer.begin()
        try producer.send("committed 1", "committed 2")
        try producer.commit()
        try producer.begin()
        try producer.send("aborted")
        try producer.flush(timeoutMs: 10_000)
        // Offsets 0, 1, a marker at 2, the aborted record at 3; it is still open, so a reader's end is 3.
        #expect(try log.offsets(topic: topic) == [PartitionRange(partition: 0, first: 0, end: 3)])
        try producer.abort()
        try producer.begin()
        try producer.send("committed 3")
        try producer.commit()
        let consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: Listener()))
        var ends: [PartitionOffset] = []
        let records = try consumer.read { records, seen in
            ends = seen
            return records.count >= 3 && seen.last?.offset == 7
        }
        #expect(records.map(\.value) == ["committed 1", "committed 2", "committed 3"])
        #expect(ends.last == PartitionOffset(partition: 0, offset: 7))
        #expect(try log.offsets(topic: topic) == [PartitionRange(partition: 0, first: 0, end: 7)])
        consumer.close()
        producer.close()
    }

    @Test func offsetsAreCommittedWithTheTransactionAndOnlyThen() throws {
        let log = try kafka()
        let (input, output) = (try newTopic(log), try newTopic(log))
        let feed = try log.makeProducer(ProducerOptions(topics: [input], transactionalId: nil))
        try feed.send("1", "2", "3", "4")
        try feed.flush(timeoutMs: 10_000)
        let producer = try log.makeProducer(ProducerOptions(topics: [output], transactionalId: output))
        let consumer = try log.makeConsumer(ConsumerOptions(topic: input, group: output, listener: Listener()))
        _ = try consumer.read(count: 4)
        try producer.begin()
        try producer.send("a")
        try producer.sendOffsets([PartitionOffset(partition: 0, offset: 3)], of: consumer)
        try producer.abort()
        #expect(try consumer.committed([0]) == [nil])
        try producer.begin()
        try producer.send("b")
        try producer.sendOffsets([PartitionOffset(partition: 0, offset: 4)], of: consumer)
        try producer.commit()
        #expect(try consumer.committed([0]) == [4])
        #expect(try log.committedOffsets(group: output, topic: input) == [4])
        #expect(try log.committedOffsets(group: "no-such-\(output)", topic: input) == [nil])
        consumer.close()
        // Not a member any more: its offsets can't be added, or a dead member would overwrite a living one's.
        try producer.begin()
        let error = logError { try producer.sendOffsets([PartitionOffset(partition: 0, offset: 1)], of: consumer) }
        #expect(error?.kind == .abortable)
        #expect(error?.code == "log.membership_lost")
        try producer.abort()
        for each in [feed, producer] { each.close() }
    }

    /// An instance that was thought dead and comes back must not write.
    @Test func aSecondProducerWithTheSameIdFencesTheFirst() throws {
        let log = try kafka()
        let topic = try newTopic(log)
        let first = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: topic))
        try first.begin()
        try first.send("of the first")
        try first.flush(timeoutMs: 10_000)
        let second = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: topic))
        try second.begin()
        try second.send("of the second")
        try second.commit()
        let error = logError {
            try first.send("more of the first")
            try first.commit()
        }
        #expect(error?.kind == .fenced, "\(String(describing: error))")
        #expect(error?.code == "log.fenced")
        first.close()
        let consumer = try log.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: Listener()))
        #expect(try consumer.read { _, ends in ends.count > 0 }.map(\.value) == ["of the second"])
        consumer.close()
        second.close()
    }

    /// Taking a partition over while its last owner's transaction is open: the offset read is the one after it ended.
    @Test func committedOffsetsWaitForAPendingTransaction() throws {
        let log = try kafka()
        let (input, output) = (try newTopic(log), try newTopic(log))
        let feed = try log.makeProducer(ProducerOptions(topics: [input], transactionalId: nil))
        try feed.send("1")
        try feed.flush(timeoutMs: 10_000)
        let options = ProducerOptions(topics: [output], transactionalId: output, transactionTimeoutMs: 10_000)
        let producer = try log.makeProducer(options)
        let consumer = try log.makeConsumer(ConsumerOptions(topic: input, group: output, listener: Listener()))
        _ = try consumer.read(count: 1)
        try consumer.commit([PartitionOffset(partition: 0, offset: 0)], wait: true)
        try producer.begin()
        try producer.send("a")
        try producer.sendOffsets([PartitionOffset(partition: 0, offset: 1)], of: consumer)
        // Nobody ends it: the broker aborts it after 10 s. Until then there is no stable answer.
        var found: [Int64?]?
        let asked = ContinuousClock.now
        repeat {
            let error = logError { found = try log.committedOffsets(group: output, topic: input) }
            #expect(error == nil || error?.kind == .retriable, "\(String(describing: error))")
        } while found == nil && ContinuousClock.now < asked + .seconds(120)
        #expect(found == [0])
        let error = logError { try producer.commit() }
        #expect(error?.kind == .fenced || error?.kind == .fatal || error?.kind == .abortable, "\(String(describing: error))")
        consumer.close()
        for each in [feed, producer] { each.close() }
    }

    /// A replay's position: nobody is a member of the group, so nobody's session must end before another goes on.
    @Test func aPositionMovesWithoutAMember() throws {
        let log = try kafka()
        let (input, output) = (try newTopic(log), try newTopic(log))
        let group = "replay.\(input)"
        let at = { PartitionOffset(partition: 0, offset: $0) }
        let first = try log.makeProducer(ProducerOptions(topics: [output], transactionalId: output))
        try first.begin()
        try first.send("undone")
        try first.sendOffsets([at(3)], group: group, topic: input)
        try first.abort()
        #expect(try log.committedOffsets(group: group, topic: input) == [nil])
        try first.begin()
        try first.send("done")
        try first.sendOffsets([at(4)], group: group, topic: input)
        try first.commit()
        #expect(try log.committedOffsets(group: group, topic: input) == [4])
        // It dies here. What it left open is over as soon as its successor is there.
        try first.begin()
        try first.send("of a zombie")
        try first.sendOffsets([at(9)], group: group, topic: input)
        let second = try log.makeProducer(ProducerOptions(topics: [output], transactionalId: output))
        #expect(try log.committedOffsets(group: group, topic: input) == [4])
        let error = logError {
            try first.sendOffsets([at(10)], group: group, topic: input)
            try first.commit()
        }
        #expect(error?.kind == .fenced, "\(String(describing: error))")
        #expect(try log.committedOffsets(group: group, topic: input) == [4])
        for each in [first, second] { each.close() }
    }

    @Test func aProducerWithoutAnIdTakesPartInNone() throws {
        let log = try kafka()
        let topic = try newTopic(log)
        let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        #expect(logError { try producer.begin() }?.kind == .configuration)
        producer.close()
        #expect(logError { try producer.send("x") }?.code == "log.closed")
    }

    /// Where brokers go away between the two requests that add offsets to a transaction, librdkafka waits for them without an
    /// end: the producer must come back, say so, go on when they are back, and close when they aren't.
    @Test(arguments: [true, false]) func brokersThatGoAwayAmidOffsetsHoldNobodyUp(comesBack: Bool) throws {
        let proxy = KafkaProxy()
        defer { proxy.close() }
        let broker = try KafkaBroker(
            directory: "\(NSTemporaryDirectory())/etl-test-amid.\(UUID().uuidString.prefix(8))",
            arguments: ["--set", "advertised.listeners=CLIENTS://127.0.0.1:\(proxy.port)"])
        defer { broker.destroy() }
        proxy.forward(to: Int(broker.bootstrap.split(separator: ":").last ?? "") ?? 0)
        let log = try KafkaLog(bootstrapServers: "127.0.0.1:\(proxy.port)")
        let (input, output) = (try newTopic(log), try newTopic(log))
        let feed = try log.makeProducer(ProducerOptions(topics: [input], transactionalId: nil))
        try feed.send("1", "2")
        try feed.flush(timeoutMs: 30_000)
        feed.close()
        let producer = try log.makeProducer(
            ProducerOptions(topics: [output], transactionalId: output, transactionTimeoutMs: 60_000))
        let consumer = try log.makeConsumer(ConsumerOptions(topic: input, group: output, listener: Listener()))
        _ = try consumer.read(count: 2)
        let offsets = [PartitionOffset(partition: 0, offset: 2)]
        try producer.begin()
        try producer.send("a", "b")
        try producer.flush(timeoutMs: 30_000)

        proxy.goAway(atRequest: 28)  // TxnOffsetCommit
        let started = ContinuousClock.now
        for call in 1...2 {
            let error = logError { try producer.sendOffsets(offsets, of: consumer) }
            #expect(error?.kind == .retriable, "call \(call): \(String(describing: error))")
            #expect(error?.message.contains("adding offsets of group \(output)") == true, "\(error?.message ?? "")")
        }
        #expect(proxy.isAway)
        if comesBack {
            proxy.comeBack()
            var error: LogError?
            repeat {
                error = logError { try producer.sendOffsets(offsets, of: consumer) }
            } while error?.kind == .retriable && ContinuousClock.now < started + .seconds(120)
            #expect(error == nil)
            try producer.commit()
            #expect(try log.committedOffsets(group: output, topic: input) == [2])
        } else {
            #expect(logError { try producer.abort() }?.kind == .retriable)
        }
        let closing = ContinuousClock.now
        producer.close()
        consumer.close()
        // It waits 3 s for an abort and 5 s to leave the group.
        #expect(ContinuousClock.now < closing + .seconds(30))
    }

    /// Records are given up while commit, called again and again, waits for them.
    @Test func aCommitInWhoseMidstRecordsFailCanBeAborted() throws {
        // A broker that wakes up fenced may end the overdue transaction without a marker in the topic, since for it the partition has
        // no leader then (seen with Kafka 4.3), and the next transaction's marker commits these records: nothing a producer can help.
        let broker = try KafkaBroker(
            directory: "\(NSTemporaryDirectory())/etl-test-midst.\(UUID().uuidString.prefix(8))",
            arguments: ["--set", "broker.session.timeout.ms=120000"])
        defer { broker.destroy() }
        let log = try KafkaLog(bootstrapServers: broker.bootstrap)
        let topic = try newTopic(log)
        let producer = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: topic))
        try producer.begin()
        try producer.send("there")
        try producer.flush(timeoutMs: 30_000)
        try broker.pause()
        // Each is given up 10 s after it was sent. A flush is the wait between them, since nothing is acknowledged.
        try producer.send("early")
        #expect(logError { try producer.flush(timeoutMs: 5000) }?.kind == .retriable)
        try producer.send("late")
        var errors: [LogError] = []
        repeat {
            guard let error = logError({ try producer.commit() }) else { break }
            errors.append(error)
        } while errors.last?.kind == .retriable && errors.count < 10
        #expect(errors.last?.kind == .abortable, "\(errors)")
        try broker.resume()
        var failure: LogError?
        let resumed = ContinuousClock.now
        repeat {
            failure = logError { try producer.abort() }
        } while failure?.kind == .retriable && ContinuousClock.now < resumed + .seconds(120)
        // Where the broker was the first to end the transaction, it has fenced whoever was in it.
        #expect(failure == nil || failure?.kind == .fenced, "\(String(describing: failure))")
        producer.close()
        let next = try log.makeProducer(ProducerOptions(topics: [topic], transactionalId: topic))
        try next.begin()
        try next.send("after")
        try next.commit()
        next.close()
        let reader = try log.makeReader(topic: topic)
        defer { reader.close() }
        var found: [String?] = []
        try reader.read(partition: 0, from: 0, to: log.offsets(topic: topic)[0].end) { record in
            found.append(text(record.value))
            return true
        }
        #expect(found == ["after"])
    }
}
