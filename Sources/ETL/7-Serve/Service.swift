import Synchronization

/// A service outside this process, as all who use it here see it: its circuit breaker and what it last said. Any thread.
///
/// The rule for those who use it: `wait` before trying again after a failure, `failed` after each failure that is the service's
/// (never for a record's), `succeeded` after work it did.
package final class Service: Sendable {
    package let name: String
    /// The stage it belongs to; empty: the process.
    package let owner: String
    private let journal: Journal
    private let state: Mutex<State>

    private struct State {
        var breaker: CircuitBreaker
        var reason = ""
        var awaySinceMs: Int64 = 0
        var failures: Int64 = 0
        var openings: Int64 = 0
    }

    /// What it looks like at one moment.
    package struct Snapshot: Sendable {
        package var name: String
        package var owner: String
        package var state: CircuitBreaker.State
        /// The last failure's words, while the circuit isn't closed.
        package var reason: String
        /// Since the process started.
        package var failures: Int64
        package var openings: Int64
        package var isClosed: Bool { if case .closed = state { true } else { false } }
        package var stateName: String {
            switch state {
            case .closed: "closed"
            case .open: "open"
            case .halfOpen: "half_open"
            }
        }
    }

    package init(name: String, owner: String = "", plan: CircuitBreakerPlan, journal: Journal) {
        self.name = name
        self.owner = owner
        self.journal = journal
        state = Mutex(State(breaker: CircuitBreaker(plan)))
    }

    package func permit(nowMs: Int64) -> CircuitBreaker.Permit {
        idle(nowMs: nowMs)
        return state.withLock { $0.breaker.permit(nowMs: nowMs) }
    }

    package func failed(_ reason: String, nowMs: Int64) {
        let opened = state.withLock { state in
            if state.breaker.isClosed, state.breaker.failures == 0 { state.awaySinceMs = nowMs }
            state.failures += 1
            state.reason = reason
            guard state.breaker.failed(nowMs: nowMs) == .opened else { return false }
            state.openings += 1
            return true
        }
        if opened {
            let plan = state.withLock { $0.breaker.plan }
            journal.emit(
                CircuitOpened(owner: owner, service: name, reason: reason, failures: plan.failures, restMs: Int64(plan.openMs)))
        }
    }

    package func answered() { state.withLock { $0.breaker.answered() } }

    package func succeeded(nowMs: Int64) { settle(nowMs) { $0.succeeded() } }

    /// There is nothing to do for it.
    package func idle(nowMs: Int64) { settle(nowMs) { $0.idle(nowMs: nowMs) } }

    private func settle(_ nowMs: Int64, _ act: (inout CircuitBreaker) -> CircuitBreaker.Change) {
        let away: Int64? = state.withLock { state in
            guard act(&state.breaker) == .closed else { return nil }
            state.reason = ""
            return nowMs - state.awaySinceMs
        }
        if let away { journal.emit(CircuitClosed(owner: owner, service: name, awayMs: away)) }
    }

    /// Failures in a row.
    package var failures: Int { state.withLock { $0.breaker.failures } }
    package var isClosed: Bool { state.withLock { $0.breaker.isClosed } }

    package var snapshot: Snapshot {
        state.withLock { state in
            Snapshot(
                name: name, owner: owner, state: state.breaker.state, reason: state.breaker.isClosed ? "" : state.reason,
                failures: state.failures, openings: state.openings)
        }
    }
}

package struct CircuitOpened: Event {
    package static let name = "circuit.opened"
    package var owner: String
    package var service: String
    package var reason: String
    package var failures: Int
    package var restMs: Int64
    package var level: LoggingPlan.Level { .warning }
    package var message: String {
        let who = owner.isEmpty ? "" : " of stage \(owner)"
        return "\(service)\(who) counts as away after \(failures) failures in a row: what needs it is paused and keeps its "
            + "partitions, nothing is lost; tried again every \(restMs) ms. \(reason)"
    }
    package var fields: [(String, FieldValue)] {
        [
            ("stage", .string(owner)), ("service", .string(service)), ("failures", .int(Int64(failures))),
            ("retry_in_ms", .int(restMs)),
        ]
    }
}

package struct CircuitClosed: Event {
    package static let name = "circuit.closed"
    package var owner: String
    package var service: String
    package var awayMs: Int64
    package var level: LoggingPlan.Level { .info }
    package var message: String {
        "\(service)\(owner.isEmpty ? "" : " of stage \(owner)") works again after \(awayMs) ms; what was paused goes on"
    }
    package var fields: [(String, FieldValue)] {
        [("stage", .string(owner)), ("service", .string(service)), ("away_ms", .int(awayMs))]
    }
}
