// Hot path: per record.

/// A record in a segment, and whose it is.
struct MemoryEntry: BitwiseCopyable {
    /// `owner` of a record that no reader sees: its transaction was aborted.
    static let aborted: Int32 = -1

    var record: LogRecord
    /// The producer session that wrote it, 0 outside transactions.
    var owner: Int32
    /// What it counts for against the memory bound.
    var byteCount: Int32
}

/// A run of records in one block of memory, which never moves: their bytes from its start on, their entries from its end back.
/// Readers that handed out spans hold the segment.
///
/// Unchecked: written with the log's monitor entered, and only behind what was handed out; read anywhere.
final class MemorySegment: @unchecked Sendable {
    private static let entryBytes = MemoryLayout<MemoryEntry>.stride

    private let bytes: UnsafeMutableRawPointer
    let capacity: Int
    private var used = 0
    private(set) var count = 0

    /// - Parameter capacity: of bytes and entries together.
    init(capacity: Int) {
        self.capacity = (capacity + 15) & ~15
        bytes = .allocate(byteCount: self.capacity, alignment: 16)
    }

    /// What a segment for one record of this size needs.
    static func capacity(for byteCount: Int) -> Int { (byteCount + 15) & ~15 + entryBytes }

    deinit { bytes.deallocate() }

    /// `byteCount` bytes aligned to 16, for a record whose entry is appended next; nil: no room.
    func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        let start = (used + 15) & ~15
        guard capacity - (count + 1) * Self.entryBytes - start >= byteCount else { return nil }
        used = start + byteCount
        return bytes + start
    }

    func append(_ entry: MemoryEntry) {
        slot(count).initializeMemory(as: MemoryEntry.self, to: entry)
        count += 1
    }

    func entry(_ index: Int) -> UnsafeMutablePointer<MemoryEntry> { slot(index).assumingMemoryBound(to: MemoryEntry.self) }

    private func slot(_ index: Int) -> UnsafeMutableRawPointer { bytes + (capacity - (index + 1) * Self.entryBytes) }

    /// Index of the first entry at or after `offset`.
    func index(of offset: Int64) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if entry(middle).pointee.record.offset < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// One partition. Everything with the log's monitor entered.
final class MemoryPartition {
    private static let firstSegmentBytes = 16 << 10
    /// A partition holds up to two segments that are in part unused, which no bound counts.
    private static let segmentBytes = 256 << 10

    /// An open transaction's part in this partition.
    struct OpenTransaction {
        var session: Int32
        var first: Int64
        var byteCount: Int
    }

    let index: Int32
    /// The first offset that can be read.
    private(set) var first: Int64 = 0
    /// The offset the next record gets.
    private(set) var next: Int64 = 0
    var open: [OpenTransaction] = []
    /// Bytes of all records there are.
    private(set) var heldBytes = 0
    /// Bytes of the records some group has yet to commit past, open transactions' among them, aborted ones' not.
    private(set) var pendingBytes = 0
    private var segments: [MemorySegment] = []
    private var startIndex = 0
    /// What every group has committed past ends here; only for topics that keep it.
    private var consumed = (segment: 0, index: 0)

    init(index: Int32) { self.index = index }

    /// The last stable offset: where a read-committed reader ends.
    var stable: Int64 {
        var result = next
        for transaction in open { result = min(result, transaction.first) }
        return result
    }

    /// Copies a record behind the others; returns what it counts for.
    func append(_ record: borrowing OutputRecord, owner: Int32, timestamp: Int64) -> Int {
        var size = record.key.count + record.value.count + record.headers.count * MemoryLayout<LogHeader>.stride
        for header in record.headers { size += header.name.count + header.value.count }
        var (segment, target) = room(for: size)
        let headers = target.bindMemory(to: LogHeader.self, capacity: record.headers.count)
        target += record.headers.count * MemoryLayout<LogHeader>.stride
        let key = Self.copy(record.key, to: &target)
        let value = Self.copy(record.value, to: &target)
        for (index, header) in record.headers.enumerated() {
            let name = Self.copy(header.name, to: &target)
            headers[index] = LogHeader(name: name, value: Self.copy(header.value, to: &target))
        }
        let counted = size + MemoryLayout<MemoryEntry>.stride
        let copied = LogRecord(
            key: key, value: value, headers: UnsafeBufferPointer(start: headers, count: record.headers.count),
            partition: index, offset: next, timestamp: timestamp)
        segment.append(MemoryEntry(record: copied, owner: owner, byteCount: Int32(clamping: counted)))
        next += 1
        heldBytes += counted
        pendingBytes += counted
        return counted
    }

    private static func copy(_ bytes: UnsafeRawBufferPointer, to target: inout UnsafeMutableRawPointer) -> UnsafeRawBufferPointer {
        guard let base = bytes.baseAddress else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let start = target
        start.copyMemory(from: base, byteCount: bytes.count)
        target += bytes.count
        return UnsafeRawBufferPointer(start: start, count: bytes.count)
    }

    private func room(for size: Int) -> (MemorySegment, UnsafeMutableRawPointer) {
        if let last = segments.last, let target = last.allocate(size) { return (last, target) }
        let capacity = segments.last.map { min(Self.segmentBytes, $0.capacity * 2) } ?? Self.firstSegmentBytes
        let segment = MemorySegment(capacity: max(capacity, MemorySegment.capacity(for: size)))
        segments.append(segment)
        // A new segment has room for what its capacity was chosen by.
        return (segment, segment.allocate(size).unsafelyUnwrapped)
    }

    /// A transaction's end: a control marker takes an offset; an aborted transaction's records are never seen.
    func end(_ session: Int32, aborted: Bool) {
        guard let at = open.firstIndex(where: { $0.session == session }) else { return }
        if aborted {
            forEach(from: open[at].first) { entry in
                guard entry.pointee.owner == session else { return }
                entry.pointee.owner = MemoryEntry.aborted
                pendingBytes -= Int(entry.pointee.byteCount)
            }
        }
        open.remove(at: at)
        next += 1
    }

    private func forEach(from offset: Int64, _ body: (UnsafeMutablePointer<MemoryEntry>) -> Void) {
        for number in segmentNumber(of: offset)..<segments.count {
            let segment = segments[number]
            var index = max(segment.index(of: offset), number == 0 ? startIndex : 0)
            while index < segment.count {
                body(segment.entry(index))
                index += 1
            }
        }
    }

    /// The first segment that may hold `offset`; `segments.count` where there are none.
    private func segmentNumber(of offset: Int64) -> Int {
        var low = 0
        var high = segments.count
        while low + 1 < high {
            let middle = (low + high) / 2
            // Only the newest segment can be empty, and only while its first record is being appended.
            if segments[middle].entry(0).pointee.record.offset <= offset { low = middle } else { high = middle }
        }
        return low
    }

    /// Copies visible records from `position` on to `target`, at most `limit` of them below `end`, and about `byteLimit` bytes
    /// (one record always fits). Moves `position` behind what was read, or to `end`. Adds the segments they stand in to `holds`.
    func read(
        _ position: inout Int64, below end: Int64, limit: Int, byteLimit: inout Int, into target: UnsafeMutablePointer<LogRecord>,
        holds: inout [MemorySegment]
    ) -> Int {
        var count = 0
        for number in segmentNumber(of: position)..<segments.count {
            let segment = segments[number]
            var index = segment.index(of: position)
            let before = count
            while index < segment.count, segment.entry(index).pointee.record.offset < end {
                if count == limit || byteLimit <= 0 { break }
                let entry = segment.entry(index)
                if entry.pointee.owner != MemoryEntry.aborted {
                    target[count] = entry.pointee.record
                    byteLimit -= Int(entry.pointee.byteCount)
                    count += 1
                }
                position = entry.pointee.record.offset + 1
                index += 1
            }
            if count > before { holds.append(segment) }
            if count == limit || byteLimit <= 0 { return count }
        }
        position = max(position, end)
        return count
    }

    /// Every group has committed up to `offset`; without `keeping`, what stands before it is freed.
    func consume(upTo offset: Int64, keeping: Bool) {
        let end = min(offset, stable)
        while consumed.segment < segments.count {
            let segment = segments[consumed.segment]
            while consumed.index < segment.count, segment.entry(consumed.index).pointee.record.offset < end {
                let entry = segment.entry(consumed.index).pointee
                if entry.owner != MemoryEntry.aborted { pendingBytes -= Int(entry.byteCount) }
                consumed.index += 1
            }
            guard consumed.index == segment.count, consumed.segment + 1 < segments.count else { break }
            consumed = (consumed.segment + 1, 0)
        }
        if !keeping { free(upTo: end) }
    }

    /// Frees what stands before `offset`, which is at most the last stable offset.
    private func free(upTo offset: Int64) {
        while let segment = segments.first {
            while startIndex < segment.count, segment.entry(startIndex).pointee.record.offset < offset { dropFirst(segment) }
            guard startIndex == segment.count, segments.count > 1 else { break }
            removeFirstSegment()
        }
        first = max(first, offset)
    }

    private func dropFirst(_ segment: MemorySegment) {
        let entry = segment.entry(startIndex).pointee
        heldBytes -= Int(entry.byteCount)
        first = entry.record.offset + 1
        startIndex += 1
    }

    private func removeFirstSegment() {
        segments.removeFirst()
        startIndex = 0
        consumed = consumed.segment > 0 ? (consumed.segment - 1, consumed.index) : (0, 0)
    }

    /// Drops the oldest record, if it isn't in an open transaction; whether a reader lost something by it; nil: nothing to drop.
    func dropOldest() -> Bool? {
        if let exhausted = segments.first, startIndex == exhausted.count, segments.count > 1 { removeFirstSegment() }
        guard let segment = segments.first, startIndex < segment.count else { return nil }
        let entry = segment.entry(startIndex).pointee
        guard entry.record.offset < stable else { return nil }
        dropFirst(segment)
        return entry.owner != MemoryEntry.aborted
    }

    /// A first or another group reads the topic: everything there is counts as pending until `consume` says otherwise.
    func countPendingAgain() {
        consumed = (0, startIndex)
        pendingBytes = 0
        forEach(from: first) { entry in
            if entry.pointee.owner != MemoryEntry.aborted { pendingBytes += Int(entry.pointee.byteCount) }
        }
    }
}
