import Bytes
import Foundation
import Kafka
import Log
import Postgres
import TestServices
import Testing

@testable import ETL

/// A folder of the test's own with a topology in it, gone with the test.
final class Topology {
    let folder: String
    let name: String
    var file: String { folder + "/topology.yaml" }
    private(set) var variables: [String: String]

    /// - Parameters:
    ///   - yaml: the topology; `NAME` stands for a name nobody else uses, `KAFKA` for the shared broker.
    ///   - files: more files of the folder, by name.
    init(_ yaml: String, variables: [String: String] = [:], files: [String: String] = [:]) throws {
        name = "p" + UUID().uuidString.prefix(8).lowercased()
        folder = NSTemporaryDirectory() + "/etl-pipeline-\(name)"
        self.variables = variables
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (path, text) in files { try write(path, text) }
        try write(yaml)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func write(_ path: String, _ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + path)) }

    /// Another topology in place of the first.
    func write(_ yaml: String) throws {
        let bootstrap = yaml.contains("KAFKA") ? try KafkaBroker.shared().bootstrap : ""
        try write(
            "topology.yaml", yaml.replacingOccurrences(of: "NAME", with: name).replacingOccurrences(of: "KAFKA", with: bootstrap))
    }

    func plan(_ more: [String: String] = [:]) throws -> Plan {
        let loaded = loadTopologies(file: file, variables: variables.merging(more) { $1 }) { $0.checkExpressions() }
        return try #require(loaded.plans.first, "\(loaded.problems)")
    }

    /// Everything of the plan in this process, until the input is drained.
    func run(_ log: any RecordLog, _ more: [String: String] = [:]) throws {
        let plan = try plan(more)
        let run = Run(
            plan: plan, log: log, journal: Journal(plan.logging), instance: "test", lookups: try LookupTables.load(plan.lookups),
            extractors: plan.extractors, stages: plan.stages)
        try run.execute(follow: false) { _ in }
    }
}

func kafka() throws -> KafkaLog { try KafkaLog(bootstrapServers: KafkaBroker.shared().bootstrap) }

/// A record with everything the log has of it.
struct Record: Equatable, Sendable {
    var key: [UInt8]?
    var value: [UInt8]?
    var headers: [Header] = []
    var partition: Int32 = 0
    var offset: Int64 = -1
    var timestamp: Int64 = -1

    struct Header: Equatable, Sendable {
        var name: String
        var value: [UInt8]?
        init(_ name: String, _ value: String) { (self.name, self.value) = (name, Array(value.utf8)) }
        init(_ name: String, _ value: [UInt8]?) { (self.name, self.value) = (name, value) }
    }

    init(_ key: String?, _ value: String?, _ headers: [Header] = [], partition: Int32 = 0) {
        self.init(key, bytes: value.map { Array($0.utf8) }, headers, partition: partition)
    }

    init(_ key: String?, bytes: [UInt8]?, _ headers: [Header] = [], partition: Int32 = 0) {
        (self.key, value, self.headers, self.partition) = (key.map { Array($0.utf8) }, bytes, headers, partition)
    }

    init(_ record: LogRecord) {
        func copy(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? { bytes.baseAddress == nil ? nil : Array(bytes) }
        key = copy(record.key)
        value = copy(record.value)
        headers = record.headers.map { Header(String(decoding: $0.name, as: UTF8.self), copy($0.value)) }
        (partition, offset, timestamp) = (record.partition, record.offset, record.timestamp)
    }

    var keyText: String { key.map { String(decoding: $0, as: UTF8.self) } ?? "" }
    var valueText: String { value.map { String(decoding: $0, as: UTF8.self) } ?? "" }

    /// The one header of that name.
    func header(_ name: String) -> String? {
        let found = headers.filter { $0.name == name }
        return found.count == 1 ? found[0].value.map { String(decoding: $0, as: UTF8.self) } : nil
    }
}

extension RecordLog {
    /// All there is in a topic, by partition and offset.
    func read(_ topic: String) throws -> [Record] {
        let reader = try makeReader(topic: topic)
        defer { reader.close() }
        var records: [Record] = []
        for range in try offsets(topic: topic) {
            try reader.read(partition: range.partition, from: range.first, to: range.end) { record in
                records.append(Record(record))
                return true
            }
        }
        return records
    }

    func write(_ records: [Record], to topic: String) throws {
        let producer = try makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        defer { producer.close() }
        var batch = OutputBatch()
        for record in records {
            func keep(_ bytes: [UInt8]?) -> UnsafeRawBufferPointer {
                guard let bytes else { return UnsafeRawBufferPointer(start: nil, count: 0) }
                // An empty array may have no address, which would be null.
                return (bytes + [0]).withUnsafeBytes { UnsafeRawBufferPointer(rebasing: batch.arena.copy($0)[..<bytes.count]) }
            }
            let headers = record.headers.map { LogHeader(name: keep(Array($0.name.utf8)), value: keep($0.value)) }
            let list = batch.arena.allocate(max(headers.count, 1) * MemoryLayout<LogHeader>.stride)
                .bindMemory(to: LogHeader.self, capacity: max(headers.count, 1))
            for (index, header) in headers.enumerated() { list[index] = header }
            batch.append(
                OutputRecord(
                    key: keep(record.key), value: keep(record.value),
                    headers: UnsafeBufferPointer(start: list, count: headers.count), topic: 0, partition: record.partition))
        }
        try producer.send(batch)
        try producer.flush(timeoutMs: 30_000)
    }
}

/// A schema of the test's own on the shared server.
struct Schema {
    let name = "s" + UUID().uuidString.prefix(8).lowercased()
    let admin: Connection
    let url: String

    init(_ sql: String) throws {
        let server = try PostgresServer.shared.get()
        url = server.url() + "?options=-csearch_path%3D\(name)"
        admin = try Connection(url: url, applicationName: "etl test")
        try admin.execute("CREATE SCHEMA \(name); \(sql)")
    }

    func rows(_ sql: String) throws -> [[String?]] { try admin.execute(sql).last?.rows ?? [] }
    func count(_ table: String) throws -> Int { Int(try rows("SELECT count(*) FROM \(table)")[0][0] ?? "") ?? -1 }
}

/// Looks again and again until the condition holds.
func eventually(_ what: String, seconds: Double = 40, _ condition: () throws -> Bool) throws {
    let deadline = Date().addingTimeInterval(seconds)
    while try !condition() {
        if Date() > deadline { throw ServiceError("still not after \(seconds) s: \(what)") }
        poll(nil, 0, 20)
    }
}
