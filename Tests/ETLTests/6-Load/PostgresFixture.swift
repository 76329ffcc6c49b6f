@testable import ETL
import Foundation
import Log
import Postgres
import TestServices

/// A schema of the test's own on the shared server, and what a loader's loop would do, step by step.
final class PostgresFixture {
    let server: PostgresServer
    let schema: String
    let admin: Connection

    init(_ server: PostgresServer? = nil) throws {
        self.server = try server ?? PostgresServer.shared.get()
        schema = "t" + UUID().uuidString.prefix(12).filter { $0 != "-" }.lowercased()
        admin = try Connection(url: self.server.url() + "?options=-csearch_path%3D\(schema)", applicationName: "etl test")
        try admin.execute("CREATE SCHEMA \(schema)")
    }

    var url: String { server.url() + "?options=-csearch_path%3D\(schema)" }

    func plan(
        _ table: String = "t", mode: PostgresPlan.Mode = .append, keys: [String] = [], columns: [String] = [],
        extraFields: PostgresPlan.ExtraFields = .deadLetter, extraColumn: String? = nil, url: String? = nil
    ) -> PostgresPlan {
        PostgresPlan(
            url: url ?? self.url, table: table, mode: mode, keys: keys, columns: columns, extraFields: extraFields,
            extraColumn: extraColumn, batchRows: 20_000, batchMs: 500, connections: 1)
    }

    /// A sink on topic `orders`, connected.
    func sink(_ plan: PostgresPlan) throws -> PostgresSink {
        var sink = PostgresSink(plan: plan, group: "g", topic: "orders")
        try sink.connect()
        return sink
    }

    /// The rows as psql would print them.
    func rows(_ sql: String) throws -> [[String?]] { try admin.execute(sql).last?.rows ?? [] }

    /// The values of the first column.
    func column(_ sql: String) throws -> [String?] { try rows(sql).map { $0[0] } }
}

/// The error of `body`, if it is a SinkError.
func sinkError(_ body: () throws -> Void) -> SinkError? {
    do { try body() } catch { return error as? SinkError }
    return nil
}

extension PostgresSink {
    /// Appends records with the values given, at consecutive offsets from `offset`. Returns what was rejected.
    @discardableResult
    mutating func append(_ values: [String?], partition: Int32 = 0, from offset: Int64 = 0) -> [RejectedRecord] {
        var rejected: [RejectedRecord] = []
        for (index, value) in values.enumerated() {
            let key = Array("key\(index)".utf8)
            key.withUnsafeBytes { key in
                let bytes = value.map { Array($0.utf8) }
                (bytes ?? []).withUnsafeBytes { content in
                    // A valueless record has a nil base; an empty array may have one too, so an empty value borrows the key's.
                    let base = bytes == nil ? nil : (content.baseAddress ?? key.baseAddress)
                    let record = LogRecord(
                        key: key, value: UnsafeRawBufferPointer(start: base, count: content.count),
                        headers: UnsafeBufferPointer(start: nil, count: 0), partition: partition,
                        offset: offset + Int64(index), timestamp: 1_700_000_000_000)
                    if case .rejected(let rejection) = append(record) {
                        rejected.append(RejectedRecord(partition: partition, offset: record.offset, rejection: rejection))
                    }
                }
            }
        }
        return rejected
    }

    /// Appends and flushes one partition's records, and forgets them. Returns the offsets of those that became no row.
    mutating func load(_ values: [String?], partition: Int32 = 0, from offset: Int64 = 0, expected: Int64?) throws -> [Int64] {
        let rejected = append(values, partition: partition, from: offset)
        let refused = try flush(
            offsets: [SinkOffset(partition: partition, expected: expected, next: offset + Int64(values.count))],
            rejected: rejected)
        reset()
        return (rejected.map(\.offset) + refused.map(\.rejected.offset)).sorted()
    }
}
