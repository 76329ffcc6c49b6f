package import Log

/// The life of a member's transaction, as a pure state machine: no clock, no handles. The member performs the actions and
/// reports back; `TransactionMachineTests` has every row of the table.
///
/// ```
/// idle ── work ──▶ open ── due, revoking, drain ──▶ sendingOffsets ── done ──▶ committing ── done ──▶ idle
///                   └── lost, failed ──▶ aborting ── done ──▶ rewinding ── done ──▶ idle
/// any ── fenced, fatal ──▶ rebuilding ── done ──▶ idle          any ── configuration ──▶ stopped
/// ```
package struct TransactionMachine: Equatable {
    package enum State: Equatable {
        /// Nothing was done since the last commit.
        case idle
        /// A transaction holds outputs; `sinceMs` is when it began.
        case open(sinceMs: Int64)
        case sendingOffsets
        case committing
        case aborting
        /// Going back to the last committed offsets.
        case rewinding
        /// New clients are being made; they start from the last commit.
        case rebuilding
        case stopped
    }

    package enum Event: Equatable {
        /// Records are about to be written, or positions moved.
        case work(nowMs: Int64)
        /// Time passed.
        case tick(nowMs: Int64)
        /// Partitions will be another's once this is dealt with.
        case revoking
        /// Partitions may already be another's.
        case lost
        /// The member is asked to finish.
        case drain
        /// The action before succeeded.
        case done
        /// The action before, or sending, failed.
        case failed(LogError.Kind)
    }

    package enum Action: Equatable {
        case nothing
        case begin
        case sendOffsets
        case commit
        case abort
        /// Seek every assigned partition to its last committed offset.
        case rewind
        /// Close both clients, without touching the transaction any more, and make new ones.
        case rebuild
        /// Give up: somebody must change something first.
        case stop
    }

    package private(set) var state = State.idle
    /// A transaction older than this is committed at the next tick.
    package let commitIntervalMs: Int64

    package init(commitIntervalMs: Int64) {
        self.commitIntervalMs = commitIntervalMs
    }

    package var isOpen: Bool {
        if case .open = state { true } else { false }
    }

    /// Whether an action was put off, which the next tick asks for again. What was polled meanwhile must not be processed.
    package var isRecovering: Bool { state == .rewinding || state == .rebuilding }

    package mutating func on(_ event: Event) -> Action {
        switch (state, event) {
        case (.stopped, _):
            return .nothing

        case (_, .failed(.configuration)), (_, .failed(.offsetOutOfRange)):
            state = .stopped
            return .stop
        // Whoever fenced us has aborted our transaction or will; a client with a fatal error can do neither.
        case (_, .failed(.fenced)), (_, .failed(.fatal)):
            state = .rebuilding
            return .rebuild

        case (.idle, .work(let now)):
            state = .open(sinceMs: now)
            return .begin
        case (.idle, .failed):
            state = .rewinding
            return .rewind
        case (.idle, _):
            return .nothing

        case (.open(let since), .tick(let now)):
            guard now - since >= commitIntervalMs else { return .nothing }
            state = .sendingOffsets
            return .sendOffsets
        case (.open, .revoking), (.open, .drain):
            state = .sendingOffsets
            return .sendOffsets
        case (.open, .lost), (.open, .failed):
            state = .aborting
            return .abort
        case (.open, .work), (.open, .done):
            return .nothing

        case (.sendingOffsets, .done):
            state = .committing
            return .commit
        case (.sendingOffsets, .failed(.retriable)):
            return .sendOffsets
        case (.committing, .done):
            state = .idle
            return .nothing
        // Whether the broker has it is unknown; the producer's commit may be called again until it says.
        case (.committing, .failed(.retriable)):
            return .commit
        // Told while offsets are being sent again and again: those of partitions that go must be in, so all of it is undone.
        case (.sendingOffsets, .failed), (.committing, .failed), (.sendingOffsets, .lost), (.sendingOffsets, .revoking):
            state = .aborting
            return .abort

        case (.aborting, .done):
            state = .rewinding
            return .rewind
        case (.aborting, .failed(.retriable)):
            return .abort
        case (.aborting, .failed):
            state = .rebuilding
            return .rebuild
        case (.rewinding, .done), (.rebuilding, .done):
            state = .idle
            return .nothing
        case (.rewinding, .failed):
            state = .rebuilding
            return .rebuild
        case (.rebuilding, .failed):
            return .rebuild
        // Inside a rebalance neither may be done; the member puts them off and asks again once polling has returned.
        case (.rewinding, .tick):
            return .rewind
        case (.rebuilding, .tick):
            return .rebuild

        // Told while an action is under way: that action's outcome decides.
        case (.sendingOffsets, _), (.committing, _), (.aborting, _), (.rewinding, _), (.rebuilding, _):
            return .nothing
        }
    }
}
