internal import CRdkafka
internal import Log

/// Keeps librdkafka before 2.2.0 from pausing for a second. Its thread for a broker goes to sleep for so long when there is nothing
/// to fetch: because the queue of fetched records is full, or because partitions were just sought or resumed. Nobody wakes it
/// when the queue has been emptied or the partitions are ready; a request to its broker does. Newer versions wake it
/// themselves, and look at a full queue again after `fetch.queue.backoff.ms`.
///
/// How full the queue is can only be estimated, so a poll that finds nothing right after one that found much wakes the thread, too.
struct FetchWakeup: ~Copyable {
    /// What makes the queue full.
    private let bytesMax: Int
    private let recordsMax: Int
    private let isNeeded: Bool
    private var wasNearlyFull = false
    private static let burst = 1000
    /// How often a poll that finds nothing is to wake the threads yet.
    private var wakesLeft = 0

    init(_ properties: borrowing Properties, version: Int32 = rd_kafka_version()) {
        isNeeded = version < 0x0202_0000
        bytesMax = max(properties.get("queued.max.messages.kbytes").flatMap { Int($0) } ?? 65_536, 1) << 10
        recordsMax = max(properties.get("queued.min.messages").flatMap { Int($0) } ?? 100_000, 1)
    }

    /// Partitions were assigned, sought or resumed. librdkafka makes them ready after that on another thread, so one request might
    /// come too early.
    mutating func moved() {
        if isNeeded { wakesLeft = 3 }
    }

    /// How long to wait for records before the threads are woken: not long after a move.
    func waitMs(atMost timeoutMs: Int32) -> Int32 { wakesLeft > 0 ? min(timeoutMs, 5) : timeoutMs }

    /// Nothing came within `waitMs`. True: the threads should be woken.
    mutating func isDue() -> Bool {
        guard wakesLeft > 0 else { return false }
        wakesLeft -= 1
        return true
    }

    /// Called after a poll. True: the queue was nearly full and is no more, so the threads should be woken.
    /// - Parameters:
    ///   - waiting: records in the queue.
    ///   - bytes, records: what this poll brought; how large records are in the mean tells how many bytes wait.
    mutating func isDue(waiting: Int, bytes: Int, records: Int) -> Bool {
        guard isNeeded, records > 0 else { return false }
        if records >= Self.burst { wakesLeft = max(wakesLeft, 1) }
        // Large records fill it in few pieces, which one poll takes.
        wasNearlyFull = wasNearlyFull || share(waiting + records, bytes / records) > 0.5
        guard wasNearlyFull, share(waiting, bytes / records) < 0.25 else { return false }
        wasNearlyFull = false
        return true
    }

    /// How much of the queue so many records of so many bytes are.
    private func share(_ records: Int, _ bytes: Int) -> Double {
        max(Double(records) / Double(recordsMax), Double(records * bytes) / Double(bytesMax))
    }
}

extension Client {
    /// Wakes the threads of these partitions' brokers by a small request whose answer is of no interest.
    func wakeFetching(topic: String, _ partitions: [Int32]) {
        if partitions.isEmpty { return }
        let list = PartitionList(topic: topic, partitions.map { PartitionOffset(partition: $0, offset: -1) })
        // The answer may have to wait for a fetch that waits for records.
        _ = rd_kafka_offsets_for_times(handle, list.pointer, 1)
    }
}
