import Bytes
import Foundation
import Testing

@testable import ETL

/// A folder that goes away with the test.
final class TestFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "etl-csv-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }

    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
        return path + "/" + name
    }
}

/// A row or bad row as it came out.
struct FoundRow: Equatable, CustomStringConvertible {
    /// JSON; for a bad row code, a space and its raw text.
    var text: String
    var row: Int64
    var line: Int64
    var offset: Int64
    var nextOffset: Int64

    var description: String { "#\(row) line \(line) [\(offset)..<\(nextOffset)] \(text)" }
}

extension CSVPlan {
    static func test(_ path: String, columns: [(name: String, type: ColumnType)] = [], delimiter: String = ",", quote: String = "\"",
                     header: Bool = true, nullValues: [String] = [""]) -> CSVPlan {
        CSVPlan(path: path, delimiter: delimiter.utf8.first ?? 0, quote: quote.utf8.first ?? 0, header: header, nullValues: nullValues,
                columns: columns, onBadRow: .deadLetter)
    }

    /// Everything the source gives, in order, and the checkpoint after each batch, as its text.
    func read(chunkBytes: Int = 1 << 20, maxRowBytes: Int = 16 << 20, from checkpoints: [String] = [], maxRows: Int = 1000)
        throws -> (rows: [FoundRow], checkpoints: [String]) {
        var source = try CSVSource(self, chunkBytes: chunkBytes, maxRowBytes: maxRowBytes)
        source.resume(from: try checkpoints.map { text in
            try Array(text.utf8).withUnsafeBytes { try CSVCheckpoint.parse($0) }
        })
        var batch = CSVBatch()
        var arena = Arena()
        var result: (rows: [FoundRow], checkpoints: [String]) = ([], [])
        while try source.next(into: &batch, arena: &arena, maxRows: maxRows, maxBytes: 1 << 20) {
            let good = batch.rows.map {
                FoundRow(text: String(decoding: $0.json, as: UTF8.self), row: $0.row, line: $0.line, offset: $0.offset, nextOffset: $0.nextOffset)
            }
            let bad = batch.badRows.map {
                FoundRow(text: $0.code.rawValue + " " + String(decoding: $0.raw, as: UTF8.self), row: $0.row, line: $0.line,
                         offset: $0.offset, nextOffset: $0.nextOffset)
            }
            #expect(batch.badRows.allSatisfy { $0.file == batch.file })
            result.rows += (good + bad).sorted { $0.row < $1.row }
            result.checkpoints.append(try #require(try source.checkpoint()).text)
            arena.reset()
        }
        return result
    }
}
