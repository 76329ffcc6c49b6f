import Bytes
import ETL
import Log

/// A producer as one process sees it.
///
/// With transactions, an end whose answer was lost is remembered: asked again, the client learns what the broker did. Without,
/// records are on their way for a while after `send`, and what a crash cuts off never arrives.
final class ProcessProducer: LogProducer {
    private let world: World
    private let process: Process
    private let inner: any LogProducer
    private let options: ProducerOptions
    /// Sticks: the client is unusable.
    private var broken: LogError?
    /// The end of the transaction that was done, though the process was told of an error.
    private var unknown: LogAction?
    private var offsets: (group: String, offsets: [PartitionOffset])?
    private var onTheirWay: [OutgoingBatch] = []
    private var sends: Int64 = 0
    private var delivered: Int64 = 0

    init(_ world: World, _ process: Process, _ inner: any LogProducer, _ options: ProducerOptions) {
        self.world = world
        self.process = process
        self.inner = inner
        self.options = options
        if options.transactionalId == nil { process.onCrash.append { [weak self] in self?.crash() } }
    }

    var partitionCounts: [Int32] { inner.partitionCounts }
    var shouldCommit: Bool { inner.shouldCommit }

    func begin() throws(LogError) {
        try enter(.begin)
        offsets = nil
        unknown = nil
        try act(.begin) { () throws(LogError) in try inner.begin() }
    }

    func send(_ batch: borrowing OutputBatch) throws(LogError) {
        try enter(.send, world.describe(batch))
        if let error = world.refused(batch, of: process, options.topics) { throw error }
        if process.kind == .extractor {
            var marked = OutputBatch(capacity: 16)
            OutgoingBatch(batch, own: world.ownHeaders(options.topics)).fill(&marked)
            do { try inner.send(marked) } catch { throw noted(error) }
            return try after(.send)
        }
        if options.transactionalId == nil {
            sends += 1
            onTheirWay.append(OutgoingBatch(batch))
            return
        }
        do { try inner.send(batch) } catch { throw noted(error) }
        try after(.send)
    }

    func sendOffsets(_ offsets: [PartitionOffset], of consumer: any LogConsumer) throws(LogError) {
        try enter(.sendOffsets, offsets.text)
        guard let consumer = consumer as? ProcessConsumer else {
            throw LogError(.configuration, code: "sim.foreign_consumer", "the consumer is of another log")
        }
        try act(.sendOffsets) { () throws(LogError) in try inner.sendOffsets(offsets, of: consumer.inner) }
        let earlier = self.offsets?.offsets.filter { old in !offsets.contains { $0.partition == old.partition } } ?? []
        self.offsets = (consumer.group, earlier + offsets)
        try after(.sendOffsets)
    }

    func sendOffsets(_ offsets: [PartitionOffset], group: String, topic: String) throws(LogError) {
        try enter(.sendOffsets, offsets.text)
        try act(.sendOffsets) { () throws(LogError) in try inner.sendOffsets(offsets, group: group, topic: topic) }
        let earlier = self.offsets?.offsets.filter { old in !offsets.contains { $0.partition == old.partition } } ?? []
        self.offsets = (group, earlier + offsets)
        try after(.sendOffsets)
    }

    func commit() throws(LogError) {
        do { try tryCommit() } catch {
            if let offsets { world.ledger.unanswered.append((process.name, offsets.group, offsets.offsets)) }
            throw error
        }
    }

    private func tryCommit() throws(LogError) {
        let wasAlive = process.isAlive
        do { try enter(.commit) } catch {
            // What was sent before the crash may still arrive.
            if wasAlive, error == .crashed, world.scheduler.random.chance(world.weather.late) {
                world.scheduler.after(ms: world.scheduler.random.within(1...2500)) { [self] in
                    do {
                        try finish()
                        world.note(process.name, "its commit arrives late")
                    } catch {}
                }
            }
            throw error
        }
        if unknown == .commit {
            unknown = nil
            return
        }
        do { try finish() } catch { throw noted(error) }
        try after(.commit)
    }

    private func finish() throws(LogError) {
        try inner.commit()
        if let offsets { world.committed(offsets.offsets, offsets.group, by: process) }
        world.changed()
    }

    func abort() throws(LogError) {
        try enter(.abort)
        if unknown == .abort {
            unknown = nil
            return
        }
        if unknown == .commit {
            throw noted(LogError(.fatal, code: "log.transaction_state", "a commit is under way: it can only be asked for again"))
        }
        try act(.abort) { () throws(LogError) in try inner.abort() }
        world.changed()
        try after(.abort)
    }

    func acknowledged() throws(LogError) -> Int64 {
        try enter(.acknowledged)
        try deliver(world.scheduler.random.below(onTheirWay.count + 1))
        return delivered
    }

    func flush(timeoutMs: Int32) throws(LogError) {
        try enter(.flush)
        try deliver(onTheirWay.count)
    }

    func close() {
        guard world.cross(process) else { return }
        world.note(process.name, "closes its producer")
        // A client that is beyond use leaves its transaction to the broker.
        if broken == nil { inner.close() }
        onTheirWay.removeAll()
        world.changed()
    }

    /// The process crashed: some of what was on its way arrives.
    private func crash() {
        guard !onTheirWay.isEmpty else { return }
        try? deliver(world.scheduler.random.below(onTheirWay.count + 1))
    }

    private func deliver(_ count: Int) throws(LogError) {
        guard count > 0 else { return }
        for _ in 0..<count {
            var batch = OutputBatch(capacity: 16)
            onTheirWay[0].fill(&batch)
            try inner.send(batch)
            onTheirWay.removeFirst()
            delivered += 1
        }
        world.changed()
    }

    private func enter(_ action: LogAction, _ detail: @autoclosure () -> String = "") throws(LogError) {
        do {
            try world.enter(process, action, detail())
        } catch {
            // Whoever fences a producer has ended its transaction.
            if error.kind == .fenced, options.transactionalId != nil {
                (try? world.log.makeProducer(options))?.close()
                world.changed()
            }
            throw noted(error)
        }
        if let broken { throw broken }
    }

    private func act(_ action: LogAction, _ body: () throws(LogError) -> Void) throws(LogError) {
        do { try body() } catch { throw noted(error) }
    }

    private func after(_ action: LogAction) throws(LogError) {
        do { try world.leave(process, action) } catch {
            if error.kind == .retriable, action == .commit || action == .abort { unknown = action }
            throw noted(error)
        }
    }

    private func noted(_ error: LogError) -> LogError {
        if error.kind == .fenced || error.kind == .fatal { broken = broken ?? error }
        return error
    }
}

/// A batch's records, copied: on their way to the broker.
private struct OutgoingBatch {
    private struct Record {
        var key: [UInt8]?
        var value: [UInt8]?
        var headers: [Header]
        var topic: Int32
        var partition: Int32
    }
    private var records: [Record] = []

    init(_ batch: borrowing OutputBatch, own: (OutputRecord) -> [Header] = { _ in [] }) {
        for record in batch.records {
            records.append(
                Record(
                    key: record.key.baseAddress == nil ? nil : Array(record.key),
                    value: record.value.baseAddress == nil ? nil : Array(record.value),
                    headers: record.headers.map(Header.init) + own(record), topic: record.topic,
                    partition: record.partition))
        }
    }

    func fill(_ batch: inout OutputBatch) {
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        func copy(_ bytes: [UInt8]?) -> UnsafeRawBufferPointer {
            bytes.map { bytes in bytes.withUnsafeBytes { batch.arena.copy($0) } } ?? none
        }
        for record in records {
            let room = batch.arena.allocate(record.headers.count * MemoryLayout<LogHeader>.stride)
            let headers = room.bindMemory(to: LogHeader.self, capacity: record.headers.count)
            for (index, header) in record.headers.enumerated() {
                headers[index] = LogHeader(name: copy(header.name), value: copy(header.value))
            }
            batch.append(
                OutputRecord(
                    key: copy(record.key), value: copy(record.value),
                    headers: UnsafeBufferPointer(start: headers, count: record.headers.count), topic: record.topic,
                    partition: record.partition))
        }
    }
}

extension World {
    /// The numbers of a batch's records, for the trace.
    func describe(_ batch: borrowing OutputBatch) -> String {
        guard isTraced else { return "" }
        return "\(batch.records.map { "\($0.topic):\($0.partition) \(firstNumber($0.value) ?? -1)" })"
    }

    func committed(_ offsets: [PartitionOffset], _ group: String, by process: Process) {
        note(group, "stands at \(offsets.text)")
        if let what = ledger.committed(offsets, group, postgres, by: process.name) { fail(what) }
        changed()
    }

    /// Some records are too large for the topic they are replayed to.
    func refused(_ batch: borrowing OutputBatch, of process: Process, _ topics: [String]) -> LogError? {
        guard process.kind == .replay, weather.replay?.refusesLarge == true else { return nil }
        for record in batch.records where [ledger.topics.raw, ledger.topics.out].contains(topics[Int(record.topic)]) {
            guard let number = firstNumber(record.value), data.row(number)?.isTooLarge == true else { continue }
            note(process.name, "send: record \(number) is too large")
            return LogError(.configuration, code: "log.record_too_large", "the record is too large")
        }
        return nil
    }

    /// Extractors write no headers, others that write to a pipeline do: so each record of `raw` gets some of its own.
    func ownHeaders(_ topics: [String]) -> (OutputRecord) -> [Header] {
        { [ledger] record in
            topics[Int(record.topic)] == ledger.topics.raw ? DataSet.ownHeaders(firstNumber(record.value) ?? -1) : []
        }
    }
}
