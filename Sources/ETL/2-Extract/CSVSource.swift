public import Bytes

/// A row as a JSON object. The text is good until the arena it was written to is reset.
public struct CSVRow: BitwiseCopyable {
    public var json: UnsafeRawBufferPointer
    /// Of its file, counted from 1, without header and blank lines.
    public var row: Int64
    /// Line it starts at, counted from 1.
    public var line: Int64
    /// Byte offsets in its file: its own, and that of what follows.
    public var offset: Int64
    public var nextOffset: Int64
}

/// A row that couldn't be read, to be dead-lettered or stopped at.
public struct CSVBadRow {
    public var code: CSVRowCode
    /// What is wrong, without the row's values.
    public var message: String
    public var file: String
    public var row: Int64
    public var line: Int64
    public var offset: Int64
    public var nextOffset: Int64
    /// Its bytes without the line end; good until the arena is reset.
    public var raw: UnsafeRawBufferPointer
    /// `raw` is not all of it: the row is longer than the bound.
    public var isCut: Bool
}

/// What one call of `CSVSource.next` found, all from one file. Reused: once warm it doesn't allocate.
public struct CSVBatch: ~Copyable {
    private var storage: UnsafeMutablePointer<CSVRow>
    private var capacity: Int
    private var count = 0
    /// The file the rows are from; empty before the first.
    public internal(set) var file = ""
    /// In order; they stand between `rows` by their row numbers.
    public internal(set) var badRows: [CSVBadRow] = []

    public init(capacity: Int = 4096) {
        storage = .allocate(capacity: max(1, capacity))
        self.capacity = max(1, capacity)
    }

    deinit { storage.deallocate() }

    /// In order; good until the next call of `CSVSource.next` with this batch.
    public var rows: UnsafeBufferPointer<CSVRow> { UnsafeBufferPointer(start: storage, count: count) }

    mutating func append(_ row: CSVRow) {
        if count == capacity { grow() }
        storage[count] = row
        count += 1
    }

    mutating func reset() {
        count = 0
        if !badRows.isEmpty { badRows.removeAll(keepingCapacity: true) }
    }

    @inline(never)
    private mutating func grow() {
        let larger = UnsafeMutablePointer<CSVRow>.allocate(capacity: capacity * 2)
        larger.update(from: storage, count: count)
        storage.deallocate()
        storage = larger
        capacity *= 2
    }
}

/// Reads the CSV files of an extractor, in the order of their names, as JSON objects. One thread at a time.
///
/// Call `resume` with the stored checkpoints, then `next` until it returns false; after each batch store `checkpoint()`, in the
/// transaction of the batch's records. A source made anew and resumed goes on exactly behind the last stored batch.
public struct CSVSource: ~Copyable {
    private let plan: CSVPlan
    private let chunkBytes: Int
    private let maxRowBytes: Int
    /// In reverse order: the next one is last.
    private var paths: [String]
    private var checkpoints: [String: CSVCheckpoint] = [:]
    private var open: OpenCSV?

    /// - Parameters:
    ///   - chunkBytes: how much is read at once.
    ///   - maxRowBytes: longer rows are bad rows.
    /// - Throws: if no file matches.
    public init(_ plan: CSVPlan, chunkBytes: Int = 1 << 20, maxRowBytes: Int = 16 << 20) throws(CSVError) {
        self.plan = plan
        self.chunkBytes = chunkBytes
        self.maxRowBytes = maxRowBytes
        paths = try CSVFiles.matching(plan.path).reversed()
    }

    /// Before the first `next`: what was stored, in any order; of several for a file the last counts. Those of other files are ignored.
    public mutating func resume(from stored: [CSVCheckpoint]) {
        for checkpoint in stored { checkpoints[checkpoint.file] = checkpoint }
    }

    /// Reads on until there are `maxRows` rows or `maxBytes` of JSON, or the file ends; a batch never spans files. Rows' text and bad rows' bytes
    /// go to `arena`, which the caller resets.
    /// - Returns: false when all files are read (then the batch is empty).
    public mutating func next(into batch: inout CSVBatch, arena: inout Arena, maxRows: Int, maxBytes: Int) throws(CSVError) -> Bool {
        batch.reset()
        while true {
            if open == nil {
                guard let path = paths.last else { return false }
                open = try OpenCSV.open(plan, path, checkpoints[path], chunkBytes, maxRowBytes)
                paths.removeLast()
            }
            try open?.read(&batch, &arena, maxRows, maxBytes)
            if !batch.rows.isEmpty || !batch.badRows.isEmpty { return true }
            open = nil
        }
    }

    /// Where to go on behind the latest batch; nil before the first, and when all is read.
    public func checkpoint() throws(CSVError) -> CSVCheckpoint? {
        switch open {
        case .some(let open): try open.reader.checkpoint()
        case .none: nil
        }
    }
}

/// A file of the source while it is read.
private struct OpenCSV: ~Copyable {
    var reader: CSVReader
    private var columns: CSVColumns

    static func open(_ plan: CSVPlan, _ path: String, _ checkpoint: CSVCheckpoint?, _ chunkBytes: Int, _ maxRowBytes: Int)
        throws(CSVError) -> OpenCSV {
        var reader = try CSVReader.open(path, delimiter: plan.delimiter, quote: plan.quote, chunkBytes: chunkBytes, maxRowBytes: maxRowBytes)
        let names = plan.header ? try header(&reader) : plan.columns.map(\.name)
        let columns = CSVColumns(names: names, types: try types(of: names, plan, path), nullValues: plan.nullValues, quote: plan.quote)
        reader.skipsBlankLines = names.count > 1
        if let checkpoint { try reader.resume(from: checkpoint) }
        return OpenCSV(reader: reader, columns: columns)
    }

    private init(reader: consuming CSVReader, columns: consuming CSVColumns) {
        self.reader = reader
        self.columns = columns
    }

    mutating func read(_ batch: inout CSVBatch, _ arena: inout Arena, _ maxRows: Int, _ maxBytes: Int) throws(CSVError) {
        var rows = 0
        var bytes = 0
        while rows < maxRows, bytes < maxBytes {
            switch try reader.next() {
            case .end: return
            case .bad(let code, let message): bytes += reject(&batch, &arena, code, message)
            case .row:
                switch columns.write(reader, into: &arena) {
                case .bad(let code, let message): bytes += reject(&batch, &arena, code, message)
                case .json(let json):
                    batch.append(CSVRow(json: json, row: reader.row, line: reader.line, offset: reader.offset, nextOffset: reader.nextOffset))
                    bytes += json.count
                }
            }
            if rows == 0, batch.file != reader.path { batch.file = reader.path }
            rows += 1
        }
    }

    @inline(never)
    private func reject(_ batch: inout CSVBatch, _ arena: inout Arena, _ code: CSVRowCode, _ message: String) -> Int {
        let raw = arena.copy(reader.content)
        batch.badRows.append(CSVBadRow(code: code, message: message, file: reader.path, row: reader.row, line: reader.line,
                                       offset: reader.offset, nextOffset: reader.nextOffset, raw: raw, isCut: reader.isCut))
        return raw.count
    }

    /// The names in the first row; none in an empty file.
    private static func header(_ reader: inout CSVReader) throws(CSVError) -> [String] {
        switch try reader.next(countingRows: false) {
        case .end: return []
        case .bad(_, let message): throw CSVError(code: "csv.header", "Failed to read the header of '\(reader.path)': \(message)")
        case .row: break
        }
        guard reader.fieldCount == reader.fields.count, CSVValue.isUTF8(reader.content.bindMemory(to: UInt8.self)) else {
            throw CSVError(code: "csv.header", "Failed to read the header of '\(reader.path)': it isn't UTF-8, or has too many columns")
        }
        return reader.names
    }

    private static func types(of names: [String], _ plan: CSVPlan, _ path: String) throws(CSVError) -> [ColumnType] {
        if names.isEmpty { return [] }
        var seen: Set<String> = []
        for name in names where !seen.insert(name).inserted {
            throw CSVError(code: "csv.header", "Column '\(name)' stands twice in '\(path)'; name each column once")
        }
        for column in plan.columns where !seen.contains(column.name) {
            throw CSVError(code: "csv.header", "Column '\(column.name)' of the topology isn't in '\(path)', which has: "
                + names.joined(separator: ", "))
        }
        let types = Dictionary(plan.columns.map { ($0.name, $0.type) }) { first, _ in first }
        return names.map { types[$0] ?? .string }
    }
}

extension CSVReader {
    /// The latest row's fields as text, for the header.
    var names: [String] {
        fields.map { field in
            var bytes: [UInt8] = []
            var at = Int(field.start)
            let end = at + Int(field.count)
            while at < end {
                bytes.append(base[at])
                at += field.quoting == .doubled && base[at] == quote ? 2 : 1
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}
