import ETL
import Log

/// The log as one process sees it: the log in memory, behind a network and a client that fail as the weather says.
final class ProcessLog: RecordLog, @unchecked Sendable {
    private let world: World
    private let process: Process
    private var log: MemoryLog { world.log }

    init(_ world: World, _ process: Process) {
        self.world = world
        self.process = process
    }

    func makeConsumer(_ options: ConsumerOptions) throws(LogError) -> any LogConsumer {
        try world.enter(process, .makeConsumer)
        let listener = ProcessListener(process, options.listener)
        var inner = options
        inner.listener = listener
        let consumer = ProcessConsumer(world, process, try log.makeConsumer(inner), listener, group: options.group)
        listener.consumer = consumer
        process.consumers.append(consumer)
        return consumer
    }

    func makeProducer(_ options: ProducerOptions) throws(LogError) -> any LogProducer {
        try world.enter(process, .makeProducer, options.transactionalId ?? "")
        var inner = options
        inner.transactionTimeoutMs = 3000
        let made = try log.makeProducer(inner)
        // An earlier one's open transaction has ended.
        world.changed()
        return ProcessProducer(world, process, made, options)
    }

    func makeReader(topic: String) throws(LogError) -> any LogReader {
        try world.enter(process, .makeReader, topic)
        return ProcessReader(world, process, try log.makeReader(topic: topic), topic)
    }

    func describe(topics: [String]) throws(LogError) -> [TopicDescription?] {
        try world.enter(process, .describe)
        return try log.describe(topics: topics)
    }

    func create(topics: [NewTopic]) throws(LogError) -> [TopicCreation] { try log.create(topics: topics) }

    func offsets(topic: String) throws(LogError) -> [PartitionRange] {
        try world.enter(process, .offsets, topic)
        return try log.offsets(topic: topic)
    }

    func writtenOffsets(topic: String) throws(LogError) -> [PartitionRange] {
        try world.enter(process, .offsets, topic)
        return try log.writtenOffsets(topic: topic)
    }

    func committedOffsets(group: String, topic: String) throws(LogError) -> [Int64?] {
        try world.enter(process, .groupOffsets)
        let offsets = try log.committedOffsets(group: group, topic: topic)
        if !process.isAlive { throw .crashed }
        return offsets
    }
}

final class ProcessReader: LogReader {
    private let world: World
    private let process: Process
    private let inner: any LogReader
    let topic: String

    init(_ world: World, _ process: Process, _ inner: any LogReader, _ topic: String) {
        self.world = world
        self.process = process
        self.inner = inner
        self.topic = topic
    }

    func read(partition: Int32, from: Int64, to: Int64, _ body: (LogRecord) -> Bool) throws(LogError) -> Int64 {
        try world.enter(process, .read, "\(topic) \(partition)@\(from)–\(to)")
        var shown = to
        if from < to, world.scheduler.random.chance(world.weather.lagging) {
            shown = from + Int64(world.scheduler.random.below(Int(to - from)))
            world.note(process.name, "the leader shows no more than up to \(shown)")
        }
        return try inner.read(partition: partition, from: from, to: shown, body)
    }

    func close() { inner.close() }
}

/// Passes assignments on to the member, as long as its process lives.
final class ProcessListener: AssignmentListener {
    private let process: Process
    private var member: (any AssignmentListener)?
    weak var consumer: ProcessConsumer?

    init(_ process: Process, _ member: any AssignmentListener) {
        self.process = process
        self.member = member
    }

    func assigned(_ partitions: [Int32], consumer inner: any LogConsumer) throws(LogError) -> [StartPosition] {
        guard process.isAlive, let consumer, let member else { throw .crashed }
        process.world.note(process.name, "is assigned \(partitions)")
        let starts = try member.assigned(partitions, consumer: consumer)
        guard process.isAlive else { throw .crashed }
        process.world.note(process.name, "starts \(partitions) at \(starts)")
        return starts
    }

    func revoking(_ partitions: [Int32], consumer inner: any LogConsumer) {
        guard process.isAlive, let consumer else { return }
        process.world.note(process.name, "is revoked \(partitions)")
        member?.revoking(partitions, consumer: consumer)
        process.world.scheduler.changed()
    }

    func lost(_ partitions: [Int32], consumer inner: any LogConsumer) {
        guard process.isAlive, let consumer else { return }
        process.world.note(process.name, "has lost \(partitions)")
        member?.lost(partitions, consumer: consumer)
    }

    func forget() { member = nil }
}

final class ProcessConsumer: LogConsumer {
    private let world: World
    private let process: Process
    let inner: any LogConsumer
    private let listener: ProcessListener
    let group: String
    private var isClosed = false

    init(_ world: World, _ process: Process, _ inner: any LogConsumer, _ listener: ProcessListener, group: String) {
        self.world = world
        self.process = process
        self.inner = inner
        self.listener = listener
        self.group = group
    }

    func poll(timeoutMs: Int32, maxRecords: Int) throws(LogError) -> LogBatch {
        try world.enter(process, .poll)
        let batch = try inner.poll(timeoutMs: timeoutMs, maxRecords: min(maxRecords, world.weather.pollRecords))
        guard process.isAlive else { throw .crashed }
        if !batch.records.isEmpty || !batch.ends.isEmpty {
            world.note(
                process.name,
                "got \(batch.records.map { "\($0.partition)@\($0.offset)" }), ends \(batch.ends.map { "\($0.partition)@\($0.offset)" })"
            )
        }
        return batch
    }

    func seek(_ positions: [PartitionOffset]) throws(LogError) {
        guard process.isAlive else { throw .crashed }
        world.note(process.name, "seek \(positions.text)")
        try inner.seek(positions)
    }

    func commit(_ offsets: [PartitionOffset], wait: Bool) throws(LogError) {
        try world.enter(process, .commitOffsets, offsets.text)
        // Nobody waits for the answer, so nobody learns that it was an error.
        if !wait, world.scheduler.random.chance(world.weather.unknownOutcome) { return }
        try inner.commit(offsets, wait: wait)
        world.committed(offsets, group, by: process)
        if wait { try world.leave(process, .commitOffsets) }
    }

    func committed(_ partitions: [Int32]) throws(LogError) -> [Int64?] {
        try world.enter(process, .committed, "\(partitions)")
        let offsets = try inner.committed(partitions)
        guard process.isAlive else { throw .crashed }
        return offsets
    }

    func pause(_ partitions: [Int32]) throws(LogError) {
        guard process.isAlive else { throw .crashed }
        try inner.pause(partitions)
    }

    func resume(_ partitions: [Int32]) throws(LogError) {
        guard process.isAlive else { throw .crashed }
        try inner.resume(partitions)
    }

    func close() {
        guard !isClosed, world.cross(process) else { return }
        world.note(process.name, "closes its consumer")
        isClosed = true
        inner.close()
        world.scheduler.changed()
    }

    /// After the seed: lets go of the member.
    func tearDown() {
        listener.forget()
        inner.close()
    }
}

extension [PartitionOffset] {
    var text: String { "\(map { "\($0.partition)@\($0.offset)" })" }
}
