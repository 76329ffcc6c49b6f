@testable import ETL
import Bytes
import Foundation
import Log
import Postgres
import TestServices
import Testing

/// Upserts whose rows are put in the order of their keys before they are sent.
@Suite struct PostgresUpsertTests {
    private static func offsets(_ next: Int64, expected: Int64? = nil) -> [SinkOffset] {
        [SinkOffset(partition: 0, expected: expected, next: next)]
    }

    /// Against a dictionary: keys of one and two columns, of every kind of type, in any order, many of them twice.
    @Test(arguments: ["int", "text", "uuid", "timestamptz", "numeric", "citext"])
    func theLastRowOfEachKeyWins(type: String) throws {
        let seed = ProcessInfo.processInfo.environment["ETL_TEST_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...9_999_999)
        var generator = SplitMix(state: seed)
        let fixture = try PostgresFixture()
        if type == "citext" {
            try Connection(url: fixture.server.superuserURL(), applicationName: "admin").execute("CREATE EXTENSION IF NOT EXISTS citext SCHEMA pg_catalog")
        }
        try fixture.admin.execute("CREATE TABLE t (v int, a \(type), w text, b text, PRIMARY KEY (b, a))")
        func key(_ n: Int) -> String {
            switch type {
            case "int": "\(n - 50)"
            case "uuid": "\"00000000-0000-0000-0000-\(String(format: "%012d", n))\""
            case "timestamptz": "\"2026-01-01T00:\(String(format: "%02d", n % 60)):00Z\""
            case "numeric": "\(n % 10).\(["5", "50"].randomElement(using: &generator) ?? "")"
            default: "\"\(["k", "K"].randomElement(using: &generator) ?? "")\(n)\""
            }
        }
        var sink = try fixture.sink(fixture.plan(mode: .upsert, keys: ["a", "b"]))
        var want: [String: String] = [:]
        var offset: Int64 = 0
        for _ in 0..<4 {
            let rows = (0..<300).map { _ in
                let (a, b, v) = (key(Int.random(in: 0..<100, using: &generator)), "\(Int.random(in: 0..<3, using: &generator))", Int.random(in: 0...999, using: &generator))
                var name = type == "citext" ? a.lowercased() : a
                if type == "numeric" { name = String(name.prefix(3)) }
                want["\(name)|\(b)"] = "\(v)"
                return "{\"w\":\(Bool.random(using: &generator) ? "null" : "\"filler\""),\"b\":\"\(b)\",\"a\":\(a),\"v\":\(v)}"
            }
            #expect(try sink.load(rows, from: offset, expected: offset == 0 ? nil : offset) == [], "seed \(seed)")
            offset += 300
        }
        let found = try fixture.column("SELECT v FROM t ORDER BY v").map { $0 ?? "" }.sorted()
        #expect(found == want.values.sorted(), "seed \(seed)")
    }

    /// The order, and which rows are superseded, against sorting arrays.
    @Test func orderOfKeys() throws {
        let seed = ProcessInfo.processInfo.environment["ETL_TEST_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...9_999_999)
        var generator = SplitMix(state: seed)
        for round in 0..<200 {
            var copy = CopyBuffer(capacity: 16)
            var records = BufferedRows(capacity: 1)
            var order = KeyOrder()
            var want: [(key: [[UInt8]], row: Int)] = []
            let keys = [[1], [0], [2, 0], [0, 1, 2]][round % 4]
            let common = [UInt8](repeating: 7, count: Int.random(in: 0...12, using: &generator))
            for row in 0..<Int.random(in: 0...200, using: &generator) {
                let start = copy.count
                copy.put(Int16(3))
                let fields = (0..<3).map { _ in
                    common + (0..<Int.random(in: 0...10, using: &generator)).map { _ in UInt8.random(in: 0...1, using: &generator) * 255 }
                }
                for field in fields { field.withUnsafeBytes { copy.putField($0) } }
                records.append(
                    LogRecord(
                        key: UnsafeRawBufferPointer(start: nil, count: 0), value: UnsafeRawBufferPointer(start: nil, count: 0),
                        headers: UnsafeBufferPointer(start: nil, count: 0), partition: 0, offset: 0, timestamp: 0), start: start)
                want.append((keys.map { fields[$0] }, row))
            }
            want.sort { one, other in
                for (a, b) in zip(one.key, other.key) where a != b { return a.lexicographicallyPrecedes(b) }
                return one.row < other.row
            }
            order.sort(copy, records, keys)
            #expect((0..<order.count).map { order.row(at: $0) } == want.map(\.row), "seed \(seed), round \(round)")
            let superseded = zip(want, want.dropFirst()).filter { $0.key == $1.key }.map { Int32($0.0.row) }
            #expect(order.superseded == superseded, "seed \(seed), round \(round)")
        }
    }

    /// Texts that a collation takes for equal: the batch is merged all the same, and the next one, too.
    @Test func keysThatOnlyTheServerFindsEqual() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute(
            """
            CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
            CREATE TABLE t (k text COLLATE nocase PRIMARY KEY, v int CHECK (v >= 0))
            """)
        var sink = try fixture.sink(fixture.plan(mode: .upsert, keys: ["k"]))
        #expect(try sink.load([#"{"k":"a","v":1}"#, #"{"k":"b","v":2}"#, #"{"k":"A","v":3}"#, #"{"k":"c","v":-1}"#], expected: nil) == [3])
        #expect(try fixture.rows("SELECT lower(k), v FROM t ORDER BY 1") == [["a", "3"], ["b", "2"]])
        #expect(try sink.load([#"{"k":"B","v":4}"#, #"{"k":"b","v":5}"#], from: 4, expected: 4) == [])
        #expect(try fixture.rows("SELECT lower(k), v FROM t ORDER BY 1") == [["a", "3"], ["b", "5"]])
    }

    /// Rows that no table takes are refused, also where a later one has their key, and named as they came.
    @Test func refusedRowsAreNamedAsTheyCame() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TABLE t (id int PRIMARY KEY, m mood, CHECK (id <> 5))")
        var sink = try fixture.sink(fixture.plan(mode: .upsert, keys: ["id"]))
        sink.append([(9, "good"), (3, "none"), (5, "bad"), (3, "good"), (1, "bad")].map { "{\"id\":\($0),\"m\":\"\($1)\"}" })
        #expect(try sink.flush(offsets: Self.offsets(5), rejected: []).map(\.row) == [1, 2])
        #expect(sink.record(ofRow: 1).offset == 1)
        sink.reset()
        #expect(try fixture.rows("SELECT id, m FROM t ORDER BY 1") == [["1", "bad"], ["3", "good"], ["9", "good"]])
    }

    /// Someone holds the table up: the next batch is filled meanwhile, in order behind it.
    @Test func theNextBatchIsFilledWhileTheServerWorks() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
        try fixture.admin.execute("BEGIN; LOCK TABLE t IN SHARE MODE")
        var sink = try fixture.sink(fixture.plan(mode: .upsert, keys: ["id"]))
        sink.append((0..<100).map { "{\"id\":\($0),\"v\":1}" })
        try sink.submit(offsets: Self.offsets(100), rejected: [])
        #expect(sink.isAnswered == false)
        #expect(sink.rows == 0 && sink.submittedRows == 100)
        sink.append((50..<150).map { "{\"id\":\($0),\"v\":2}" }, from: 100)
        #expect(sink.isAnswered == false)
        #expect(sink.record(ofRow: 99).offset == 99)
        try fixture.admin.execute("COMMIT")
        #expect(try sink.finish() == [])
        sink.release()
        #expect(sink.rows == 100)
        #expect(try sink.flush(offsets: Self.offsets(200, expected: 100), rejected: []) == [])
        #expect(try fixture.rows("SELECT v, count(*) FROM t GROUP BY v ORDER BY v") == [["1", "50"], ["2", "100"]])
    }

    /// What is on its way is given up: its outcome is for `positions` to say.
    @Test func aBatchOnItsWayCanBeLeft() throws {
        let fixture = try PostgresFixture()
        try fixture.admin.execute("CREATE TABLE t (id int PRIMARY KEY)")
        var sink = try fixture.sink(fixture.plan(mode: .upsert, keys: ["id"]))
        sink.append((0..<10).map { "{\"id\":\($0)}" })
        try sink.submit(offsets: Self.offsets(10), rejected: [])
        sink.append((10..<20).map { "{\"id\":\($0)}" }, from: 10)
        sink.reset()
        #expect(sink.rows == 0 && sink.submittedRows == 0)
        #expect(try sink.positions(of: [0]).map(\.nextOffset) == [10])
        sink.append((10..<20).map { "{\"id\":\($0)}" }, from: 10)
        try sink.submit(offsets: Self.offsets(20, expected: 10), rejected: [])
        sink.disconnect()
        #expect(sinkError { _ = try sink.finish() }?.kind == .service)
    }
}
