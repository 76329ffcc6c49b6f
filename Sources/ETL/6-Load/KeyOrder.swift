// Hot path: per record.
import Glibc

/// The rows of a batch in the order of their keys' bytes, equal keys in the order in which they came: a table whose index is walked
/// in order is merged into faster, and sorting here leaves the server's only thread for what only it can do.
///
/// It is the server's own order where that goes by bytes (text in the C collation, uuid, numbers from 0 on) and close to it
/// elsewhere; nothing depends on it but speed. What is equal here is equal there.
struct KeyOrder: ~Copyable {
    private struct Entry: BitwiseCopyable {
        /// Of the first key column: up to eight bytes behind what all rows have in common.
        var prefix: UInt64
        /// Where its content starts, and how long it is.
        var start: Int
        var length: Int32
        var row: Int32
    }

    private var entries: UnsafeMutableBufferPointer<Entry> = .allocate(capacity: 0)
    private(set) var count = 0
    /// The rows of which a later one has the same key.
    private(set) var superseded: [Int32] = []

    deinit { entries.deallocate() }

    mutating func reset() {
        count = 0
        superseded.removeAll(keepingCapacity: true)
    }

    /// The row that comes at this place.
    func row(at place: Int) -> Int { Int(entries[place].row) }

    /// - Parameter keys: numbers of the key columns among those of a row.
    mutating func sort(_ copy: borrowing CopyBuffer, _ records: borrowing BufferedRows, _ keys: [Int]) {
        guard let firstKey = keys.first, records.count > 0 else { return reset() }
        count = records.count
        if entries.count < count {
            entries.deallocate()
            entries = .allocate(capacity: Swift.max(count, 2 * entries.count))
        }
        let bytes = copy.bytes(0..<copy.count)
        for row in 0..<count {
            let field = Self.field(firstKey, of: records.start(row), bytes)
            entries[row] = Entry(prefix: 0, start: field.start, length: field.length, row: Int32(truncatingIfNeeded: row))
        }
        setPrefixes(bytes)
        let others = keys.dropFirst()
        var used = UnsafeMutableBufferPointer(rebasing: entries[0..<count])
        used.sort { one, other in
            if one.prefix != other.prefix { return one.prefix < other.prefix }
            let order = Self.compare(one.start, one.length, other.start, other.length, bytes)
            if order != 0 { return order < 0 }
            if !others.isEmpty {
                let rest = Self.compare(records.start(Int(one.row)), records.start(Int(other.row)), others, bytes)
                if rest != 0 { return rest < 0 }
            }
            return one.row < other.row
        }
        noteSuperseded(records, others, bytes)
    }

    private func setPrefixes(_ bytes: UnsafeRawBufferPointer) {
        let first = entries[0]
        var common = Int(first.length)
        for entry in entries[1..<count] {
            let limit = Swift.min(common, Int(entry.length))
            var same = 0
            while same < limit, bytes[first.start + same] == bytes[entry.start + same] { same += 1 }
            common = same
            if common == 0 { break }
        }
        for place in 0..<count {
            let entry = entries[place]
            var prefix: UInt64 = 0
            for index in common..<Swift.max(common, Swift.min(common + 8, Int(entry.length))) {
                prefix |= UInt64(bytes[entry.start + index]) << UInt64(56 - 8 * (index - common))
            }
            entries[place].prefix = prefix
        }
    }

    private mutating func noteSuperseded(
        _ records: borrowing BufferedRows, _ others: ArraySlice<Int>, _ bytes: UnsafeRawBufferPointer
    ) {
        superseded.removeAll(keepingCapacity: true)
        for place in 0..<(count - 1) {
            let (one, next) = (entries[place], entries[place + 1])
            guard Self.compare(one.start, one.length, next.start, next.length, bytes) == 0 else { continue }
            if others.isEmpty || Self.compare(records.start(Int(one.row)), records.start(Int(next.row)), others, bytes) == 0 {
                superseded.append(one.row)
            }
        }
    }

    /// A field of the row in COPY's format that starts at `start`: its content.
    private static func field(_ number: Int, of start: Int, _ bytes: UnsafeRawBufferPointer) -> (start: Int, length: Int32) {
        var place = start + 2  // the count of fields
        for _ in 0..<number { place += 4 + Int(Swift.max(length(at: place, bytes), 0)) }
        return (place + 4, Swift.max(length(at: place, bytes), 0))
    }

    @inline(__always)
    private static func length(at place: Int, _ bytes: UnsafeRawBufferPointer) -> Int32 {
        Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: place, as: Int32.self))
    }

    @inline(__always)
    private static func compare(
        _ start: Int, _ length: Int32, _ otherStart: Int, _ otherLength: Int32, _ bytes: UnsafeRawBufferPointer
    ) -> Int32 {
        guard let base = bytes.baseAddress else { return 0 }
        let order = memcmp(base + start, base + otherStart, Int(Swift.min(length, otherLength)))
        return order != 0 ? order : length &- otherLength
    }

    /// Of two rows, by these columns.
    private static func compare(_ row: Int, _ other: Int, _ keys: ArraySlice<Int>, _ bytes: UnsafeRawBufferPointer) -> Int32 {
        for key in keys {
            let (one, two) = (field(key, of: row, bytes), field(key, of: other, bytes))
            let order = compare(one.start, one.length, two.start, two.length, bytes)
            if order != 0 { return order }
        }
        return 0
    }
}
