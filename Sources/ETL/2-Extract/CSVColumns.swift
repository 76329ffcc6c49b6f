// Hot path: per record.
import Bytes
import JSON

/// Turns rows into JSON objects: what is the same in each row (names, types, nulls) prepared once.
///
/// | type | accepted | in JSON |
/// |---|---|---|
/// | string | everything | string |
/// | int | `-?(0\|[1-9][0-9]*)` | number, digits as written |
/// | double, decimal | a JSON number | number, as written |
/// | bool | true, false in any case | true, false |
/// | timestamp | RFC 3339 date and time with offset | string |
/// | date | YYYY-MM-DD | string |
/// | json | JSON text | as it is |
///
/// An unquoted field that equals one of the null values is null, whatever the column's type.
struct CSVColumns: ~Copyable {
    /// `{"first":`, `,"second":` …: the piece of the object before each value, in one block.
    private let prefixes: UnsafeMutableRawBufferPointer
    private let prefixEnds: UnsafeMutablePointer<Int>
    private let types: UnsafeMutablePointer<ColumnType>
    /// Null values, one behind the other.
    private let nulls: UnsafeMutableRawBufferPointer
    private let nullEnds: UnsafeMutablePointer<Int>
    private let nullCount: Int
    private let quote: UInt8
    let names: [String]
    private var scanner: Scanner
    private let frame: UnsafeMutablePointer<Value>
    private var scratch: Arena

    /// What became of a row.
    enum Result {
        case json(UnsafeRawBufferPointer)
        case bad(CSVRowCode, String)
    }

    /// - Parameter names: one for each column, none twice.
    init(names: [String], types: [ColumnType], nullValues: [String], quote: UInt8) {
        self.names = names
        self.quote = quote
        let pieces = names.enumerated().map { Array(($0 == 0 ? "{" : ",").utf8) + Self.quoted($1) + Array(":".utf8) }
        (prefixes, prefixEnds) = Self.block(pieces)
        let values = nullValues.map { Array($0.utf8) }
        (nulls, nullEnds) = Self.block(values)
        nullCount = values.count
        self.types = .allocate(capacity: types.count)
        self.types.initialize(from: types, count: types.count)
        let trie = SlotTrie()
        scanner = Scanner(trie)
        frame = .allocate(capacity: trie.slotCount)
        scratch = Arena(chunkBytes: 16 << 10, retainedBytes: 1 << 20)
    }

    deinit {
        prefixes.deallocate()
        prefixEnds.deallocate()
        types.deallocate()
        nulls.deallocate()
        nullEnds.deallocate()
        frame.deallocate()
    }

    private static func quoted(_ name: String) -> [UInt8] {
        var writer = JSONWriter()
        Array(name.utf8).withUnsafeBytes { writer.string($0) }
        return Array(writer.bytes)
    }

    /// The pieces in one block, and where each ends in it.
    private static func block(_ pieces: [[UInt8]]) -> (UnsafeMutableRawBufferPointer, UnsafeMutablePointer<Int>) {
        let all = pieces.flatMap { $0 }
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: all.count, alignment: 16)
        block.copyBytes(from: all)
        let ends = UnsafeMutablePointer<Int>.allocate(capacity: pieces.count)
        var end = 0
        for (index, piece) in pieces.enumerated() {
            end += piece.count
            ends[index] = end
        }
        return (block, ends)
    }

    /// The reader's latest row as a JSON object in `arena`.
    mutating func write(_ reader: borrowing CSVReader, into arena: inout Arena) -> Result {
        guard reader.fieldCount == names.count else { return wrongCount(reader.fieldCount) }
        let content = reader.content
        if reader.traits & 1 != 0, !CSVValue.isUTF8(content.bindMemory(to: UInt8.self)) {
            return .bad(.utf8, "the row isn't valid UTF-8")
        }
        let base = reader.base
        let fields = reader.fields
        let escapes = reader.traits & 2 != 0
        // The longest form of a byte is \u0000; a value adds two quotes, or is null.
        let start = arena.allocate(prefixes.count + content.count * (escapes ? 6 : 1) + fields.count * 4 + 2)
        var target = start
        var prefixStart = 0
        for index in 0..<fields.count {
            let prefixEnd = prefixEnds[index]
            target.copyMemory(from: prefixes.baseAddress.unsafelyUnwrapped + prefixStart, byteCount: prefixEnd - prefixStart)
            target += prefixEnd - prefixStart
            prefixStart = prefixEnd
            let field = fields[index]
            let bytes = UnsafeBufferPointer(start: base + Int(field.start), count: Int(field.count))
            if field.quoting == .none, isNull(bytes) {
                Self.put("null", &target)
            } else if types[index] == .string {
                if escapes { escape(bytes, field.quoting, &target) } else { Self.putString(bytes, &target) }
            } else if !putTyped(bytes, field.quoting, types[index], &target) {
                arena.shrinkLast(start, to: 0)
                return wrongType(index)
            }
        }
        target.storeBytes(of: 0x7d, as: UInt8.self)
        let count = target - start + 1
        arena.shrinkLast(start, to: count)
        return .json(UnsafeRawBufferPointer(start: start, count: count))
    }

    private func isNull(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var start = 0
        for index in 0..<nullCount {
            let count = nullEnds[index] - start
            if count == bytes.count {
                var at = 0
                while at < count, nulls[start + at] == bytes[at] { at += 1 }
                if at == count { return true }
            }
            start = nullEnds[index]
        }
        return false
    }

    private static func put(_ text: StaticString, _ target: inout UnsafeMutableRawPointer) {
        target.copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        target += text.utf8CodeUnitCount
    }

    private static func put(_ bytes: UnsafeBufferPointer<UInt8>, _ target: inout UnsafeMutableRawPointer) {
        guard let base = bytes.baseAddress else { return }
        target.copyMemory(from: base, byteCount: bytes.count)
        target += bytes.count
    }

    private static func putString(_ bytes: UnsafeBufferPointer<UInt8>, _ target: inout UnsafeMutableRawPointer) {
        put("\"", &target)
        put(bytes, &target)
        put("\"", &target)
    }

    private mutating func putTyped(_ bytes: UnsafeBufferPointer<UInt8>, _ quoting: CSVField.Quoting, _ type: ColumnType,
                                   _ target: inout UnsafeMutableRawPointer) -> Bool {
        if type == .json { return putJSON(bytes, quoting, &target) }
        if quoting == .doubled { return false }
        switch type {
        case .int:
            guard CSVValue.isInteger(bytes) else { return false }
            Self.put(bytes, &target)
        case .double, .decimal:
            guard CSVValue.isNumber(bytes) else { return false }
            Self.put(bytes, &target)
        case .bool:
            guard let value = CSVValue.bool(bytes) else { return false }
            if value { Self.put("true", &target) } else { Self.put("false", &target) }
        case .timestamp:
            guard CSVValue.isTimestamp(bytes) else { return false }
            Self.putString(bytes, &target)
        case .date:
            guard CSVValue.isDate(bytes) else { return false }
            Self.putString(bytes, &target)
        case .string, .json:
            return false  // written elsewhere
        }
        return true
    }

    private mutating func putJSON(_ bytes: UnsafeBufferPointer<UInt8>, _ quoting: CSVField.Quoting,
                                  _ target: inout UnsafeMutableRawPointer) -> Bool {
        let start = target
        var at = 0
        while at < bytes.count {
            target.storeBytes(of: bytes[at], as: UInt8.self)
            target += 1
            at += quoting == .doubled && bytes[at] == quote ? 2 : 1
        }
        scratch.reset()
        return scanner.scan(UnsafeRawBufferPointer(start: start, count: target - start), into: frame, arena: &scratch).code == .ok
    }

    private func escape(_ bytes: UnsafeBufferPointer<UInt8>, _ quoting: CSVField.Quoting, _ target: inout UnsafeMutableRawPointer) {
        Self.put("\"", &target)
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            at += quoting == .doubled && byte == quote ? 2 : 1
            if byte >= 0x20, byte != 0x22, byte != 0x5c {
                target.storeBytes(of: byte, as: UInt8.self)
                target += 1
            } else {
                Self.escape(byte, &target)
            }
        }
        Self.put("\"", &target)
    }

    private static func escape(_ byte: UInt8, _ target: inout UnsafeMutableRawPointer) {
        switch byte {
        case 0x22: put("\\\"", &target)
        case 0x5c: put("\\\\", &target)
        case 0x0a: put("\\n", &target)
        case 0x0d: put("\\r", &target)
        case 0x09: put("\\t", &target)
        case 0x08: put("\\b", &target)
        case 0x0c: put("\\f", &target)
        default:
            put("\\u00", &target)
            putHex(byte >> 4, &target)
            putHex(byte & 15, &target)
        }
    }

    private static func putHex(_ digit: UInt8, _ target: inout UnsafeMutableRawPointer) {
        target.storeBytes(of: digit < 10 ? 0x30 + digit : 0x57 + digit, as: UInt8.self)
        target += 1
    }

    @inline(never)
    private func wrongCount(_ count: Int) -> Result {
        .bad(.fields, "the row has \(count) fields where there are \(names.count) columns")
    }

    @inline(never)
    private func wrongType(_ column: Int) -> Result {
        .bad(.type, "column '\(names[column])' isn't of type \(types[column].rawValue)")
    }
}
