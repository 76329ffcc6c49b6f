import Foundation
import Log
import Synchronization
import Testing

@testable import ETL

/// The real loop over the in-memory log: what goes where, what stays, and that faults lose and double nothing.
@Suite(.serialized) struct ReplayMemberTests {
    @Test func lettersGoBackWhereTheyCameFrom() throws {
        let log = try letterLog()
        let given = [letter("a", #"{"q":1}"#), letter("b", nil, attempt: 2), letter("c", "{", partition: 1)]
        try put(given, in: "t.s.dlq", of: log)
        let summary = try replay(replayPlan(), on: log)
        #expect(summary.replayed == 3 && summary.parked == 0 && summary.kept == 0)
        let back = try letters(in: "in", of: log)
        #expect(back.map(\.key) == ["a", "b", "c"] && back.map(\.value) == given.map(\.value))
        #expect(back.map(\.partition) == [0, 0, 1], "in the partition it was in")
        #expect(back.allSatisfy { $0.own.map(\.name) == ["trace", "trace"] && $0.own.map(\.value) == [[97], [98]] })
        #expect(back.map { $0.header("etl.dlq.attempt") } == ["2", "3", "2"])
        #expect(back.allSatisfy { $0.header("etl.dlq.first_failed_at") == "2026-01-02T03:04:05.678Z" && $0.headers.count == 6 })
        #expect(try pending(of: log).isEmpty)
        #expect(try replay(replayPlan(), on: log).replayed == 0, "once")
    }

    /// What `--where` isn't true of stays a dead letter, byte for byte, and only once.
    @Test func whatIsNotMeantStays() throws {
        let log = try letterLog()
        let given =
            (0..<10).map { letter("k\($0)", "{\"n\":\($0)}", partition: Int32($0 % 2)) }
            + [letter("array", "[1]"), letter("last", #"{"n":100}"#)]
        try put(given, in: "t.s.dlq", of: log)
        let summary = try replay(replayPlan { $0.filter = "message.n < 5 && message.n != 2" }, on: log)
        #expect(try letters(in: "in", of: log).map(\.key) == ["k0", "k4", "k1", "k3"])
        #expect(summary.replayed == 4)
        #expect(summary.reasons.map { "\($0.kept.code) \($0.count)" } == ["where.unmatched 7", "where.failed 1"])
        let left = try pending(of: log)
        #expect(left.map(\.key).sorted { ($0 ?? "") < ($1 ?? "") } == ["array", "k2", "k5", "k6", "k7", "k8", "k9", "last"])
        for stays in left { #expect(given.contains(stays), "as it was") }
        // Behind the last one meant (k4, k3) nothing was written again: 12 letters, of which only k2 came a second time.
        #expect(try letters(in: "t.s.dlq", of: log).count == 13)
        // None meant: nothing is written at all.
        let before = try log.writtenOffsets(topic: "t.s.dlq")
        #expect(try replay(replayPlan { $0.filter = "message.n == -1" }, on: log).kept == 8)
        #expect(try log.writtenOffsets(topic: "t.s.dlq") == before)
        #expect(try replay(replayPlan(), on: log).replayed == 8)
        #expect(try letters(in: "in", of: log).count == 12)
    }

    static let kept: [(String, TestLetter, @Sendable (inout ReplayPlan) -> Void, String)] = [
        ("no headers", TestLetter("k", "{}"), { _ in }, "replay.no_topic"),
        (
            "headers that are no UTF-8",
            {
                var letter = TestLetter("k", "{}")
                letter.headers = [.init(name: "etl.dlq.code", value: [0xff, 0xfe])]
                return letter
            }(), { _ in }, "replay.no_topic"
        ),
        ("topic gone", letter("k", "{}", topic: "gone"), { _ in }, "replay.topic_missing"),
        ("a name that can't be", letter("k", "{}", topic: "a/b c"), { _ in }, "replay.topic_missing"),
        ("back into itself", letter("k", "{}", topic: "t.s.dlq"), { _ in }, "replay.same_topic"),
        ("can't be mended", letter("k", "{"), { $0.sets = ["x=1"] }, "set.not_object"),
        ("can't be computed", letter("k", "{}"), { $0.sets = ["x=message.y"] }, "set.failed"),
        ("filter fails", letter("k", "{}"), { $0.filter = "message.y == 1" }, "where.failed"),
        ("may not be looked at", letter("k", "{}", topic: "secret"), { _ in }, "replay.topic_denied"),
        ("the brokers' own", letter("k", "{}", topic: "__consumer_offsets"), { _ in }, "replay.internal_topic"),
    ]

    @Test(arguments: kept.indices) func whatCannotBeReplayedStaysWithItsReason(_ index: Int) throws {
        let (name, bad, change, code) = Self.kept[index]
        let log = try letterLog()
        _ = try log.create(topics: [NewTopic(name: "__consumer_offsets", partitions: 1), NewTopic(name: "secret", partitions: 1)])
        try put([letter("good", #"{"y":1}"#), bad, letter("good", #"{"y":1}"#)], in: "t.s.dlq", of: log)
        let summary = try replay(replayPlan("t.s.dlq", change), on: StrictLog(log, denied: ["secret"]))
        #expect(summary.replayed == 2 && !summary.isInVain, "\(name)")
        #expect(summary.reasons.map { "\($0.kept.code) \($0.count)" } == ["\(code) 1"], "\(name)")
        #expect(
            summary.reasons.first?.place.hasPrefix("t.s.dlq[0]@") == true && summary.reasons.first?.kept.message.isEmpty == false)
        #expect(try letters(in: "in", of: log).count == 2)
        #expect(try pending(of: log).filter { $0 == bad }.count == 1, "\(name): as it was, once")
        // Alone, it is a run in vain.
        #expect(try replay(replayPlan("t.s.dlq", change), on: StrictLog(log, denied: ["secret"])).isInVain, "\(name)")
    }

    static let endings: [(reasons: [String], replayed: Int64, isInVain: Bool)] = [
        ([], 0, false), (["where.unmatched"], 0, false), (["where.failed"], 0, true),
        (["where.unmatched", "where.failed"], 0, false),
        (["replay.no_topic"], 0, true), (["where.unmatched", "set.failed"], 0, true), (["replay.no_topic"], 1, false),
    ]

    /// What the status of the command follows from.
    @Test(arguments: endings.indices) func aRunInVain(_ index: Int) {
        let row = Self.endings[index]
        var summary = ReplaySummary()
        summary.replayed = row.replayed
        for code in row.reasons { summary.keep(Kept(code: code, message: "m"), "place") }
        #expect(summary.isInVain == row.isInVain, "\(row)")
    }

    static let wrong = [
        ("gone", "log.topic_missing"), ("a/b c", "replay.topic_missing"), ("__transaction_state", "replay.internal_topic"),
        ("secret", "log.denied"),
    ]

    /// Said at once, before the whole topic is written again.
    @Test(arguments: wrong.indices) func whereNothingCanGoNothingIsDone(_ index: Int) throws {
        let (topic, code) = Self.wrong[index]
        let log = try letterLog()
        _ = try log.create(topics: [NewTopic(name: "__transaction_state", partitions: 1)])
        try put([letter("a", "{}"), letter("b", "{}")], in: "t.s.dlq", of: log)
        let before = try log.writtenOffsets(topic: "t.s.dlq")
        let error = #expect(throws: ETLError.self) {
            try replay(replayPlan { $0.to = topic }, on: StrictLog(log, denied: ["secret"]))
        }
        #expect(error?.code == code && error?.message.contains(topic) == true, "\(error?.message ?? "")")
        #expect(try log.writtenOffsets(topic: "t.s.dlq") == before && pending(of: log).count == 2)
    }

    /// The others go, in as many runs as it takes.
    @Test func lettersOfMoreTopicsThanOneRunSendsTo() throws {
        let log = try letterLog()
        let topics = (0..<LetterDestinations.most + 10).map { "from.\($0)" }
        _ = try log.create(topics: topics.map { NewTopic(name: $0, partitions: 1) })
        for topic in topics { try log.retain(topic: topic) }
        try put(topics.map { letter("k", "{}", topic: $0) }, in: "t.s.dlq", of: log)
        let summary = try replay(replayPlan(), on: log)
        #expect(summary.reasons.map { "\($0.kept.code) \($0.count)" } == ["replay.too_many_topics 12"])
        #expect(summary.reasons.first?.kept.message.contains(#"--where 'dlq.topic == "from.198"'"#) == true)
        #expect(try replay(replayPlan { $0.filter = #"dlq.topic == "from.198""# }, on: log).replayed == 1)
        #expect(try replay(replayPlan(), on: log).replayed == 11)
        for topic in topics { #expect(try letters(in: topic, of: log).count == 1) }
    }

    /// A limit that was lowered since: what can't be passed without being lost stays where it is, the rest goes.
    @Test func aLetterThatItsOwnTopicTakesNoMore() throws {
        let log = try letterLog()
        let large = "{\"n\":1,\"x\":\"" + String(repeating: "x", count: 1000) + "\"}"
        try put(
            [
                letter("a", "{\"n\":2}"), letter("other", "{\"n\":1}"), letter("large", large), letter("behind", "{\"n\":2}"),
                letter("b", "{\"n\":2}", partition: 1), letter("c", "{\"n\":2}", partition: 1),
            ], in: "t.s.dlq", of: log)
        let strict = StrictLog(log, longest: ["t.s.dlq": 500])
        let plan = replayPlan { $0.filter = "message.n == 2" }
        for run in 1...2 {
            let summary = try replay(plan, on: strict)
            #expect(summary.replayed == (run == 1 ? 3 : 0))
            let blocked = try #require(summary.reasons.last)
            #expect(blocked.kept.code == "replay.blocked" && blocked.count == 1)
            #expect(try letters(in: "in", of: log).map(\.key) == ["a", "b", "c"])
            #expect(try pending(of: log).map(\.key).sorted { $0 ?? "" < $1 ?? "" } == ["behind", "large", "other"])
        }
        // It may go where it came from; refused there too, it stays where it is.
        let both = StrictLog(log, longest: ["t.s.dlq": 500, "in": 500])
        #expect(try replay(replayPlan(), on: both).reasons.map(\.kept.code) == ["replay.blocked"])
        #expect(try replay(replayPlan(), on: strict).isInVain == false)
        #expect(try pending(of: log).isEmpty && letters(in: "in", of: log).count == 6)
    }

    @Test func partsOfTheWay() throws {
        let log = try letterLog()
        try put([letter("a", #"{"q":-1}"#), letter("b", #"{"q":-2}"#), letter("c", #"{"q":-3}"#)], in: "t.s.dlq", of: log)
        var plan = replayPlan { ($0.to, $0.limit, $0.sets) = ("other", 2, ["q=-message.q"]) }
        #expect(try replay(plan, on: log).replayed == 2)
        #expect(try letters(in: "other", of: log).map(\.text).sorted() == [#"{"q":1}"#, #"{"q":2}"#])
        #expect(try letters(in: "other", of: log).allSatisfy { $0.partition == Partitioner.partition(of: $0.key ?? "", count: 2) })
        #expect(try pending(of: log).map(\.key) == ["c"])
        plan.limit = nil
        #expect(try replay(plan, on: log).replayed == 1)
        #expect(try letters(in: "in", of: log).isEmpty)
    }

    @Test func replayedTooOftenTheyAreParked() throws {
        let log = try letterLog()
        let given = [letter("twice", "{}", attempt: 3), letter("often", "{}", attempt: 4), letter("more", "{}", attempt: 9)]
        try put(given, in: "t.s.dlq", of: log)
        let summary = try replay(replayPlan(), on: log)
        #expect(summary.replayed == 1 && summary.parked == 2)
        #expect(try letters(in: "t.s.parked", of: log) == Array(given[1...]), "as they were")
        // They can be taken back.
        #expect(
            ReplayPlan.group(of: "t.s.parked") == "etl.t.s.parked.replay" && ReplayPlan.group(of: "t.s.dlq") == "etl.t.s.replay")
        #expect(try replay(replayPlan("t.s.parked") { $0.maxAttempts = nil }, on: log).replayed == 2)
        #expect(try letters(in: "in", of: log).map { $0.header("etl.dlq.attempt") } == ["4", "5", "10"])
        #expect(try pending(in: "t.s.parked", of: log).isEmpty)
    }

    /// `etl topics create` makes the parked topics of stages, and no others.
    @Test(arguments: [true, false]) func withoutAParkedTopicTheyStay(isOurs: Bool) throws {
        let log = try letterLog(without: "t.s.parked")
        try put([letter("often", "{}", attempt: 4)], in: "t.s.dlq", of: log)
        let summary = try replay(replayPlan { ($0.parkedIsOurs, $0.servers) = (isOurs, "broker:9092") }, on: log)
        let kept = try #require(summary.reasons.first?.kept)
        let cure = isOurs ? "etl topics create" : "kafka-topics.sh --bootstrap-server broker:9092 --create --topic t.s.parked"
        #expect(kept.code == "replay.parked_missing" && kept.message.hasSuffix("make it with '\(cure)'"), "\(kept.message)")
        #expect(try pending(of: log).count == 1)
        // Where it may not be looked at, neither.
        try put([letter("often", "{}", attempt: 4)], in: "t.s.dlq", of: log)
        let denied = try replay(replayPlan(), on: StrictLog(log, denied: ["t.s.parked"]))
        #expect(denied.reasons.map { "\($0.kept.code) \($0.count)" } == ["replay.parked_missing 2"])
    }

    @Test func discardedTheyAreInTheArchiveFirst() throws {
        let log = try letterLog()
        var binary = letter("b", nil)
        binary.value = [0xff, 0]
        binary.headers.append(TestLetter.Header(name: "none", value: nil))
        try put([letter("a", "{\"q\":\"ä\\n\"}"), binary, letter("c", nil)], in: "t.s.dlq", of: log)
        let path = NSTemporaryDirectory() + "/etl-archive.\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var plan = ReplayPlan(action: .discard, topic: "t.s.dlq")
        plan.filter = "key != 'c'"
        let summary = try replay(plan, on: log, archive: try DeadLetterArchive(path: path))
        #expect(summary.discarded == 2 && summary.kept == 1)
        #expect(try pending(of: log).map(\.key) == ["c"])
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
        }
        try #require(lines.count == 2)
        #expect(
            lines[0]["key"] as? String == "a" && lines[0]["value"] as? String == "{\"q\":\"ä\\n\"}"
                && lines[0]["offset"] as? Int == 0)
        #expect(lines[1]["value_base64"] as? String == "/wA=" && lines[1]["value"] == nil)
        #expect(((lines[1]["headers"] as? [[String: Any]])?.last?["value"] as? NSNull) != nil)
        #expect(((lines[1]["headers"] as? [[String: Any]])?.first?["value"] as? String) == "a")
    }

    /// What came after somebody was told what would be discarded stays, and without an archive nothing goes.
    @Test func onlyWhatWasCountedIsDiscarded() throws {
        let log = try letterLog()
        try put([letter("a", "{}"), letter("b", "{}", partition: 1)], in: "t.s.dlq", of: log)
        var plan = ReplayPlan(action: .discard, topic: "t.s.dlq")
        plan.ends = try PendingLetters(of: "t.s.dlq", log: log, clock: SystemClock()).ends
        try put([letter("c", "{}"), letter("d", "{}", partition: 1)], in: "t.s.dlq", of: log)
        #expect(#expect(throws: ETLError.self) { try replay(plan, on: log) }?.code == "archive.file")
        #expect(try pending(of: log).count == 4)
        let path = NSTemporaryDirectory() + "/etl-archive.\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        for discarded in [2, 0] {
            #expect(try replay(plan, on: log, archive: try DeadLetterArchive(path: path)).discarded == Int64(discarded))
            #expect(try pending(of: log).map(\.key) == ["c", "d"])
        }
    }

    /// Each action fails once or several times, in each way there is; a replay that was fenced is started again.
    @Test(arguments: Fault.all([.begin, .send, .sendOffsets, .commit, .abort]))
    func faultsLoseAndDoubleNothing(_ fault: Fault) throws {
        let faulty = FaultyLog()
        // What makes the member abort, so that an abort can fail.
        let faults = fault.action == .abort ? [fault, Fault(action: .commit, kind: .abortable, at: 2, times: 3)] : [fault]
        let log = try letterLog(faulty.make(faults))
        defer { faulty.release() }
        let given = (0..<300).map { letter("k\($0)", "{\"n\":\($0)}", attempt: $0 % 7 == 0 ? 9 : 1, partition: Int32($0 % 2)) }
        try put(given, in: "t.s.dlq", of: log)
        let plan = replayPlan { $0.filter = "message.n % 5 != 0" }
        var runs = 0
        while true {
            do {
                try replay(plan, on: log)
                break
            } catch let error as ETLError where error.code == "replay.fenced" {
                runs += 1
                try #require(runs < 5)
            }
        }
        #expect(faulty.hits.load(ordering: .relaxed) > 0 || fault.at > 1 || fault.action == .abort, "the fault happened")
        let back = try letters(in: "in", of: log).map(\.key)
        let parked = try letters(in: "t.s.parked", of: log).map(\.key)
        let left = try pending(of: log).map(\.key)
        let numbers = Array(0..<300)
        func keys(_ numbers: [Int]) -> Set<String?> { Set(numbers.map { "k\($0)" }) }
        #expect(
            back.count == Set(back).count && parked.count == Set(parked).count && left.count == Set(left).count, "nothing twice")
        #expect(Set(back) == keys(numbers.filter { $0 % 5 != 0 && $0 % 7 != 0 }))
        #expect(Set(parked) == keys(numbers.filter { $0 % 5 != 0 && $0 % 7 == 0 }))
        #expect(Set(left) == keys(numbers.filter { $0 % 5 == 0 }))
    }

    /// The earlier of two ends, having done nothing the later one does again.
    @Test func aSecondRunTakesOver() throws {
        let log = try letterLog()
        try put((0..<2000).map { letter("k\($0)", "{}") }, in: "t.s.dlq", of: log)
        let started = Atomic<Bool>(false)
        let error = #expect(throws: ETLError.self) {
            try replay(replayPlan { $0.sets = ["n=1"] }, on: log) { summary in
                guard summary.replayed > 0, !started.exchange(true, ordering: .relaxed) else { return }
                let second = try? replay(replayPlan { $0.sets = ["n=2"] }, on: log)
                #expect((second?.replayed ?? 0) > 0)
            }
        }
        #expect(error?.code == "replay.fenced")
        let back = try letters(in: "in", of: log)
        #expect(back.count == 2000 && Set(back.map(\.key)).count == 2000)
        #expect(Set(back.map(\.text)) == [#"{"n":1}"#, #"{"n":2}"#], "each did its part")
    }

    /// Nor does one that had its turn while the earlier one took note of a topic it hadn't met.
    @Test func aSecondRunBetweenTwoProducers() throws {
        let log = try letterLog()
        try put((0..<100).map { letter("k\($0)", "{}") }, in: "t.s.dlq", of: log)
        let started = Atomic<Bool>(false)
        let error = #expect(throws: ETLError.self) {
            try replay(replayPlan(), on: log) { _ in
                guard !started.exchange(true, ordering: .relaxed) else { return }
                #expect((try? replay(replayPlan(), on: log))?.replayed == 100)
            }
        }
        #expect(error?.code == "replay.fenced")
        #expect(try letters(in: "in", of: log).count == 100)
    }

    /// A clock at whose first wait something happens.
    private final class EventfulClock: Clock {
        let event: Mutex<(@Sendable () -> Void)?>
        init(_ event: @escaping @Sendable () -> Void) { self.event = Mutex(event) }
        func nowMs() -> Int64 { SystemClock().nowMs() }
        func wait(ms: Int64) {
            let now = event.withLock { event in
                defer { event = nil }
                return event
            }
            now?()
        }
    }

    /// A run whose transaction failed before anybody was asked to commit it doesn't count what another did meanwhile.
    @Test func whatAnotherRunDidIsNotCounted() throws {
        let faulty = FaultyLog()
        let faults = [Fault(action: .sendOffsets, kind: .abortable, at: 1), Fault(action: .abort, kind: .abortable, at: 1)]
        let log = try letterLog(faulty.make(faults))
        defer { faulty.release() }
        try put((0..<10).map { letter("k\($0)", "{}") }, in: "t.s.dlq", of: log)
        let clock = EventfulClock { #expect((try? replay(replayPlan(), on: log))?.replayed == 10) }
        let retry = RetryPlan(initialMs: 1000, maxMs: 1000, multiplier: 1, fullJitter: false)
        #expect(try replay(replayPlan(), on: log, clock: clock, retry: retry).replayed == 0)
        #expect(faulty.hits.load(ordering: .relaxed) == 2)
        #expect(try letters(in: "in", of: log).count == 10)
    }

    /// A clock that only waiting moves on.
    final class StepClock: Clock {
        let time = Mutex<Int64>(0)
        func nowMs() -> Int64 { time.withLock { $0 } }
        func wait(ms: Int64) { time.withLock { $0 += max(ms, 1) } }
    }

    @Test func theRateIsKept() throws {
        let log = try letterLog()
        try put((0..<50).map { letter("k\($0)", "{}") }, in: "t.s.dlq", of: log)
        let clock = StepClock()
        let seen = Mutex<[(ms: Int64, count: Int64)]>([])
        let summary = try replay(replayPlan { $0.rate = 10 }, on: log, clock: clock) { summary in
            seen.withLock { $0.append((clock.nowMs(), summary.replayed)) }
        }
        #expect(summary.replayed == 50 && clock.nowMs() >= 4900 && clock.nowMs() < 5100)
        for moment in seen.withLock({ $0 }) { #expect(moment.count <= moment.ms / 100 + 1) }
        #expect(seen.withLock { $0.count } > 20, "what waits for its turn doesn't keep back what was sent")
    }

    /// Turns that went by while a broker was away aren't made up for.
    @Test(arguments: [10, 0.5]) func theRateIsAMaximum(_ rate: Double) throws {
        let log = try letterLog()
        try put((0..<60).map { letter("k\($0)", "{}") }, in: "t.s.dlq", of: log)
        let clock = StepClock()
        let seen = Mutex<[(ms: Int64, count: Int64)]>([])
        _ = try replay(replayPlan { $0.rate = rate }, on: log, clock: clock) { summary in
            let isFirst = seen.withLock { seen in
                seen.append((clock.nowMs(), summary.replayed))
                return seen.count == 2
            }
            if isFirst { clock.wait(ms: 60_000) }
        }
        let moments = seen.withLock { $0 }
        #expect(moments.last?.count == 60)
        for (index, earlier) in moments.enumerated() {
            for later in moments[index...] {
                let most = Double(later.ms - earlier.ms) / 1000 * rate + max(rate, 1) + 1
                #expect(Double(later.count - earlier.count) <= most, "from \(earlier) to \(later)")
            }
        }
    }

    /// Asked to stop, it commits what it has; started again it goes on there.
    @Test func stoppedItGoesOnWhereItWas() throws {
        let log = try letterLog()
        try put((0..<2000).map { letter("k\($0)", "{}") }, in: "t.s.dlq", of: log)
        let control = Control()
        let first = try replay(replayPlan { $0.rate = 1_000_000 }, on: log, control: control) { _ in control.requestStop() }
        #expect(first.replayed > 0)
        let second = try replay(replayPlan(), on: log)
        #expect(first.replayed + second.replayed == 2000)
        #expect(Set(try letters(in: "in", of: log).map(\.key)).count == 2000)
    }

    /// A topic that was deleted and made again must not be skipped up to where the old one was.
    @Test func aPositionBeyondTheEndIsSaid() throws {
        let log = try letterLog()
        try put((0..<5).map { letter("k\($0)", "{}") }, in: "t.s.dlq", of: log)
        let producer = try log.makeProducer(ProducerOptions(topics: [], transactionalId: "x"))
        try producer.begin()
        try producer.sendOffsets([PartitionOffset(partition: 0, offset: 100)], group: "etl.t.s.replay", topic: "t.s.dlq")
        try producer.commit()
        let error = #expect(throws: ETLError.self) { try replay(replayPlan(), on: log) }
        #expect(error?.code == "replay.position" && error?.message.contains("100") == true)
    }

    /// Brokers forget a position: whoever replays then must not give everything back again without knowing.
    @Test func oldLettersWithoutAPosition() throws {
        let log = try letterLog(MemoryLog(clock: EarlyClock()))
        try put([letter("a", "{}"), letter("b", "{}", partition: 1)], in: "t.s.dlq", of: log)
        for action in [ReplayPlan.Action.replay, .discard] {
            let plan = ReplayPlan(action: action, topic: "t.s.dlq")
            let error = #expect(throws: ETLError.self) { try replay(plan, on: log) }
            #expect(error?.code == "replay.position_lost" && error?.message.contains("--from-start") == true)
            #expect(error?.message.contains("partition 0, whose oldest letter was written 1970-01-01T00:00:01.000Z") == true)
        }
        let kept = try replay(replayPlan { $0.positionRetentionMs = wallClockMs() }, on: log)
        #expect(kept.replayed == 2, "the brokers keep it for long enough")
        // With a position nothing is in doubt, nor where there is no letter.
        try put([letter("c", "{}")], in: "t.s.dlq", of: log)
        #expect(try replay(replayPlan(), on: log).replayed == 1)
        try put([letter("d", "{}")], in: "t.s.parked", of: log)
        #expect(throws: ETLError.self) { try replay(replayPlan("t.s.parked"), on: log) }
        #expect(try replay(replayPlan("t.s.parked") { $0.fromStart = true }, on: log).replayed == 1)
        #expect(try replay(replayPlan("t.s.parked"), on: log).replayed == 0)
        #expect(try letters(in: "in", of: log).map(\.key) == ["a", "c", "d", "b"])
    }

    /// Records get their time from it: long ago.
    private final class EarlyClock: LogClock, Sendable {
        let nowMs: Int64 = 1000
        func wait(_ monitor: Monitor, untilMs deadlineMs: Int64) {
            monitor.leave()
            monitor.enter()
        }
    }
}

extension Partitioner {
    fileprivate static func partition(of key: String, count: Int32) -> Int32 {
        var key = key
        return key.withUTF8 { partition(of: UnsafeRawBufferPointer($0), count: count) }
    }
}
