import Glibc
import Synchronization

/// What an extractor or stage shows of itself beside its counters: where it stands, how long things take, which services it waits
/// for. Written by its members once a batch, read by anybody.
package final class Telemetry: Sendable {
    /// The brokers, as this part of the topology sees them: those of its topics may be away while others work.
    package let kafka: Service
    /// What a loader writes to; nil: nothing but Kafka.
    package let sink: Service?
    package let paused = PausedPartitions()
    package let batchSeconds = Histogram()
    package let commitSeconds = Histogram()
    private let committed = Atomic<Int64>(0)
    private let aborted = Atomic<Int64>(0)
    private let phases = Mutex([UInt64](repeating: 0, count: Phase.allCases.count))
    private let partitions = Mutex<[Int32: Partition]>([:])
    private let joined = Mutex<Set<Int>>([])

    /// What a member's thread does with its time.
    package enum Phase: Int, CaseIterable, Sendable {
        case poll, process, send, commit
        package var name: String { "\(self)" }
    }

    /// A partition that is assigned here.
    package struct Partition: Equatable, Sendable {
        /// What is processed next.
        package var position: Int64
        /// Nil: nothing is committed yet.
        package var committed: Int64?
        package var thread: Int
        /// As last asked; nil: not yet.
        package var end: Int64?
        package var lag: Int64?
    }

    package init(kafka: Service, sink: Service? = nil) {
        self.kafka = kafka
        self.sink = sink
    }

    package convenience init(_ plan: Plan, of counters: Counters, journal: Journal) {
        func service(_ name: String) -> Service {
            Service(name: name, owner: counters.name, plan: plan.circuitBreaker, journal: journal)
        }
        self.init(kafka: service("kafka"), sink: counters.role == .loader ? service("postgres") : nil)
    }

    package var services: [Service] { sink.map { [kafka, $0] } ?? [kafka] }

    // MARK: Written by members

    package func countTransaction(committed isCommitted: Bool) {
        if isCommitted { committed.add(1, ordering: .relaxed) } else { aborted.add(1, ordering: .relaxed) }
    }

    package func add(_ nanoseconds: UInt64, to phase: Phase) { phases.withLock { $0[phase.rawValue] &+= nanoseconds } }

    /// A member's thread has joined its group, or left it.
    package func setJoined(_ isJoined: Bool, thread: Int) {
        joined.withLock { joined in if isJoined { joined.insert(thread) } else { joined.remove(thread) } }
    }

    /// Where the partitions of one member stand now; those it doesn't name any more are gone.
    package func set(_ standing: [(partition: Int32, position: Int64, committed: Int64?)], thread: Int) {
        partitions.withLock { partitions in
            for (partition, held) in partitions where held.thread == thread {
                if !standing.contains(where: { $0.partition == partition }) { partitions[partition] = nil }
            }
            for (partition, position, committed) in standing {
                var row = partitions[partition] ?? Partition(position: position, thread: thread)
                (row.position, row.committed, row.thread) = (position, committed, thread)
                partitions[partition] = row
            }
        }
    }

    /// The topic's ends, and how far the group is behind them.
    package func setLag(_ rows: [(partition: Int32, end: Int64, lag: Int64)]) {
        partitions.withLock { partitions in
            for (partition, end, lag) in rows {
                partitions[partition]?.end = end
                partitions[partition]?.lag = lag
            }
        }
    }

    // MARK: Read by anybody

    package var transactions: (committed: Int64, aborted: Int64) {
        (committed.load(ordering: .relaxed), aborted.load(ordering: .relaxed))
    }
    package func seconds(of phase: Phase) -> Double { Double(phases.withLock { $0[phase.rawValue] }) / 1e9 }
    package var joinedThreads: Int { joined.withLock { $0.count } }
    /// By number.
    package var assigned: [(number: Int32, state: Partition)] {
        partitions.withLock { $0.map { ($0.key, $0.value) } }.sorted { $0.0 < $1.0 }
    }
    /// Those of them that are paused for their failures.
    package var pausedHere: [PausedPartitions.Pause] {
        let here = partitions.withLock { Set($0.keys) }
        return paused.all.filter { here.contains($0.partition) }
    }
}

/// How often something took how long. Observed once a batch or less.
package final class Histogram: Sendable {
    /// Upper bounds in seconds: what lies between a batch in memory and a commit that a broker held up.
    package static let bounds: [Double] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    private let state = Mutex((counts: [UInt64](repeating: 0, count: bounds.count + 1), sum: 0.0))

    package init() {}

    package func observe(nanoseconds: UInt64) {
        let seconds = Double(nanoseconds) / 1e9
        let bucket = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += seconds
        }
    }

    /// Of each bound and beyond, how many lay between it and the one before; and the sum of all.
    package var now: (counts: [UInt64], sum: Double) { state.withLock { $0 } }
}

/// Divides one thread's time among phases.
package struct PhaseClock {
    private let telemetry: Telemetry
    private var last = monotonicNs()

    package init(_ telemetry: Telemetry) {
        self.telemetry = telemetry
    }

    /// What went by since the last call was spent in `phase`. Returns it, in nanoseconds.
    @discardableResult
    package mutating func lap(_ phase: Telemetry.Phase) -> UInt64 {
        let now = monotonicNs()
        defer { last = now }
        telemetry.add(now &- last, to: phase)
        return now &- last
    }
}

/// Nanoseconds of a clock that never goes back. For durations that are shown; what is decided by time asks a `Clock`.
package func monotonicNs() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
