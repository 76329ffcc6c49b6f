// Hot path: per record.
import Bytes
import Log

/// The records of the rows that wait in the COPY buffer, copied, so that one the server refuses later can become a dead letter,
/// and where each row starts in the buffer.
struct BufferedRows: ~Copyable {
    private struct Row: BitwiseCopyable {
        var start: Int
        var record: LogRecord
    }

    private var arena = Arena(chunkBytes: 1 << 20, retainedBytes: 64 << 20)
    private var rows: UnsafeMutablePointer<Row>
    private var capacity: Int
    private(set) var count = 0
    /// Of keys, values and headers.
    private(set) var bytes = 0

    init(capacity: Int = 4096) {
        self.capacity = capacity
        rows = .allocate(capacity: capacity)
    }

    deinit { rows.deallocate() }

    mutating func append(_ record: LogRecord, start: Int) {
        if count == capacity { grow() }
        var copy = record
        copy.key = kept(record.key)
        copy.value = kept(record.value)
        if record.headers.count > 0 { copy.headers = kept(record.headers) }
        rows[count] = Row(start: start, record: copy)
        count += 1
    }

    mutating func reset() {
        count = 0
        bytes = 0
        arena.reset()
    }

    /// Valid until `reset`.
    func record(_ row: Int) -> LogRecord { rows[row].record }

    /// Where the row starts in the COPY buffer.
    func start(_ row: Int) -> Int { rows[row].start }

    /// Null stays null.
    @inline(__always)
    private mutating func kept(_ source: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        if source.baseAddress == nil { return source }
        bytes += source.count
        return arena.copy(source)
    }

    @inline(never)
    private mutating func kept(_ headers: UnsafeBufferPointer<LogHeader>) -> UnsafeBufferPointer<LogHeader> {
        let copies = arena.allocate(headers.count * MemoryLayout<LogHeader>.stride).assumingMemoryBound(to: LogHeader.self)
        for (index, header) in headers.enumerated() {
            (copies + index).initialize(to: LogHeader(name: kept(header.name), value: kept(header.value)))
        }
        return UnsafeBufferPointer(start: copies, count: headers.count)
    }

    @inline(never)
    private mutating func grow() {
        let larger = UnsafeMutablePointer<Row>.allocate(capacity: capacity * 2)
        larger.update(from: rows, count: count)
        rows.deallocate()
        rows = larger
        capacity *= 2
    }
}
