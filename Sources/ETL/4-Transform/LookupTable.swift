// Hot path: per record.
internal import Bytes
internal import JSON

/// A table that records are joined to by one column. Immutable once built.
///
/// `@unchecked Sendable`: everything its pointers lead to is written by `LookupTable.Builder` before the table exists and
/// never again, and freed by `deinit`; so any number of threads may read it at once, as long as each keeps a reference.
public final class LookupTable: @unchecked Sendable {
    public let name: String
    /// The column records are looked up by.
    public let key: String
    /// In the order of the file, the key column among them.
    public let columns: [String]
    public let rowCount: Int
    /// Bytes the table holds in memory.
    public let heldBytes: Int
    /// What the hot path reads: good as long as the table lives.
    let index: LookupIndex
    private let memory: Arena

    fileprivate init(name: String, key: String, columns: [String], index: LookupIndex, memory: consuming Arena) {
        self.name = name
        self.key = key
        self.columns = columns
        self.index = index
        rowCount = index.rowCount
        heldBytes =
            memory.heldBytes + (index.mask + 1) * MemoryLayout<LookupIndex.Entry>.stride
            + index.rowCount * columns.count * MemoryLayout<Value>.stride
        self.memory = memory
    }

    deinit {
        index.entries.deallocate()
        index.rows.deallocate()
    }

    /// A table of no rows: enough to compile expressions against.
    static func empty(name: String, key: String, columns: [String]) -> LookupTable {
        Builder(name: name, key: key, columns: columns).finish()
    }
}

/// The pointers of a `LookupTable`: trivially copied into a stage's program, which keeps the table alive.
struct LookupIndex: BitwiseCopyable {
    /// An open-addressing slot: key bytes, their hash's upper half (0 in `row` means free, rows count from 1).
    struct Entry: BitwiseCopyable {
        var key: UnsafeRawPointer?
        var length: UInt32
        var hash: UInt32
        var row: UInt64
    }

    fileprivate(set) var entries: UnsafeMutablePointer<Entry>
    fileprivate(set) var mask: Int
    /// `columnCount` values for each row; their strings live in the table's memory.
    fileprivate(set) var rows: UnsafeMutablePointer<Value>
    fileprivate(set) var columnCount: Int
    fileprivate(set) var rowCount: Int

    /// The values of the row whose key has these bytes; nil: there is none.
    func find(_ key: UnsafeRawBufferPointer) -> UnsafePointer<Value>? {
        let hash = Self.hash(key)
        var slot = Int(truncatingIfNeeded: hash) & mask
        let upper = UInt32(truncatingIfNeeded: hash >> 32)
        while true {
            let entry = entries[slot]
            if entry.row == 0 { return nil }
            if entry.hash == upper, Int(entry.length) == key.count, Self.equal(entry.key, key.baseAddress, key.count) {
                return UnsafePointer(rows + (Int(truncatingIfNeeded: entry.row) - 1) * columnCount)
            }
            slot = (slot + 1) & mask
        }
    }

    /// Multiply and fold eight bytes at a time, as wyhash does (https://github.com/wangyi-fudan/wyhash). Keys come from
    /// whoever wrote the table, so no seed is needed against chosen collisions.
    static func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
        var state: UInt64 = 0xa076_1d64_78bd_642f ^ UInt64(truncatingIfNeeded: key.count)
        var left = key.count
        guard var next = key.baseAddress else { return fold(state, 0xe703_7ed1_a0b4_28db) }
        while left >= 8 {
            state = fold(state ^ next.loadUnaligned(as: UInt64.self), 0xe703_7ed1_a0b4_28db)
            next += 8
            left -= 8
        }
        var tail: UInt64 = 0
        while left > 0 {
            left -= 1
            tail = tail << 8 | UInt64(next.load(fromByteOffset: left, as: UInt8.self))
        }
        return fold(state ^ tail, 0x8ebc_6af0_9c88_c6e3)
    }

    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    private static func equal(_ a: UnsafeRawPointer?, _ b: UnsafeRawPointer?, _ count: Int) -> Bool {
        guard let a, let b else { return count == 0 }
        var index = 0
        while index + 8 <= count {
            if a.loadUnaligned(fromByteOffset: index, as: UInt64.self) != b.loadUnaligned(fromByteOffset: index, as: UInt64.self) {
                return false
            }
            index += 8
        }
        while index < count {
            if a.load(fromByteOffset: index, as: UInt8.self) != b.load(fromByteOffset: index, as: UInt8.self) { return false }
            index += 1
        }
        return true
    }
}

extension LookupTable {
    /// Collects rows, then makes the table. One thread.
    struct Builder: ~Copyable {
        private let name: String
        private let key: String
        private let columns: [String]
        private let keyColumn: Int
        private var memory = Arena(chunkBytes: 256 << 10)
        private var values: [Value] = []
        private var keys: [(key: UnsafeRawBufferPointer, line: Int)] = []
        private var firstLine: [UInt64: [Int]] = [:]

        /// - Parameter columns: `key` is one of them.
        init(name: String, key: String, columns: [String]) {
            self.name = name
            self.key = key
            self.columns = columns
            keyColumn = columns.firstIndex(of: key) ?? 0
        }

        /// Adds a row; strings are copied.
        /// - Parameter line: where it starts in its file, from 1.
        /// - Returns: the line of an earlier row with the same key; then nothing was added.
        mutating func append(_ row: [Value], key text: UnsafeRawBufferPointer, line: Int) -> Int? {
            let hash = LookupIndex.hash(text)
            for earlier in firstLine[hash] ?? [] where keys[earlier].key.elementsEqual(text) { return keys[earlier].line }
            firstLine[hash, default: []].append(keys.count)
            keys.append((memory.copy(text), line))
            for value in row {
                guard let start = value.pointer, [.string, .bytes, .list, .map].contains(value.tag) else {
                    values.append(value)
                    continue
                }
                let copy = memory.copy(UnsafeRawBufferPointer(start: start, count: Int(value.length)))
                values.append(
                    Value(bits: UInt64(UInt(bitPattern: copy.baseAddress)), meta: value.meta & ~(UInt64(Value.Flags.plain) << 8)))
            }
            return nil
        }

        consuming func finish() -> LookupTable {
            var capacity = 8
            while capacity * 3 < keys.count * 5 { capacity *= 2 }
            let entries = UnsafeMutablePointer<LookupIndex.Entry>.allocate(capacity: capacity)
            entries.initialize(repeating: .init(key: nil, length: 0, hash: 0, row: 0), count: capacity)
            for (row, entry) in keys.enumerated() {
                let hash = LookupIndex.hash(entry.key)
                var slot = Int(truncatingIfNeeded: hash) & (capacity - 1)
                while entries[slot].row != 0 { slot = (slot + 1) & (capacity - 1) }
                entries[slot] = .init(
                    key: entry.key.baseAddress, length: UInt32(truncatingIfNeeded: entry.key.count),
                    hash: UInt32(truncatingIfNeeded: hash >> 32), row: UInt64(row) + 1)
            }
            let rows = UnsafeMutablePointer<Value>.allocate(capacity: max(1, values.count))
            rows.initialize(from: values, count: values.count)
            let index = LookupIndex(
                entries: entries, mask: capacity - 1, rows: rows, columnCount: columns.count, rowCount: keys.count)
            return LookupTable(name: name, key: key, columns: columns, index: index, memory: memory)
        }
    }
}
