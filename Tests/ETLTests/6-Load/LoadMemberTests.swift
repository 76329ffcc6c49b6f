import Bytes
import Foundation
import Log
import Postgres
import Synchronization
import TestServices
import Testing

@testable import ETL

/// If these fail, a loader loses rows or dead letters, or writes them twice.
@Suite(.timeLimit(.minutes(10))) struct LoadMemberTests {
    static let records = 200
    /// These can't be rows: the sink rejects the first kind, the server refuses the second.
    static func isRejected(_ n: Int) -> Bool { n % 50 == 7 }
    static func isRefused(_ n: Int) -> Bool { n % 50 == 9 }

    static func prepare(_ faulty: FaultyLog, _ faults: [Fault], _ fixture: PostgresFixture, port: Int? = nil) throws
        -> (log: MemoryLog, plan: Plan, stage: StagePlan, sink: PostgresPlan)
    {
        try fixture.admin.execute("CREATE TABLE t (id bigint PRIMARY KEY, CHECK (id >= 0))")
        var sink = fixture.plan(
            url: port.map {
                "postgres://etl:etl-secret@127.0.0.1:\($0)/etl?sslmode=disable&gssencmode=disable&options=-csearch_path%3D\(fixture.schema)"
            })
        sink.batchMs = 1
        let stage = StagePlan(
            name: "l", from: "in", threads: 1, delivery: .exactlyOnce, steps: [], ending: .postgres(sink), position: place(1))
        let log = faulty.make(faults)
        _ = try log.create(topics: ["in", "t.l.dlq"].map { NewTopic(name: $0, partitions: 1) })
        for topic in ["in", "t.l.dlq"] { try log.retain(topic: topic) }
        return (log, .test(stages: [stage]), stage, sink)
    }

    static func write(_ range: Range<Int>, to log: MemoryLog) throws(LogError) {
        let producer = try log.makeProducer(ProducerOptions(topics: ["in"], transactionalId: FaultyLog.ownId))
        try producer.begin()
        var batch = OutputBatch()
        for n in range {
            let value = isRejected(n) ? "{\"id\":\"x\(n)\"}" : isRefused(n) ? "{\"id\":-\(n)}" : "{\"id\":\(n)}"
            batch.append(
                OutputRecord(
                    key: batch.arena.copy("\(n)"), value: batch.arena.copy(value),
                    headers: UnsafeBufferPointer(start: nil, count: 0), topic: 0, partition: 0))
        }
        try producer.send(batch)
        try producer.commit()
        producer.close()
    }

    static func check(_ log: MemoryLog, _ fixture: PostgresFixture) throws {
        let all = 0..<records
        #expect(
            try fixture.column("SELECT id FROM t ORDER BY id").map { $0.flatMap { Int($0) } }
                == all.filter { !isRejected($0) && !isRefused($0) })
        #expect(
            try everything(in: "t.l.dlq", of: log).compactMap { Int($0.key) }.sorted()
                == all.filter { isRejected($0) || isRefused($0) })
    }

    @Test(arguments: Fault.all([.poll, .begin, .send, .sendOffsets, .commit, .commitOffsets], at: [1, 2]))
    func everyRowAndDeadLetterOnceWhateverFails(_ fault: Fault) throws {
        let fixture = try PostgresFixture()
        let faulty = FaultyLog()
        let (log, plan, stage, sink) = try Self.prepare(faulty, [fault], fixture)
        // A round of 20 with each poll, so that there are batches with and without dead letters.
        let next = Mutex(0)
        faulty.onPoll { log in
            let start = next.withLock { next in
                defer { next = min(next + 20, Self.records) }
                return next
            }
            if start < Self.records { do { try Self.write(start..<start + 20, to: log) } catch { Issue.record(error) } }
        }
        defer { faulty.release() }
        let control = Control()
        control.drain(to: [PartitionRange(partition: 0, first: 0, end: Int64(Self.records + Self.records / 20))])
        try LoadMember(context: .test(plan, log, control), stage: stage, sink: sink).run()
        try Self.check(log, fixture)
    }

    /// Postgres goes away with the first batch, and the loader is stopped while it waits: the group must not be ahead of Postgres.
    @Test func aStopWhilePostgresIsAwayCommitsNothing() throws {
        let fixture = try PostgresFixture()
        let proxy = try PostgresProxy(target: fixture.server.port)
        let faulty = FaultyLog()
        let (log, plan, stage, sink) = try Self.prepare(faulty, [], fixture, port: proxy.port)
        try Self.write(0..<Self.records, to: log)
        let control = Control()
        let polls = Mutex(0)
        faulty.onPoll { _ in
            let count = polls.withLock {
                $0 += 1; return $0
            }
            // The second brings the records; the connection breaks in their COMMIT, and no other can be made.
            if count == 2 {
                proxy.fail(.beforeCommit)
                proxy.close()
            }
            if count == 10 { control.requestStop() }
        }
        defer { faulty.release() }
        let error = #expect(throws: ETLError.self) {
            try LoadMember(context: .test(plan, log, control), stage: stage, sink: sink).run()
        }
        #expect(error?.status == .unreachable)
        #expect(try log.committedOffsets(group: plan.group(of: stage), topic: "in") == [nil])
        #expect(try fixture.column("SELECT count(*) FROM t") == ["0"])
    }

    /// While Postgres is held up with one batch, the next is read and rejected records of it are noted; nothing overtakes anything.
    @Test func theNextBatchIsReadWhilePostgresWorks() throws {
        let fixture = try PostgresFixture()
        let faulty = FaultyLog()
        let (log, plan, stage, prepared) = try Self.prepare(faulty, [], fixture)
        defer { faulty.release() }
        var sink = prepared
        (sink.mode, sink.keys, sink.batchRows, sink.batchMs) = (.upsert, ["id"], 20, 60_000)
        try Self.write(0..<Self.records, to: log)
        nonisolated(unsafe) let admin = fixture.admin
        try admin.execute("BEGIN; LOCK TABLE t IN SHARE MODE")
        let polls = Mutex(0)
        let reader = try Connection(url: fixture.url, applicationName: "reader")
        nonisolated(unsafe) let other = reader
        faulty.onPoll { log in
            let count = polls.withLock {
                $0 += 1; return $0
            }
            guard count == 3 else { return }
            // Twenty rows are on their way, and twenty more are here.
            do {
                #expect(try other.execute("SELECT count(*) FROM t")[0].rows == [["0"]])
                #expect(try log.committedOffsets(group: plan.group(of: stage), topic: "in") == [nil])
                try admin.execute("COMMIT")
            } catch { Issue.record(error) }
        }
        let control = Control()
        control.drain(to: [PartitionRange(partition: 0, first: 0, end: Int64(Self.records + 1))])
        try LoadMember(context: .test(plan, log, control), stage: stage, sink: sink).run()
        #expect(polls.withLock { $0 } > 3)
        try Self.check(log, fixture)
    }

    /// A loader that waited for more rows than the in-memory log has room for would wait for nothing, and all before it with it.
    @Test(arguments: [1, 4]) func aBatchIsFullBeforeTheLogIs(otherMembers: Int) throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TABLE t (id bigint PRIMARY KEY, note text)")
        var sink = fixture.plan()
        (sink.batchRows, sink.batchMs) = (1_000_000, 600_000)
        let stage = StagePlan(
            name: "l", from: "in", threads: 1, delivery: .exactlyOnce, steps: [], ending: .postgres(sink), position: place(1))
        var plan = Plan.test(stages: [stage])
        plan.memoryMB = 16
        let log = MemoryLog(memoryBytes: plan.memoryMB << 19)
        let others = (1...otherMembers).map { "other\($0)" }
        _ = try log.create(topics: (["in", "t.l.dlq"] + others).map { NewTopic(name: $0, partitions: 1) })
        try log.declare(group: plan.group(of: stage), topic: "in")
        for other in others { try log.declare(group: other, topic: other) }
        let (rounds, round) = (24, 1000)
        Foundation.Thread.detachNewThread {
            do {
                let producer = try log.makeProducer(ProducerOptions(topics: ["in"], transactionalId: nil))
                let note = String(repeating: "n", count: 1000)
                for start in stride(from: 0, to: rounds * round, by: round) {
                    var batch = OutputBatch()
                    for n in start..<start + round {
                        batch.append(
                            OutputRecord(
                                key: batch.arena.copy("\(n)"), value: batch.arena.copy("{\"id\":\(n),\"note\":\"\(note)\"}"),
                                headers: UnsafeBufferPointer(start: nil, count: 0), topic: 0, partition: 0))
                    }
                    try producer.send(batch)
                }
                producer.close()
            } catch { Issue.record(error) }
        }
        let control = Control()
        control.drain(to: [PartitionRange(partition: 0, first: 0, end: Int64(rounds * round))])
        let context = MemberContext(
            plan: plan, log: log, journal: Journal(plan.logging), counters: Counters(name: "l", role: .stage), control: control,
            instance: "i", members: 1 + otherMembers)
        let isOver = DispatchSemaphore(value: 0)
        Foundation.Thread.detachNewThread { if isOver.wait(timeout: .now() + 400) == .timedOut { control.requestStop() } }
        try LoadMember(context: context, stage: stage, sink: sink).run()
        isOver.signal()
        #expect(try fixture.column("SELECT count(*) FROM t") == ["\(rounds * round)"])
    }

    /// A right that turns out to be missing with the first batch, or with the second while a third is being filled, ends the run; the
    /// group stays behind Postgres, so that nothing is missing when somebody has granted it.
    @Test(arguments: [1, 2], [PostgresPlan.Mode.append, .upsert])
    func aMissingRightLosesNothing(batch: Int, mode: PostgresPlan.Mode) throws {
        let fixture = try PostgresFixture()
        let faulty = FaultyLog()
        let (log, plan, stage, prepared) = try Self.prepare(faulty, [], fixture)
        defer { faulty.release() }
        var sink = prepared
        (sink.mode, sink.keys, sink.batchRows, sink.batchMs) = (mode, mode == .upsert ? ["id"] : [], 20, 60_000)
        try fixture.admin.execute(
            """
            CREATE TABLE granted (n int); INSERT INTO granted VALUES (\(batch == 1 ? 0 : 20)); \
            CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id > (SELECT n FROM granted) THEN
            RAISE EXCEPTION 'no' USING ERRCODE = '42501'; END IF; RETURN NEW; END $$;
            CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()
            """)
        try Self.write(0..<Self.records, to: log)
        func run() throws {
            let control = Control()
            control.drain(to: [PartitionRange(partition: 0, first: 0, end: Int64(Self.records + 1))])
            try LoadMember(context: .test(plan, log, control), stage: stage, sink: sink).run()
        }
        #expect(#expect(throws: ETLError.self) { try run() }?.code == "postgres.permission")
        let group = try log.committedOffsets(group: plan.group(of: stage), topic: "in")
        #expect(group == [batch == 1 ? nil : 20])
        try fixture.admin.execute("UPDATE granted SET n = 1000")
        try run()
        try Self.check(log, fixture)
    }

    /// The topic is deleted and made anew; what Postgres knows of the old one must not make the loader pass by the new one's records.
    @Test func aTopicMadeAnewIsNotTakenForTheOldOne() throws {
        let fixture = try PostgresFixture()
        let faulty = FaultyLog()
        let (old, plan, stage, sink) = try Self.prepare(faulty, [], fixture)
        defer { faulty.release() }
        func run(_ log: MemoryLog, _ end: Int) throws {
            let control = Control()
            control.drain(to: [PartitionRange(partition: 0, first: 0, end: Int64(end + 1))])
            // In memory positions would be forgotten at the start.
            try LoadMember(context: .test(plan, StrictLog(log), control), stage: stage, sink: sink).run()
        }
        try Self.write(0..<150, to: old)
        try run(old, 150)
        try fixture.admin.execute("UPDATE etl_offsets SET updated_at = updated_at - interval '1 hour'")
        let another = FaultyLog()
        defer { another.release() }
        let new = another.make([])
        _ = try new.create(topics: ["in", "t.l.dlq"].map { NewTopic(name: $0, partitions: 1) })
        for topic in ["in", "t.l.dlq"] { try new.retain(topic: topic) }
        try Self.write(1000..<1200, to: new)
        let error = #expect(throws: ETLError.self) { try run(new, 200) }
        #expect(error?.code == "load.topic_made_anew", "\(String(describing: error))")
        #expect(error?.message.contains("topic in, partition 0") == true && error?.message.contains("offset 151") == true)
        #expect(try new.committedOffsets(group: plan.group(of: stage), topic: "in") == [nil])
        #expect(try fixture.column("SELECT count(*) FROM t WHERE id >= 1000") == ["0"])
        try fixture.admin.execute("DELETE FROM etl_offsets")
        try run(new, 200)
        let good = (1000..<1200).filter { !Self.isRejected($0) && !Self.isRefused($0) }
        #expect(try fixture.column("SELECT id FROM t WHERE id >= 1000 ORDER BY id").map { $0.flatMap { Int($0) } } == good)
    }

    /// Retention took a rejected record whose dead letter is owed: it is said which, and what to do, not only that offsets are gone.
    @Test func aRejectedRecordThatIsGoneIsNamed() throws {
        let fixture = try PostgresFixture()
        let faulty = FaultyLog()
        let (log, plan, stage, sink) = try Self.prepare(faulty, [], fixture)
        defer { faulty.release() }
        func run(_ log: MemoryLog) throws {
            let control = Control()
            control.drain(to: [PartitionRange(partition: 0, first: 0, end: 21)])
            try LoadMember(context: .test(plan, StrictLog(log), control), stage: stage, sink: sink).run()
        }
        try Self.write(0..<20, to: log)
        try run(log)
        try fixture.admin.execute(
            """
            UPDATE etl_offsets SET next_offset = 190, rejected = '{7,9}', rejected_codes = '{load.conversion,load.rejected}', \
            rejected_messages = '{x,y}', rejected_pointers = '{"",""}'
            """)
        // The same topic as far as Postgres knows: nobody has read it, and the oldest records are gone.
        let small = MemoryLog(memoryBytes: 16 << 10)
        _ = try small.create(topics: ["in", "t.l.dlq"].map { NewTopic(name: $0, partitions: 1) })
        try Self.write(0..<200, to: small)
        let first = try small.offsets(topic: "in")[0].first
        try #require(first > 9 && first < 190)
        let error = #expect(throws: ETLError.self) { try run(small) }
        #expect(error?.code == "load.dead_letter_gone", "\(String(describing: error))")
        #expect(error?.message.contains("2 rejected records of topic in, partition 0, offsets 7 to 9") == true)
    }

    /// Nothing was begun, so there is nothing to complain of.
    @Test func aStopWhileItWaitsForPostgresAtTheStartIsNoFailure() throws {
        let fixture = try PostgresFixture()
        let proxy = try PostgresProxy(target: fixture.server.port)
        let faulty = FaultyLog()
        let (log, plan, stage, sink) = try Self.prepare(faulty, [], fixture, port: proxy.port)
        proxy.close()
        defer { faulty.release() }
        let control = Control()
        control.requestStop()
        try LoadMember(context: .test(plan, log, control), stage: stage, sink: sink).run()
    }

    /// Each new consumer makes the whole group rebalance, so those that fail at once aren't made one upon the other.
    @Test func consumersThatFailOneAfterTheOtherAreMadeEverMoreSlowly() throws {
        let fixture = try PostgresFixture()
        let faulty = FaultyLog()
        let (log, made, stage, sink) = try Self.prepare(faulty, [Fault(action: .poll, kind: .fatal, at: 1, times: 6)], fixture)
        defer { faulty.release() }
        var plan = made
        plan.retry = RetryPlan(initialMs: 1000, maxMs: 60_000, multiplier: 2, fullJitter: false)
        try Self.write(0..<Self.records, to: log)
        let control = Control()
        control.drain(to: [PartitionRange(partition: 0, first: 0, end: Int64(Self.records + 1))])
        let clock = TickingClock()
        try LoadMember(context: .test(plan, log, control, clock: clock), stage: stage, sink: sink).run()
        try Self.check(log, fixture)
        // Nothing before the second, then 2, 4, 8, 16, 32 seconds.
        #expect(clock.waited.load(ordering: .relaxed) >= 62_000)
    }

    /// What it was to drain is done already, and the dead letters of what it loaded beyond that fail at first: it doesn't leave them.
    @Test func aDrainDoesNotEndWhileDeadLettersAreOwed() throws {
        let fixture = try PostgresFixture()
        let faulty = FaultyLog()
        let (log, plan, stage, prepared) = try Self.prepare(faulty, [Fault(action: .begin, kind: .retriable, at: 1)], fixture)
        var sink = prepared
        sink.batchMs = 60_000
        try Self.write(0..<20, to: log)
        let consumer = try log.makeConsumer(ConsumerOptions(topic: "in", group: plan.group(of: stage), listener: AnotherMember()))
        _ = try consumer.poll(timeoutMs: 0, maxRecords: 1)
        try consumer.commit([PartitionOffset(partition: 0, offset: 1)], wait: true)
        consumer.close()
        defer { faulty.release() }
        let control = Control()
        control.drain(to: [PartitionRange(partition: 0, first: 0, end: 1)])
        try LoadMember(context: .test(plan, log, control), stage: stage, sink: sink).run()
        #expect(try everything(in: "t.l.dlq", of: log).compactMap { Int($0.key) }.sorted() == [7, 9])
    }
}
