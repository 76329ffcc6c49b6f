import Bytes
import Log
import Postgres
import Synchronization
import TestServices
import Testing

@testable import ETL

/// A loader whose database is away or whose rows are refused too often: if these fail, rows are lost or doubled, a service error
/// becomes a dead letter, or a topic is drained into its dead letters.
@Suite(.timeLimit(.minutes(10))) struct LoadPauseTests {
    struct Loader {
        let fixture: PostgresFixture
        let faulty = FaultyLog()
        let log: MemoryLog
        let plan: Plan
        let stage: StagePlan
        let sink: PostgresPlan
        let counters = Counters(name: "l", role: .loader)
        let telemetry: Telemetry

        init(_ letters: DeadLetterPlan = DeadLetterPlan(maxRate: 1, window: 10, maxAttempts: 1), batchRows: Int = 20_000) throws {
            fixture = try PostgresFixture()
            let prepared = try LoadMemberTests.prepare(faulty, [], fixture)
            (log, stage) = (prepared.log, prepared.stage)
            var target = prepared.sink
            target.batchRows = batchRows
            sink = target
            var plan = prepared.plan
            plan.deadLetter = letters
            plan.circuitBreaker = CircuitBreakerPlan(failures: 3, openMs: 50)
            self.plan = plan
            telemetry = Telemetry(plan, of: counters, journal: Journal(plan.logging))
        }

        func write(_ values: [String]) throws {
            let producer = try log.makeProducer(ProducerOptions(topics: ["in"], transactionalId: FaultyLog.ownId))
            try producer.begin()
            var batch = OutputBatch()
            for (n, value) in values.enumerated() {
                batch.append(
                    OutputRecord(
                        key: batch.arena.copy("\(n)"), value: batch.arena.copy(value), headers: UnsafeBufferPointer(start: nil, count: 0),
                        topic: 0, partition: 0))
            }
            try producer.send(batch)
            try producer.commit()
            producer.close()
        }

        func drain(clock: any Clock = SystemClock()) throws {
            let control = Control()
            control.drain(to: try log.writtenOffsets(topic: "in"))
            try LoadMember(
                context: MemberContext(
                    plan: plan, log: log, journal: Journal(plan.logging), counters: counters, control: control, telemetry: telemetry,
                    clock: clock, instance: "i"), stage: stage, sink: sink
            ).run()
        }

        func letters() throws -> [Int] { try everything(in: "t.l.dlq", of: log).compactMap { Int($0.key) } }
    }

    /// The server answers but takes nothing (its disk is full): the circuit opens, the member polls on, and goes on by itself.
    @Test func aFullDiskIsNoDeadLetter() throws {
        let loader = try Loader()
        try loader.fixture.admin.execute(
            """
            CREATE TABLE full_disk (); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF to_regclass('full_disk') IS NOT NULL THEN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END IF; RETURN NEW; END $$;
            CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()
            """)
        try loader.write((0..<500).map { "{\"id\":\($0)}" })
        let telemetry = loader.telemetry
        let polls = Atomic<Int>(0)
        nonisolated(unsafe) let admin = loader.fixture.admin
        let freed = Mutex(false)
        let sink = try #require(telemetry.sink)
        loader.faulty.onPoll { _ in
            let found = sink.snapshot
            guard found.openings > 0 else { return }
            polls.add(1, ordering: .relaxed)
            // Two probes more, which find it full.
            guard found.failures >= 5, freed.withLock({ freed in defer { freed = true }; return !freed }) else { return }
            #expect(found.reason.contains("53100"))
            do { try admin.execute("DROP TABLE full_disk") } catch { Issue.record(error) }
        }
        defer { loader.faulty.release() }
        try loader.drain()
        #expect(sink.snapshot.openings >= 1 && sink.isClosed)
        #expect(polls.load(ordering: .relaxed) > 0)
        #expect(try loader.letters() == [])
        #expect(try loader.fixture.rows("SELECT count(*), count(DISTINCT id) FROM t") == [["500", "500"]])
    }

    /// Rejected before they are sent, or refused by the server in a batch of their own order: exact to the record where known.
    @Test func rowsThatFailTooOftenPauseThePartition() throws {
        let loader = try Loader(DeadLetterPlan(maxRate: 0.5, window: 10, maxAttempts: 1))
        let values = (0..<20).map { "{\"id\":\($0)}" } + (0..<100).map { "{\"id\":\"x\($0)\"}" } + (200..<220).map { "{\"id\":\($0)}" }
        try loader.write(values)
        let error = try #require(throws: ETLError.self) { try loader.drain() }
        #expect(error.code == "stage.paused" && error.message.contains("offset 26: 6 of its last 10 records failed, the last with load.conversion"), "\(error.message)")
        #expect(try loader.letters() == Array(20..<26))
        #expect(try loader.fixture.column("SELECT count(*) FROM t") == ["20"])
        #expect(try loader.log.committedOffsets(group: loader.plan.group(of: loader.stage), topic: "in") == [26])
    }

    /// Asked to go on whenever it pauses, every row and dead letter is there once.
    @Test(arguments: [["{\"id\":\"x", "\"}"], ["{\"id\":-1", "}"]]) func pausedAndResumedOverAndOver(_ bad: [String]) throws {
        let loader = try Loader(DeadLetterPlan(maxRate: 0.5, window: 10, maxAttempts: 1), batchRows: 20)
        try loader.write((0..<300).map { (100..<200).contains($0) ? "\(bad[0])\($0)\(bad[1])" : "{\"id\":\($0)}" })
        var pauses = 0
        while pauses < 100 {
            do {
                try loader.drain()
                break
            } catch let error as ETLError where error.code == "stage.paused" {
                pauses += 1
                #expect(loader.telemetry.paused.resume(0) == [0])
            }
        }
        // Rejected one by one after six; refused two batches at a time, since the next one is filled when it turns out.
        #expect((3...17).contains(pauses), "\(pauses)")
        #expect(try loader.letters() == Array(100..<200))
        #expect(try loader.fixture.rows("SELECT count(*), count(DISTINCT id) FROM t") == [["200", "200"]])
    }

    /// A few refused rows far apart in one large batch are no reason to pause.
    @Test func refusedRowsCountWhereTheyAre() throws {
        let loader = try Loader(DeadLetterPlan(maxRate: 0.5, window: 10, maxAttempts: 1))
        try loader.write((0..<1000).map { $0 % 20 == 0 ? "{\"id\":-\($0 + 1)}" : $0 % 20 == 1 ? "{\"id\":\"x\"}" : "{\"id\":\($0)}" })
        try loader.drain()
        #expect(try loader.letters().count == 100)
        #expect(try loader.fixture.column("SELECT count(*) FROM t") == ["900"])
    }
}
