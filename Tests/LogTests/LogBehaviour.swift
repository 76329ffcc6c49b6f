import Bytes
import Log
import Testing

/// What every `RecordLog` does, whatever stands behind it. Each gets a log and a prefix for topic, group and transactional names
/// that nobody else uses.
struct LogBehaviour: Sendable, CustomStringConvertible {
    var description: String
    var run: @Sendable (any RecordLog, String) throws -> Void

    static let all: [LogBehaviour] = [
        .init(description: "a topic is created once and described as it is") { log, name throws in
            let topics = [NewTopic(name: name, partitions: 3)]
            #expect(try log.create(topics: topics) == [.created])
            #expect(try log.create(topics: topics) == [.existed])
            #expect(try log.describe(topics: [name + ".missing", name]).map { $0?.partitions } == [nil, 3])
            #expect(throws: LogError.self) { try log.offsets(topic: name + ".missing") }
        },
        .init(description: "records come back byte for byte, null and empty kept apart") { log, name in
            try log.make(name)
            let sent = [
                TestRecord(key: nil, value: "v"), TestRecord(key: "", value: ""), TestRecord(key: "k", value: nil),
                TestRecord(key: "k", value: "headers", headers: [.init("a", "1"), .init("a", ""), .init("b", nil)]),
            ]
            try log.produce(sent, to: name)
            let consumer = try TestConsumer(log, name)
            #expect(try consumer.next(4).map(\.content) == sent)
            #expect(consumer.seen.map(\.offset) == [0, 1, 2, 3])
            #expect(consumer.seen.allSatisfy { $0.timestamp > 1_600_000_000_000 })
        },
        .init(description: "a group goes on where it committed") { log, name in
            try log.make(name)
            try log.produce((0..<5).map { TestRecord("\($0)") }, to: name)
            let first = try TestConsumer(log, name)
            _ = try first.next(5)
            try first.consumer.commit([.init(partition: 0, offset: 3)], wait: true)
            first.consumer.close()
            #expect(first.events.values == ["assigned [0]", "revoking [0]"])
            #expect(try log.committedOffsets(group: name, topic: name) == [3])
            #expect(try log.committedOffsets(group: name + ".other", topic: name) == [nil])
            let second = try TestConsumer(log, name)
            #expect(try second.next(2).map(\.content.value) == ["3", "4"])
            second.consumer.close()
        },
        .init(description: "a transaction appears whole at its commit; behind an open one nothing is seen") { log, name in
            try log.make(name)
            let open = try log.makeProducer(ProducerOptions(topics: [name], transactionalId: name + ".t"))
            try open.begin()
            try open.send(["a", "b"])
            let plain = try log.makeProducer(ProducerOptions(topics: [name], transactionalId: nil))
            try plain.send(["c"])
            try plain.flush(timeoutMs: 10_000)
            #expect(try plain.acknowledged() == 1)
            #expect(try log.offsets(topic: name)[0].end == 0)
            try open.commit()
            let consumer = try TestConsumer(log, name)
            #expect(try consumer.next(3).compactMap(\.content.value).sorted() == ["a", "b", "c"])
            // Three records and the commit's marker.
            try consumer.reachEnd(4)
            consumer.consumer.close()
            open.close()
            plain.close()
        },
        .init(description: "aborted records are never seen and keep their offsets") { log, name in
            try log.make(name)
            let producer = try log.makeProducer(ProducerOptions(topics: [name], transactionalId: name + ".t"))
            try producer.begin()
            try producer.send(["lost", "lost"])
            try producer.abort()
            try producer.begin()
            try producer.send(["kept"])
            try producer.commit()
            let consumer = try TestConsumer(log, name)
            #expect(try consumer.next(1).map(\.content.value) == ["kept"])
            #expect(consumer.seen[0].offset == 3)
            try consumer.reachEnd(5)
            let reader = try log.makeReader(topic: name)
            #expect(try reader.values(0, 0, .max) == ["kept"])
            consumer.consumer.close()
            producer.close()
        },
        .init(description: "input offsets are committed with the transaction or not at all") { log, name in
            try log.make(name, name + ".out")
            try log.produce([TestRecord("1"), TestRecord("2")], to: name)
            let consumer = try TestConsumer(log, name)
            _ = try consumer.next(2)
            let producer = try log.makeProducer(ProducerOptions(topics: [name + ".out"], transactionalId: name + ".t"))
            try producer.begin()
            try producer.send(["x"])
            try producer.sendOffsets([.init(partition: 0, offset: 1)], of: consumer.consumer)
            try producer.abort()
            #expect(try consumer.consumer.committed([0]) == [nil])
            try producer.begin()
            try producer.send(["y"])
            try producer.sendOffsets([.init(partition: 0, offset: 2)], of: consumer.consumer)
            try producer.commit()
            #expect(try consumer.consumer.committed([0]) == [2])
            #expect(try log.makeReader(topic: name + ".out").values(0, 0, .max) == ["y"])
            consumer.consumer.close()
            producer.close()
        },
        .init(description: "a group without members is moved by a transaction alone") { log, name in
            try log.make(name, name + ".out")
            try log.produce([TestRecord("1"), TestRecord("2")], to: name)
            let producer = try log.makeProducer(ProducerOptions(topics: [name + ".out"], transactionalId: name + ".t"))
            try producer.begin()
            try producer.sendOffsets([.init(partition: 0, offset: 1)], group: name, topic: name)
            try producer.abort()
            #expect(try log.committedOffsets(group: name, topic: name) == [nil])
            try producer.begin()
            try producer.sendOffsets([.init(partition: 0, offset: 1)], group: name, topic: name)
            try producer.sendOffsets([.init(partition: 0, offset: 2)], group: name, topic: name)
            try producer.commit()
            #expect(try log.committedOffsets(group: name, topic: name) == [2])
            producer.close()
        },
        .init(description: "a new producer of a transactional id fences the old and ends its transaction") { log, name in
            try log.make(name)
            let options = ProducerOptions(topics: [name], transactionalId: name + ".t")
            let old = try log.makeProducer(options)
            try old.begin()
            try old.send(["zombie"])
            let new = try log.makeProducer(options)
            try new.begin()
            try new.send(["new"])
            try new.commit()
            let error = #expect(throws: LogError.self) {
                try old.send(["zombie"])
                try old.commit()
            }
            #expect(error?.kind == .fenced)
            #expect(try log.makeReader(topic: name).values(0, 0, .max) == ["new"])
            new.close()
            old.close()
        },
        .init(description: "members share the partitions and hand them over through the listener") { log, name in
            try log.make(name, partitions: 4)
            let first = try TestConsumer(log, name)
            try first.pollUntil { first.assigned == [0, 1, 2, 3] }
            let second = try TestConsumer(log, name)
            try first.pollUntil(also: second) { first.assigned.count == 2 && second.assigned.count == 2 }
            #expect((first.assigned + second.assigned).sorted() == [0, 1, 2, 3])
            #expect(first.events.values.contains { $0.hasPrefix("revoking") })
            for partition in 0..<4 { try log.produce([TestRecord("\(partition)")], to: name, partition: Int32(partition)) }
            try first.pollUntil(also: second) { first.seen.count + second.seen.count == 4 }
            #expect(first.seen.allSatisfy { first.assigned.contains($0.partition) })
            #expect(second.seen.allSatisfy { second.assigned.contains($0.partition) })
            first.consumer.close()
            try second.pollUntil { second.assigned == [0, 1, 2, 3] }
            second.consumer.close()
        },
        .init(description: "seek moves, pause stops and resume goes on where it stopped") { log, name in
            try log.make(name)
            try log.produce((0..<4).map { TestRecord("\($0)") }, to: name)
            let consumer = try TestConsumer(log, name)
            _ = try consumer.next(4)
            try consumer.consumer.seek([.init(partition: 0, offset: 2)])
            #expect(try consumer.next(2).map(\.content.value) == ["2", "3"])
            try consumer.consumer.pause([0])
            try log.produce([TestRecord("4")], to: name)
            #expect(try consumer.consumer.poll(timeoutMs: 0, maxRecords: 10).records.isEmpty)
            try consumer.consumer.resume([0])
            #expect(try consumer.next(1).map(\.content.value) == ["4"])
            #expect(throws: LogError.self) { try consumer.consumer.seek([.init(partition: 7, offset: 0)]) }
            consumer.consumer.close()
        },
        .init(description: "an offset that isn't there is an error, not another place") { log, name in
            try log.make(name)
            try log.produce([TestRecord("0")], to: name)
            let consumer = try TestConsumer(log, name, start: 99)
            let error = #expect(throws: LogError.self) { try consumer.pollUntil { false } }
            #expect(error?.kind == .offsetOutOfRange)
            consumer.consumer.close()
        },
        .init(description: "a reader reads a range of offsets and stops when told") { log, name in
            try log.make(name, partitions: 2)
            try log.produce((0..<2000).map { TestRecord("\($0)") }, to: name, partition: 1)
            let reader = try log.makeReader(topic: name)
            #expect(try reader.values(0, 0, .max) == [])
            #expect(try reader.values(1, 5, 8) == ["5", "6", "7"])
            #expect(try reader.values(1, 0, .max).count == 2000)
            var count = 0
            try reader.read(partition: 1, from: 0, to: .max) { _ in
                count += 1
                return count < 3
            }
            #expect(count == 3)
            reader.close()
        },
    ]
}
