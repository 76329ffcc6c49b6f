import Bytes
import CEL
import Command
import ETL
import JSON
import Log

/// One expression on one record after the other, values to stdout and errors to stderr.
struct RecordEvaluation: ~Copyable {
    private let program: CELProgram
    private let names: EvalNames
    private var scanner: Scanner
    private let frame: UnsafeMutablePointer<Value>
    private var arena = Arena()
    private var writer = JSONWriter()
    /// How many records there were, and on how many the expression failed.
    private(set) var count = 0
    private(set) var failures = 0

    /// Warnings go to stderr.
    init(_ source: String, _ options: CELOptions) throws(UsageError) {
        var names = EvalNames()
        do throws(CELError) { program = try CELProgram.compile(source, options: options, resolver: &names) } catch {
            throw UsageError("the expression doesn't compile\n\(error.text(in: source))")
        }
        for warning in program.warnings {
            writeAll(SourcePlace(warning.offset, in: source).text("warning: " + warning.message) + "\n", to: 2)
        }
        self.names = names
        scanner = Scanner(names.trie)
        frame = .allocate(capacity: names.trie.slotCount)
    }

    deinit { frame.deallocate() }

    /// Evaluates on one record, JSON text or none; `place` says which it is, for errors.
    mutating func evaluate(_ text: UnsafeRawBufferPointer, _ place: String, topic: String = "", _ record: LogRecord? = nil) {
        count += 1
        arena.reset()
        let result = scanner.scan(text, into: frame, arena: &arena)
        guard result.code == .ok else {
            failures += 1
            writeAll("\(place): the record isn't JSON: \(result.code) at offset \(result.offset)\n", to: 2)
            return
        }
        names.fill(frame, topic: topic, record, arena: &arena)
        let value = program.evaluate(frame, record: text, arena: &arena)
        if value.tag == .error {
            failures += 1
            let where_ = SourcePlace(program.offset(of: value), in: program.source)
            writeAll("\(place): " + where_.text(program.describe(value)) + "\n", to: 2)
            return
        }
        writer.reset()
        PlainJSON.write(value, record: text, arena: &arena, to: &writer)
        writer.raw("\n")
        writeAll(String(decoding: writer.bytes, as: UTF8.self), to: 1)
    }

    /// Every line of stdin is a record.
    mutating func evaluateLines() {
        var lines = LineReader(descriptor: 0)
        var number = 0
        while let line = lines.next() {
            number += 1
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }) { continue }
            line.withUnsafeBytes { evaluate($0, "stdin:\(number)") }
        }
    }

    /// The whole file is one record.
    mutating func evaluateFile(_ path: String) throws(ETLError) {
        switch readFile(path, limit: 1 << 30) {
        case .success(let bytes): bytes.withUnsafeBytes { evaluate($0, path) }
        case .failure(let error): throw ETLError(.failed, code: "file.unreadable", "can't read '\(path)': \(error.reason)")
        }
    }

    /// The first records there are in a topic, partition by partition; what is open in a transaction isn't seen.
    mutating func evaluateTopic(_ topic: String, _ log: any RecordLog, max: Int) throws(LogError) {
        let ranges = try log.offsets(topic: topic)
        let reader = try log.makeReader(topic: topic)
        defer { reader.close() }
        var found: [(record: OwnedRecord, partition: Int32)] = []
        for (partition, range) in ranges.enumerated() where found.count < max {
            try reader.read(partition: Int32(partition), from: range.first, to: range.end) { record in
                found.append((OwnedRecord(record), Int32(partition)))
                return found.count < max
            }
        }
        for (owned, partition) in found {
            owned.withRecord { record in
                evaluate(record.value, "\(topic)/\(partition)/\(record.offset)", topic: topic, record)
            }
        }
    }
}

/// A record's bytes, copied: they outlive the reader's call.
private struct OwnedRecord {
    private let bytes: [UInt8]
    private let spans: [Range<Int>?]
    private let record: LogRecord

    init(_ record: LogRecord) {
        var bytes: [UInt8] = []
        func keep(_ span: UnsafeRawBufferPointer) -> Range<Int>? {
            guard span.baseAddress != nil else { return nil }
            bytes += span
            return (bytes.count - span.count)..<bytes.count
        }
        var spans = [keep(record.key), keep(record.value)]
        for header in record.headers { spans += [keep(header.name), keep(header.value)] }
        self.bytes = bytes
        self.spans = spans
        self.record = record
    }

    func withRecord(_ body: (LogRecord) -> Void) {
        bytes.withUnsafeBytes { bytes in
            func span(_ index: Int) -> UnsafeRawBufferPointer {
                // An empty span of no bytes at all has no base either: it is null only where the record's was.
                guard let range = spans[index] else { return UnsafeRawBufferPointer(start: nil, count: 0) }
                return UnsafeRawBufferPointer(rebasing: bytes[range])
            }
            var headers: [LogHeader] = []
            for index in stride(from: 2, to: spans.count, by: 2) {
                headers.append(LogHeader(name: span(index), value: span(index + 1)))
            }
            headers.withUnsafeBufferPointer { headers in
                body(
                    LogRecord(
                        key: span(0), value: span(1), headers: headers, partition: record.partition, offset: record.offset,
                        timestamp: record.timestamp))
            }
        }
    }
}
