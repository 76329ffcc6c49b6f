/// How fast a member takes records: as many at once as costs little, without keeping the few waiting.
///
/// Where thousands come, a poll waits a moment for a fuller batch; taking each handful as it arrives costs a third more CPU in
/// wake-ups and small sends. Where records come one by one, they are taken once in each `intervalNs` at most. Each batch that is
/// sent is a request to the brokers for each of its partitions, so a stage that answers every record at once asks a thousand
/// times a second for five records each, and brokers that are busy with that let the records of the others wait. A record that
/// comes alone, after a rest, is taken at once.
struct PollPace {
    /// The last poll brought many records, so more will come at once.
    private var isBusy = false
    /// When the last poll came back that brought a few; nil: none did lately.
    private var littleAtNs: Int64?

    static let busyRecords = 500
    /// What a poll waits for more after its first record while many come.
    static let busyWaitMs: Int32 = 5
    /// From one poll that brings little to the next.
    static let intervalNs: Int64 = 1_750_000

    /// How long to wait for more after the first record.
    var fillMs: Int32 { isBusy ? Self.busyWaitMs : 0 }

    /// A poll comes back.
    mutating func brought(_ records: Int, nowNs: Int64) {
        isBusy = records >= Self.busyRecords
        littleAtNs = records > 0 && !isBusy ? nowNs : nil
    }

    /// How long the next poll rests before it looks for records.
    /// - Parameter timeoutMs: how long its caller would wait for records; where that is shorter than the rest, there is none.
    func restNs(nowNs: Int64, timeoutMs: Int32) -> Int64 {
        guard let littleAtNs, Int64(timeoutMs) * 1_000_000 >= Self.intervalNs else { return 0 }
        return min(max(littleAtNs + Self.intervalNs - nowNs, 0), Self.intervalNs)
    }
}
