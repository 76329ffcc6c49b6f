import Bytes
import Log
import Synchronization
import Testing

@testable import ETL

/// Makes a log's clients fail: the n-th time an action of this kind is tried, counted over all clients, and then again as often as `times`.
struct Fault: Sendable, CustomTestStringConvertible {
    enum Action: String, CaseIterable { case poll, commitOffsets, begin, send, sendOffsets, commit, abort }
    var action: Action
    var kind: LogError.Kind
    var at: Int
    var times = 1
    var testDescription: String { "\(action) \(at) \(kind) \(times)×" }

    static func all(_ actions: [Action], at: [Int] = [1, 3]) -> [Fault] {
        let kinds: [LogError.Kind] = [.retriable, .abortable, .fenced, .fatal]
        return actions.flatMap { action in kinds.flatMap { kind in at.map { Fault(action: action, kind: kind, at: $0) } } }
            + actions.map { Fault(action: $0, kind: .retriable, at: 2, times: 3) }
    }
}

extension MemoryLogAction {
    var kind: Fault.Action {
        switch self {
        case .poll: .poll
        case .commitOffsets: .commitOffsets
        case .begin: .begin
        case .send: .send
        case .sendOffsets: .sendOffsets
        case .commit: .commit
        case .abort: .abort
        }
    }

    var transactionalId: String? {
        switch self {
        case .begin(let id), .sendOffsets(let id), .commit(let id), .abort(let id): id
        case .send(let id): id
        case .poll, .commitOffsets: nil
        }
    }
}

/// A log in memory whose clients fail as told; `onPoll` is called before each poll, without any lock.
final class FaultyLog: Sendable {
    private let counts = Mutex<[Fault.Action: Int]>([:])
    private let hook = Mutex<(@Sendable (MemoryLog) -> Void)?>(nil)
    private let made = Mutex<MemoryLog?>(nil)
    let hits = Atomic<Int>(0)
    /// What this id does is never made to fail: it is the test's own.
    static let ownId = "test"

    func make(_ faults: [Fault], maxPollIntervalMs: Int64 = 300_000) -> MemoryLog {
        let log = MemoryLog(maxPollIntervalMs: maxPollIntervalMs) { [self] action throws(LogError) in
            if action.transactionalId == Self.ownId { return }
            if action.kind == .poll, let log = made.withLock({ $0 }) { hook.withLock { $0 }?(log) }
            let count = counts.withLock { counts in
                counts[action.kind, default: 0] += 1
                return counts[action.kind] ?? 0
            }
            for fault in faults where fault.action == action.kind && (fault.at..<(fault.at + fault.times)).contains(count) {
                hits.add(1, ordering: .relaxed)
                throw LogError(fault.kind, code: "log.injected", "\(action) number \(count) was made to fail")
            }
        }
        made.withLock { $0 = log }
        return log
    }

    func onPoll(_ act: @escaping @Sendable (MemoryLog) -> Void) { hook.withLock { $0 = act } }
    /// The hook holds the log, which holds the hook.
    func release() { made.withLock { $0 = nil } }
}

extension Plan {
    /// A plan with nothing in it but names and quick retries.
    static func test(stages: [StagePlan] = [], extractors: [ExtractorPlan] = [], commitIntervalMs: Int = 1) -> Plan {
        Plan(
            name: "t", description: "", file: "t.yaml", commitIntervalMs: commitIntervalMs, memoryMB: 64, kafka: nil,
            logging: LoggingPlan(level: .error, format: .text),
            retry: RetryPlan(initialMs: 1, maxMs: 5, multiplier: 2, fullJitter: true),
            deadLetter: DeadLetterPlan(maxRate: 1, window: 100, maxAttempts: 3), topics: [], lookups: [], extractors: extractors,
            stages: stages)
    }
}

/// Moves on by 20 ms each time it is looked at, so that every commit interval is over at every look however fast the machine is;
/// waiting takes no time.
final class TickingClock: Clock {
    private let now = Atomic<Int64>(1)
    /// What was waited, in milliseconds.
    let waited = Atomic<Int64>(0)
    func nowMs() -> Int64 { now.add(20, ordering: .relaxed).newValue }
    func wait(ms: Int64) {
        now.add(max(ms, 0), ordering: .relaxed)
        waited.add(max(ms, 0), ordering: .relaxed)
    }
}

extension MemberContext {
    static func test(
        _ plan: Plan, _ log: any RecordLog, _ control: Control = Control(), thread: Int = 0, clock: any Clock = TickingClock()
    ) -> MemberContext {
        MemberContext(
            plan: plan, log: log, journal: Journal(plan.logging), counters: Counters(name: "test", role: .stage), control: control,
            clock: clock, instance: "i", thread: thread)
    }
}

/// The listener of another member of a group, which only comes to make a member under test share its partitions.
final class AnotherMember: AssignmentListener {
    func assigned(_ partitions: [Int32], consumer: any LogConsumer) throws(LogError) -> [StartPosition] {
        partitions.map { _ in .earliest }
    }
    func revoking(_ partitions: [Int32], consumer: any LogConsumer) {}
    func lost(_ partitions: [Int32], consumer: any LogConsumer) {}
}

/// Key and value of every committed record of a topic, in order within each partition.
func everything(in topic: String, of log: MemoryLog) throws -> [(key: String, value: String)] {
    let reader = try log.makeReader(topic: topic)
    defer { reader.close() }
    var found: [(key: String, value: String)] = []
    for range in try log.offsets(topic: topic) {
        try reader.read(partition: range.partition, from: range.first, to: range.end) { record in
            found.append((String(decoding: record.key, as: UTF8.self), String(decoding: record.value, as: UTF8.self)))
            return true
        }
    }
    return found
}
