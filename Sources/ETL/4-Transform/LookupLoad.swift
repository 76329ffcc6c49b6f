internal import Bytes
internal import JSON

extension LookupPlan {
    /// Reads the file into a table: unquoted empty fields are null, strings stay strings, `int`, `double`, `decimal` and `bool`
    /// columns become values of that type, dates and timestamps strings in their own form.
    func load() throws(LookupError) -> LookupTable {
        var file = try LookupFile(self)
        return try file.read()
    }

    /// The names of the file's columns, from its header; says also what is wrong with them.
    func readColumns() throws(LookupError) -> [String] { try LookupFile(self).names }
}

/// A lookup's CSV file while it is read.
private struct LookupFile: ~Copyable {
    let names: [String]
    private let plan: LookupPlan
    private let types: [ColumnType]
    private let keyColumn: Int
    private var reader: CSVReader
    private var columns: CSVColumns
    private var scanner: Scanner
    private var text = JSONWriter(capacity: 64)
    private var arena = Arena()

    init(_ plan: LookupPlan) throws(LookupError) {
        let (path, written): (String, [String: ColumnType]) = switch plan.source { case .csv(let path, let columns): (path, columns) }
        var reader = try Self.open(path, plan.name)
        let names = reader.names
        reader.skipsBlankLines = names.count > 1
        guard let key = names.firstIndex(of: plan.key) else {
            throw LookupError("lookup.column", "The key '\(plan.key)' of lookup '\(plan.name)' is no column of '\(path)', which has: "
                + names.joined(separator: ", "))
        }
        for (index, name) in names.enumerated() where names[..<index].contains(name) {
            throw LookupError("lookup.column", "Column '\(name)' stands twice in '\(path)'; name each column once")
        }
        for (name, type) in written.sorted(by: { $0.key < $1.key }) {
            guard names.contains(name) else {
                throw LookupError("lookup.column", "Column '\(name)' of lookup '\(plan.name)' isn't in '\(path)', which has: "
                    + names.joined(separator: ", "))
            }
            if type == .json || (name == plan.key && type == .double) {
                throw LookupError("lookup.column", "Column '\(name)' of lookup '\(plan.name)' can't be \(type.rawValue); "
                    + (type == .json ? "lookups hold scalars" : "a key is string, int, decimal or bool"))
            }
        }
        keyColumn = key
        types = names.map { written[$0] ?? .string }
        columns = CSVColumns(names: names, types: types, nullValues: [""], quote: UInt8(ascii: "\""))
        var trie = SlotTrie()
        for name in names { trie.slot([name]) }
        scanner = Scanner(trie)
        self.names = names
        self.reader = reader
        self.plan = plan
    }

    /// The file behind its header.
    private static func open(_ path: String, _ lookup: String) throws(LookupError) -> CSVReader {
        do throws(CSVError) {
            var reader = try CSVReader.open(path, delimiter: UInt8(ascii: ","), quote: UInt8(ascii: "\""))
            guard case .row = try reader.next(countingRows: false), CSVValue.isUTF8(reader.content.bindMemory(to: UInt8.self)) else {
                throw CSVError(code: "lookup.file", "Failed to read lookup '\(lookup)': '\(path)' has no header")
            }
            return reader
        } catch {
            throw LookupError(error.code, error.message)
        }
    }

    mutating func read() throws(LookupError) -> LookupTable {
        var builder = LookupTable.Builder(name: plan.name, key: plan.key, columns: names)
        var frame = OwnedArray<Value>()
        for _ in 0...names.count { frame.append(.absent) }
        while try next() {
            let row: UnsafeRawBufferPointer
            arena.reset()
            switch columns.write(reader, into: &arena) {
            case .json(let text): row = text
            case .bad(_, let message): throw failed("lookup.row", message)
            }
            guard scanner.scan(row, into: frame.base, arena: &arena).code == .ok else { throw failed("lookup.row", "it can't be read") }
            // Slot 0 is the row; a column's slot is its number from 1, since each was added as it came.
            var values: [Value] = []
            for column in names.indices { values.append(try value(frame.base[column + 1], column, row)) }
            let key = try keyText(values[keyColumn])
            if let earlier = builder.append(values, key: key, line: Int(reader.line)) {
                throw failed("lookup.duplicate", "the key '\(String(decoding: key, as: UTF8.self))' stands in line \(earlier) already")
            }
        }
        return builder.finish()
    }

    private mutating func next() throws(LookupError) -> Bool {
        do throws(CSVError) {
            switch try reader.next() {
            case .row: return true
            case .end: return false
            case .bad(_, let message): throw CSVError(code: "", message)
            }
        } catch {
            throw error.code.isEmpty ? failed("lookup.row", error.message) : LookupError(error.code, error.message)
        }
    }

    /// A value that needs no digits of the row, by its column's type.
    private func value(_ value: Value, _ column: Int, _ row: UnsafeRawBufferPointer) throws(LookupError) -> Value {
        if value.tag == .null { return value }
        switch types[column] {
        case .int where value.tag == .int: return .int(value.int)
        case .double where value.tag == .int: return .double(Double(value.int))
        case .double where value.double.isFinite: return .double(value.double)
        case .decimal:
            if case .value(let unscaled, let scale) = DecimalText.exact(digits(of: value, record: row)) { return .decimal(unscaled, scale: scale) }
        case .int, .double: break
        case .string, .bool, .timestamp, .date, .json: return value
        }
        throw failed("lookup.row", "the number in column '\(names[column])' doesn't fit \(types[column].rawValue)")
    }

    private mutating func keyText(_ key: Value) throws(LookupError) -> UnsafeRawBufferPointer {
        if key.tag == .string { return key.bytes }
        guard key.tag != .null else { throw failed("lookup.key", "the key column '\(plan.key)' is empty") }
        text.reset()
        text.append(key, record: UnsafeRawBufferPointer(start: nil, count: 0))
        return text.bytes
    }

    private func failed(_ code: String, _ message: String) -> LookupError {
        LookupError(code, "\(reader.path):\(reader.line): \(message)")
    }
}
