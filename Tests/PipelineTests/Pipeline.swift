import Bytes
import Foundation
import Kafka
import Log
import Postgres
import Synchronization
import TestServices
import Testing

@testable import ETL

/// A topology of the test's own, with topics, groups, tables and files nobody else uses.
final class Pipeline {
    /// Unique, and the start of the names of its topics: NAME in the text of the topology.
    let name = "p_" + UUID().uuidString.prefix(8).lowercased()
    let folder: String
    let kafka: KafkaLog
    let bootstrap: String
    private var schemas: [String: Connection] = [:]

    /// - Parameter topology: YAML; NAME stands for `name`, BOOTSTRAP for the broker.
    init(_ topology: String, files: [String: String] = [:], bootstrap: String? = nil) throws {
        folder = "\(NSTemporaryDirectory())/etl-pipeline.\(name)"
        self.bootstrap = try bootstrap ?? KafkaBroker.shared().bootstrap
        kafka = try KafkaLog(bootstrapServers: self.bootstrap)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try write("t.yaml", topology)
        for (path, text) in files { try write(path, text) }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var file: String { "\(folder)/t.yaml" }

    func write(_ path: String, _ text: String) throws {
        let whole = "\(folder)/\(path)"
        try FileManager.default.createDirectory(
            atPath: (whole as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try text.replacingOccurrences(of: "NAME", with: name).replacingOccurrences(of: "BOOTSTRAP", with: bootstrap)
            .write(toFile: whole, atomically: true, encoding: .utf8)
    }

    /// The plan as a command sees it.
    func plan(_ variables: [String: String] = [:]) throws -> Plan {
        let loaded = loadTopologies(file: file, variables: variables) { $0.checkExpressions() }
        guard let plan = loaded.plans.first, !loaded.problems.hasErrors else {
            throw ServiceError(loaded.problemsAsText(color: false))
        }
        return plan
    }

    func createTopics(_ log: (any RecordLog)? = nil) throws {
        try plan(["postgres_url": "postgres://nobody"]).requireTopics(log ?? kafka, create: true)
    }

    /// Everything in this process, until the input is drained.
    func run(on log: any RecordLog, schema: String = "s", threads: Int? = nil) throws {
        let plan = try plan(["postgres_url": try url(schema)])
        try plan.requireTopics(log, create: true)
        if let memory = log as? MemoryLog { for topic in plan.topics { try memory.retain(topic: topic.name) } }
        let run = Run(
            plan: plan, log: log, journal: Journal(plan.logging), instance: "test", lookups: try LookupTables.load(plan.lookups),
            extractors: plan.extractors, stages: plan.stages, threads: threads)
        try run.execute(follow: false) { _ in }
    }

    // MARK: Commands

    func etl(_ words: String..., url: String? = nil) throws -> CommandProcess { try start(.etl, words, url) }

    func etl(_ words: [String], inputFile: String = "/dev/null") throws -> CommandProcess {
        try start(.etl, words, nil, inputFile)
    }

    /// `etl-stage --topology=… --stage=…` and what follows.
    func stage(_ name: String, _ words: String..., url: String? = nil) throws -> CommandProcess {
        try start(.stage, ["--topology=\(file)", "--stage=\(name)"] + words, url)
    }

    private func start(
        _ program: CommandProcess.Program, _ words: [String], _ url: String?, _ inputFile: String = "/dev/null"
    ) throws -> CommandProcess {
        try CommandProcess(program, words, environment: ["postgres_url": try url ?? self.url()], inputFile: inputFile)
    }

    // MARK: Postgres

    /// The database, with a schema of the pipeline's own.
    func url(_ schema: String = "s") throws -> String {
        _ = try database(schema)
        return try PostgresServer.shared.get().url() + "?options=-csearch_path%3D\(name)_\(schema)"
    }

    private func database(_ schema: String = "s") throws -> Connection {
        if let connection = schemas[schema] { return connection }
        let url = try PostgresServer.shared.get().url() + "?options=-csearch_path%3D\(name)_\(schema)"
        let connection = try Connection(url: url, applicationName: "etl test")
        try connection.execute("CREATE SCHEMA \(name)_\(schema)")
        schemas[schema] = connection
        return connection
    }

    /// Runs SQL; gives the last statement's rows as psql would print them.
    @discardableResult
    func sql(_ text: String, schema: String = "s") throws -> [[String?]] { try database(schema).execute(text).last?.rows ?? [] }

    func asSuperuser(_ text: String) throws {
        _ = try Connection(url: PostgresServer.shared.get().superuserURL(), applicationName: "etl test").execute(text)
    }

    func count(_ table: String, schema: String = "s") throws -> Int {
        try sql("SELECT count(*) FROM \(table)", schema: schema).first?.first?.flatMap { $0 }.flatMap(Int.init) ?? -1
    }

    // MARK: Records

    func send(_ records: [TestRecord], to topic: String, on log: (any RecordLog)? = nil) throws {
        let producer = try (log ?? kafka).makeProducer(ProducerOptions(topics: ["\(name).\(topic)"], transactionalId: nil))
        defer { producer.close() }
        var batch = OutputBatch()
        for record in records {
            func bytes(_ bytes: [UInt8]?) -> UnsafeRawBufferPointer {
                guard let bytes else { return UnsafeRawBufferPointer(start: nil, count: 0) }
                // Empty is not null: it needs an address too.
                guard !bytes.isEmpty else { return UnsafeRawBufferPointer(start: batch.arena.allocate(1), count: 0) }
                return bytes.withUnsafeBytes { batch.arena.copy($0) }
            }
            let headers = record.headers.map { LogHeader(name: bytes(Array($0.name.utf8)), value: bytes($0.value)) }
            let memory = batch.arena.allocate(max(headers.count, 1) * MemoryLayout<LogHeader>.stride)
                .bindMemory(to: LogHeader.self, capacity: max(headers.count, 1))
            for (index, header) in headers.enumerated() { memory[index] = header }
            batch.append(
                OutputRecord(
                    key: bytes(record.key), value: bytes(record.value),
                    headers: UnsafeBufferPointer(start: memory, count: headers.count), topic: 0, partition: record.partition))
        }
        try producer.send(batch)
        try producer.flush(timeoutMs: 30_000)
    }

    /// Every committed record of a topic, by partition and offset. On Kafka once all that was written is: a broker tells the writer
    /// of its commit a moment before it can be read.
    func read(_ topic: String, on log: (any RecordLog)? = nil) throws -> [TestRecord] {
        let name = "\(name).\(topic)"
        if log == nil {
            try wait("what was written to \(name) can be read") {
                let readable = try kafka.offsets(topic: name).map(\.end)
                return try zip(kafka.writtenOffsets(topic: name).map(\.end), readable).allSatisfy { $0 <= $1 }
            }
        }
        return try readWhole(name, on: log ?? kafka)
    }

    /// Waits until something holds; says what was waited for when it never does.
    func wait(_ what: @autoclosure () -> String, seconds: Double = 40, until holds: () throws -> Bool) throws {
        let deadline = Date().addingTimeInterval(seconds)
        while try !holds() {
            if Date() > deadline { throw ServiceError("waited \(seconds) s in vain: \(what())") }
            // A pause between two looks at the condition.
            usleep(10_000)
        }
    }

    /// Records and markers in a topic: cheap, for waiting.
    func end(_ topic: String) throws -> Int64 { try kafka.offsets(topic: "\(name).\(topic)").reduce(0) { $0 + $1.end } }
}

/// All partitions at once, since a reader waits a while for each.
func readWhole(_ topic: String, on log: any RecordLog) throws -> [TestRecord] {
    let found = Found()
    let threads = try log.offsets(topic: topic).filter { $0.end > $0.first }.map { range in
        try ETL.Thread(name: "read") {
            let result = Result { () throws(LogError) in try readPartition(range, of: topic, on: log) }
            found.partitions.withLock { $0[range.partition] = result }
        }
    }
    for thread in threads { thread.join() }
    return try found.partitions.withLock { $0 }.sorted { $0.key < $1.key }.flatMap { try $0.value.get() }
}

private final class Found: Sendable {
    let partitions = Mutex<[Int32: Result<[TestRecord], LogError>]>([:])
}

private func readPartition(_ range: PartitionRange, of topic: String, on log: any RecordLog) throws(LogError) -> [TestRecord] {
    let reader = try log.makeReader(topic: topic)
    defer { reader.close() }
    var records: [TestRecord] = []
    try reader.read(partition: range.partition, from: range.first, to: range.end) { record in
        records.append(TestRecord(record))
        return true
    }
    return records
}

/// A record copied out of its batch, or to be written; nil is null.
struct TestRecord: Equatable, Sendable {
    struct Header: Equatable, Sendable {
        var name: String
        var value: [UInt8]?
    }
    var key: [UInt8]?
    var value: [UInt8]?
    var headers: [Header] = []
    var partition: Int32 = 0
    var offset: Int64 = -1

    init(_ key: String?, _ value: [UInt8]?, headers: [Header] = [], partition: Int32 = 0) {
        self.key = key.map { Array($0.utf8) }
        self.value = value
        self.headers = headers
        self.partition = partition
    }

    init(_ key: String?, _ value: String?, headers: [Header] = [], partition: Int32 = 0) {
        self.init(key, value.map { Array($0.utf8) }, headers: headers, partition: partition)
    }

    init(_ record: LogRecord) {
        func copy(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? { bytes.baseAddress == nil ? nil : Array(bytes) }
        key = copy(record.key)
        value = copy(record.value)
        headers = record.headers.map { Header(name: String(decoding: $0.name, as: UTF8.self), value: copy($0.value)) }
        partition = record.partition
        offset = record.offset
    }

    var keyText: String? { key.map { String(decoding: $0, as: UTF8.self) } }
    var valueText: String? { value.map { String(decoding: $0, as: UTF8.self) } }

    /// The values of a header `etl.dlq.…`; each should be there once.
    func letter(_ name: String) -> [String] {
        headers.filter { $0.name == "etl.dlq.\(name)" }.map { String(decoding: $0.value ?? [], as: UTF8.self) }
    }

    /// Without what a dead letter adds.
    var ownHeaders: [Header] { headers.filter { !$0.name.hasPrefix("etl.dlq.") } }
}
