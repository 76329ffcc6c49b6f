/// Whether a service may be tried now, as a pure state machine: time is an argument, the table is in `CircuitBreakerTests`.
///
/// ```
/// closed ── failures in a row ──▶ open ── open_ms ──▶ halfOpen ── success ──▶ closed
///                                  ▲────────── failure ──────────┘
/// ```
/// See Michael Nygard, "Release It!" (2007), and Martin Fowler, "CircuitBreaker" (2014).
package struct CircuitBreaker: Equatable, Sendable {
    package enum State: Equatable, Sendable {
        /// It works, as far as known; `failures` in a row since it last did.
        case closed(failures: Int)
        /// It is left alone until then.
        case open(untilMs: Int64)
        /// One caller tries it, the others wait until then. `answered`: it has answered a question, but done no work yet.
        case halfOpen(untilMs: Int64, answered: Bool)
    }

    /// What a caller may do that wants to try the service.
    package enum Permit: Equatable, Sendable {
        case go
        /// Go: the outcome decides for everybody.
        case probe
        case wait(ms: Int64)
    }

    package enum Change: Equatable, Sendable { case none, opened, closed }

    package private(set) var state = State.closed(failures: 0)
    package let plan: CircuitBreakerPlan

    package init(_ plan: CircuitBreakerPlan) {
        self.plan = plan
    }

    package mutating func permit(nowMs: Int64) -> Permit {
        switch state {
        case .closed: return .go
        case .open(let until) where nowMs < until, .halfOpen(let until, _) where nowMs < until: return .wait(ms: until - nowMs)
        // It answered, and nobody had work for it since.
        case .halfOpen(_, true):
            state = .closed(failures: 0)
            return .go
        // The one who tried is gone without a word, or this is the first.
        case .open, .halfOpen(_, false):
            state = .halfOpen(untilMs: nowMs + Int64(plan.openMs), answered: false)
            return .probe
        }
    }

    /// It was asked something and answered. That alone doesn't close the circuit: a full disk answers too.
    package mutating func answered() {
        if case .halfOpen(let until, false) = state { state = .halfOpen(untilMs: until, answered: true) }
    }

    /// It did what it is there for.
    package mutating func succeeded() -> Change {
        defer { state = .closed(failures: 0) }
        if case .closed = state { return .none }
        return .closed
    }

    package mutating func failed(nowMs: Int64) -> Change {
        switch state {
        case .closed(let failures):
            guard failures + 1 >= plan.failures else {
                state = .closed(failures: failures + 1)
                return .none
            }
            state = .open(untilMs: nowMs + Int64(plan.openMs))
            return .opened
        case .halfOpen:
            state = .open(untilMs: nowMs + Int64(plan.openMs))
            return .none
        // Begun before it opened.
        case .open:
            return .none
        }
    }

    /// Time alone may close it: it answered a probe, and for a whole rest there was nothing to do for it.
    package mutating func idle(nowMs: Int64) -> Change {
        guard case .halfOpen(let until, true) = state, nowMs >= until else { return .none }
        state = .closed(failures: 0)
        return .closed
    }

    /// Failures in a row while it is closed.
    package var failures: Int { if case .closed(let failures) = state { failures } else { plan.failures } }
    package var isClosed: Bool { if case .closed = state { true } else { false } }
}
