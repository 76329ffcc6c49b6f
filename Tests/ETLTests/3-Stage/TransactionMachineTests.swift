import Log
import Testing

@testable import ETL

/// A wrong row here loses or doubles records.
@Suite struct TransactionMachineTests {
    typealias Machine = TransactionMachine

    struct Row: CustomTestStringConvertible {
        var events: [Machine.Event]
        var actions: [Machine.Action]
        var state: Machine.State
        var testDescription: String { "\(events)" }
    }

    static let open: [Machine.Event] = [.work(nowMs: 1000)]
    static let sending: [Machine.Event] = open + [.tick(nowMs: 1100)]
    static let committing: [Machine.Event] = sending + [.done]
    static let aborting: [Machine.Event] = open + [.lost]
    static let rewinding: [Machine.Event] = aborting + [.done]
    static let rebuilding: [Machine.Event] = open + [.failed(.fatal)]

    /// Every event before the last must have been a legal way there; only the last action and state are looked at.
    static let rows: [(from: [Machine.Event], event: Machine.Event, action: Machine.Action, state: Machine.State)] = [
        ([], .work(nowMs: 1000), .begin, .open(sinceMs: 1000)),
        ([], .tick(nowMs: 9000), .nothing, .idle),
        ([], .revoking, .nothing, .idle),
        ([], .lost, .nothing, .idle),
        ([], .drain, .nothing, .idle),
        // A poll that fails between transactions: nothing to abort, but the position may be wrong.
        ([], .failed(.retriable), .rewind, .rewinding),
        ([], .failed(.abortable), .rewind, .rewinding),
        ([], .failed(.fenced), .rebuild, .rebuilding),
        ([], .failed(.fatal), .rebuild, .rebuilding),
        ([], .failed(.configuration), .stop, .stopped),
        ([], .failed(.offsetOutOfRange), .stop, .stopped),

        (open, .work(nowMs: 1050), .nothing, .open(sinceMs: 1000)),
        (open, .tick(nowMs: 1099), .nothing, .open(sinceMs: 1000)),
        (open, .tick(nowMs: 1100), .sendOffsets, .sendingOffsets),
        (open, .revoking, .sendOffsets, .sendingOffsets),
        (open, .drain, .sendOffsets, .sendingOffsets),
        (open, .lost, .abort, .aborting),
        (open, .failed(.retriable), .abort, .aborting),
        (open, .failed(.abortable), .abort, .aborting),
        (open, .failed(.fenced), .rebuild, .rebuilding),
        (open, .failed(.fatal), .rebuild, .rebuilding),
        (open, .failed(.configuration), .stop, .stopped),

        (sending, .done, .commit, .committing),
        (sending, .failed(.retriable), .sendOffsets, .sendingOffsets),
        (sending, .failed(.abortable), .abort, .aborting),
        (sending, .failed(.fenced), .rebuild, .rebuilding),
        (sending, .lost, .abort, .aborting),
        // Only between two tries: the partitions' records are in the transaction, their offsets may not be.
        (sending, .revoking, .abort, .aborting),

        (committing, .done, .nothing, .idle),
        // The outcome is unknown: only the producer may say what became of it.
        (committing, .failed(.retriable), .commit, .committing),
        (committing, .failed(.abortable), .abort, .aborting),
        (committing, .failed(.fenced), .rebuild, .rebuilding),
        (committing, .revoking, .nothing, .committing),
        (committing, .lost, .nothing, .committing),

        (aborting, .done, .rewind, .rewinding),
        (aborting, .failed(.retriable), .abort, .aborting),
        (aborting, .failed(.abortable), .rebuild, .rebuilding),
        (aborting, .failed(.fenced), .rebuild, .rebuilding),

        (rewinding, .done, .nothing, .idle),
        (rewinding, .tick(nowMs: 1), .rewind, .rewinding),
        (rewinding, .revoking, .nothing, .rewinding),
        (rewinding, .failed(.retriable), .rebuild, .rebuilding),

        (rebuilding, .done, .nothing, .idle),
        (rebuilding, .tick(nowMs: 1), .rebuild, .rebuilding),
        (rebuilding, .failed(.retriable), .rebuild, .rebuilding),
        (rebuilding, .failed(.configuration), .stop, .stopped),
        (rebuilding, .work(nowMs: 5), .nothing, .rebuilding),

        (open + [.failed(.configuration)], .work(nowMs: 1), .nothing, .stopped),
    ]

    @Test(arguments: rows.indices) func row(_ index: Int) {
        let row = Self.rows[index]
        var machine = Machine(commitIntervalMs: 100)
        for event in row.from { _ = machine.on(event) }
        let action = machine.on(row.event)
        #expect(action == row.action, "after \(row.from), \(row.event)")
        #expect(machine.state == row.state, "after \(row.from), \(row.event)")
    }

    @Test func anOrdinaryCycle() {
        var machine = Machine(commitIntervalMs: 100)
        let actions = [.work(nowMs: 0), .work(nowMs: 10), .tick(nowMs: 50), .tick(nowMs: 100), .done, .done, .work(nowMs: 120)].map { machine.on($0) }
        #expect(actions == [.begin, .nothing, .nothing, .sendOffsets, .commit, .nothing, .begin])
    }
}

@Suite struct PositionsTests {
    @Test func whatWasProcessedIsNotProcessedAgain() {
        var positions = Positions(partitions: 2)
        positions.assign(0, start: 10)
        let admitted = [(Int32(0), Int64(9)), (0, 10), (0, 11), (0, 11), (0, 20), (0, 15), (1, 0), (7, 0)].map { positions.admit($0.0, $0.1) }
        #expect(admitted == [false, true, true, false, true, false, false, false])
        #expect([positions.takeRepeats(), positions.takeRepeats()] == [5, 0])
        #expect(positions.uncommitted() == [PartitionOffset(partition: 0, offset: 21)])
    }

    @Test func rewindGoesToTheLastCommit() {
        var positions = Positions(partitions: 1)
        positions.assign(3, start: 5)
        _ = positions.admit(3, 5)
        positions.markCommitted([PartitionOffset(partition: 3, offset: 6)])
        _ = positions.admit(3, 6)
        _ = positions.admit(3, 7)
        #expect(positions.rewind() == [PartitionOffset(partition: 3, offset: 6)])
        let again = positions.admit(3, 6)
        #expect(again)
    }

    @Test func withoutACommitOnlyANewClientCanGoBack() {
        var positions = Positions()
        positions.assign(0, start: nil)
        #expect(positions.rewind() == [])
        _ = positions.admit(0, 0)
        let targets = positions.rewind()
        #expect(targets == nil)
    }

    @Test func endsMovePositionsOnlyForward() {
        var positions = Positions()
        positions.assign(0, start: 0)
        _ = positions.admit(0, 4)
        positions.reach(0, 3)
        #expect(positions.next(0) == 5)
        positions.reach(0, 6)
        #expect(positions.next(0) == 6)
        #expect(positions.uncommitted() == [PartitionOffset(partition: 0, offset: 6)])
    }
}

@Suite struct AcknowledgedOffsetsTests {
    /// Committing past an unacknowledged record loses it when the process dies.
    @Test func onlyWhatIsAcknowledgedWithoutAGap() {
        var offsets = AcknowledgedOffsets()
        func at(_ offset: Int64) -> [PartitionOffset] { [PartitionOffset(partition: 0, offset: offset)] }
        offsets.sent(offsets: at(10), calledSend: true)
        offsets.sent(offsets: at(20), calledSend: true)
        offsets.sent(offsets: at(25), calledSend: false)
        offsets.sent(offsets: at(30), calledSend: true)
        #expect(offsets.take(acknowledged: 0) == nil)
        #expect(offsets.take(acknowledged: 1) == at(10))
        #expect(offsets.take(acknowledged: 1) == nil)
        #expect(offsets.take(acknowledged: 2) == at(25))
        #expect(offsets.take(acknowledged: 3) == at(30))
        #expect(offsets.isEmpty)
    }

    @Test func aBatchThatSendsNothingIsCommittedAtOnce() {
        var offsets = AcknowledgedOffsets()
        offsets.sent(offsets: [PartitionOffset(partition: 0, offset: 7)], calledSend: false)
        #expect(offsets.take(acknowledged: 0) == [PartitionOffset(partition: 0, offset: 7)])
    }
}
