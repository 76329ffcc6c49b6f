import Synchronization
import Testing

@testable import ETL

/// A wrong row here hammers a service that is down, or leaves a stage waiting for one that is back.
@Suite struct CircuitBreakerTests {
    enum Act: Sendable {
        case failed(Int64), succeeded, answered, idle(Int64), permit(Int64)
    }
    enum Outcome: Equatable, Sendable {
        case nothing, change(CircuitBreaker.Change), permit(CircuitBreaker.Permit)
    }
    typealias State = CircuitBreaker.State

    static func act(_ breaker: inout CircuitBreaker, _ act: Act) -> Outcome {
        switch act {
        case .failed(let now): return .change(breaker.failed(nowMs: now))
        case .succeeded: return .change(breaker.succeeded())
        case .idle(let now): return .change(breaker.idle(nowMs: now))
        case .permit(let now): return .permit(breaker.permit(nowMs: now))
        case .answered:
            breaker.answered()
            return .nothing
        }
    }

    /// Three failures open it, for 100 ms.
    static let opened: [Act] = [.failed(0), .failed(1), .failed(1000)]
    static let probing: [Act] = opened + [.permit(1100)]
    static let answered: [Act] = probing + [.answered]

    static let rows: [(from: [Act], act: Act, outcome: Outcome, state: State)] = [
        ([], .permit(0), .permit(.go), .closed(failures: 0)),
        ([], .succeeded, .change(.none), .closed(failures: 0)),
        ([], .answered, .nothing, .closed(failures: 0)),
        ([], .idle(5), .change(.none), .closed(failures: 0)),
        ([], .failed(5), .change(.none), .closed(failures: 1)),
        ([.failed(1)], .failed(2), .change(.none), .closed(failures: 2)),
        ([.failed(1)], .permit(2), .permit(.go), .closed(failures: 1)),
        // In a row: a success in between starts the count anew.
        ([.failed(1), .failed(2)], .succeeded, .change(.none), .closed(failures: 0)),
        ([.failed(1), .failed(2), .succeeded], .failed(3), .change(.none), .closed(failures: 1)),
        // An answer is no success.
        ([.failed(1), .failed(2), .answered], .failed(3), .change(.opened), .open(untilMs: 103)),

        ([.failed(0), .failed(1)], .failed(1000), .change(.opened), .open(untilMs: 1100)),
        (opened, .permit(1000), .permit(.wait(ms: 100)), .open(untilMs: 1100)),
        (opened, .permit(1099), .permit(.wait(ms: 1)), .open(untilMs: 1100)),
        (opened, .permit(1100), .permit(.probe), .halfOpen(untilMs: 1200, answered: false)),
        // What was begun before it opened fails late: the rest isn't drawn out.
        (opened, .failed(1050), .change(.none), .open(untilMs: 1100)),
        // Or succeeds late: then it works.
        (opened, .succeeded, .change(.closed), .closed(failures: 0)),
        (opened, .answered, .nothing, .open(untilMs: 1100)),
        (opened, .idle(5000), .change(.none), .open(untilMs: 1100)),

        // One tries, the others wait.
        (probing, .permit(1101), .permit(.wait(ms: 99)), .halfOpen(untilMs: 1200, answered: false)),
        (probing, .failed(1150), .change(.none), .open(untilMs: 1250)),
        (probing, .succeeded, .change(.closed), .closed(failures: 0)),
        (probing, .answered, .nothing, .halfOpen(untilMs: 1200, answered: true)),
        // The one who tried is gone without a word.
        (probing, .permit(1200), .permit(.probe), .halfOpen(untilMs: 1300, answered: false)),
        (probing, .idle(5000), .change(.none), .halfOpen(untilMs: 1200, answered: false)),

        (answered, .idle(1199), .change(.none), .halfOpen(untilMs: 1200, answered: true)),
        (answered, .idle(1200), .change(.closed), .closed(failures: 0)),
        (answered, .permit(1150), .permit(.wait(ms: 50)), .halfOpen(untilMs: 1200, answered: true)),
        (answered, .permit(1200), .permit(.go), .closed(failures: 0)),
        (answered, .failed(1150), .change(.none), .open(untilMs: 1250)),
        (answered, .succeeded, .change(.closed), .closed(failures: 0)),
    ]

    @Test(arguments: rows.indices) func row(_ index: Int) {
        let row = Self.rows[index]
        var breaker = CircuitBreaker(CircuitBreakerPlan(failures: 3, openMs: 100))
        for act in row.from { _ = Self.act(&breaker, act) }
        #expect(Self.act(&breaker, row.act) == row.outcome, "after \(row.from), \(row.act)")
        #expect(breaker.state == row.state, "after \(row.from), \(row.act)")
    }

    /// What is shown: since when, why, how often.
    @Test func aServiceTellsItsStory() {
        let service = Service(
            name: "postgres", owner: "load", plan: CircuitBreakerPlan(failures: 2, openMs: 100),
            journal: Journal(LoggingPlan(level: .error, format: .text)))
        service.failed("no route", nowMs: 0)
        #expect(service.snapshot.reason == "" && service.snapshot.stateName == "closed" && service.failures == 1)
        service.failed("still no route", nowMs: 10)
        #expect(service.snapshot.reason == "still no route" && service.snapshot.stateName == "open" && !service.isClosed)
        #expect(service.permit(nowMs: 110) == .probe)
        #expect(service.snapshot.stateName == "half_open")
        service.succeeded(nowMs: 120)
        let end = service.snapshot
        #expect(end.stateName == "closed" && end.reason == "" && end.failures == 2 && end.openings == 1)
    }
}
