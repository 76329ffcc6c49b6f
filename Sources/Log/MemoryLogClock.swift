import Glibc

/// Where the in-memory log's time comes from: the system's, or one that a test moves.
public protocol LogClock: AnyObject, Sendable {
    /// Milliseconds since 1970. Never goes back.
    var nowMs: Int64 { get }
    /// Called by a thread that has entered `monitor`: leaves it, waits until it is notified or `nowMs` reaches `deadlineMs`
    /// (`Int64.max`: never), enters it again and returns. May return early; callers look again.
    func wait(_ monitor: Monitor, untilMs deadlineMs: Int64)
}

/// The wall clock at the process's start, moved on by the monotonic clock: jumps of the wall clock don't move deadlines.
public final class SystemLogClock: LogClock {
    private let offsetMs: Int64

    public init() { offsetMs = Self.read(CLOCK_REALTIME) - Self.read(CLOCK_MONOTONIC) }

    public var nowMs: Int64 { Self.read(CLOCK_MONOTONIC) + offsetMs }

    public func wait(_ monitor: Monitor, untilMs deadlineMs: Int64) {
        monitor.wait(untilMonotonicMs: deadlineMs == .max ? .max : deadlineMs - offsetMs)
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

/// A mutex and its one condition variable. Not recursive.
///
/// Unchecked: the two pthread objects are made for use by several threads and never move.
public final class Monitor: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    public init() {
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    public func enter() { pthread_mutex_lock(mutex) }
    public func leave() { pthread_mutex_unlock(mutex) }
    /// Wakes every thread that waits.
    public func notifyAll() { pthread_cond_broadcast(condition) }

    /// Leaves, waits for a notification or until the monotonic clock reaches `untilMonotonicMs` (`Int64.max`: never), enters again.
    public func wait(untilMonotonicMs: Int64) {
        if untilMonotonicMs == .max {
            pthread_cond_wait(condition, mutex)
        } else {
            var time = timespec(tv_sec: Int(untilMonotonicMs / 1000), tv_nsec: Int(untilMonotonicMs % 1000) * 1_000_000)
            pthread_cond_timedwait(condition, mutex, &time)
        }
    }
}
