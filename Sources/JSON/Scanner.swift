// Hot path: per record.
public import Bytes
import CBytes

/// Reads records: one exact pass over the whole record (RFC 8259; last duplicate key wins) fills a slot for each wanted path,
/// and writes them again with edits, spliced from the input's own bytes. One for each thread; once warm nothing allocates.
///
/// Values in the frame point into the record, into the arena given to `scan`, or (numbers) say where in the record their
/// digits are.
public struct Scanner: ~Copyable {
    typealias Pointer = UnsafePointer<UInt8>

    /// A member of an object that edits are made in.
    struct Member: BitwiseCopyable {
        /// Offsets in the record: the key's opening quote, the value's first byte, and behind the value.
        var key: UInt32
        var value: UInt32
        var end: UInt32
        /// -1: not a wanted path.
        var slot: Int32
        /// The member told of before it in the same object; -1: none.
        var previous: Int32
    }

    let table: KeyTable
    let maxDepth: Int
    let reportsUnknownKeys: Bool
    /// The root's members are looked at although none may be wanted.
    private var tellsRootMembers: Bool { reportsUnknownKeys || table.nodes[0].recording != 0 }
    let kinds: UnsafeMutablePointer<UInt8>
    var reader: Reader
    var prediction = KeyPrediction()
    /// For keys with escapes.
    private var keyText = ByteBuffer()
    private var keySlot = -1

    // What the last scan found, for `write` and `unknownKeys`.
    /// The record, if it was JSON.
    private var scanned = UnsafeRawBufferPointer(start: nil, count: 0)
    var members = Scratch<Member>(capacity: 64)
    /// Slot of an object that edits are made in → its last member in `members`.
    let lastMember: UnsafeMutablePointer<Int32>
    var unknown = Scratch<UnknownSpan>(capacity: 64)
    var splice: Splice
    /// After a `write` that gave nil: the slot whose value has no JSON form.
    public internal(set) var unwritableSlot: Int?

    /// - Parameters:
    ///   - edits: what `write` does. Precondition: `Edit.conflict(in:_:)` finds none, and at most one is `keepOnly`.
    ///   - reportsUnknownKeys: whether `unknownKeys` will be asked.
    ///   - maxDepth: how many containers may be open at once, 1 or more.
    public init(_ trie: SlotTrie, edits: [Edit] = [], reportsUnknownKeys: Bool = false, maxDepth: Int = 512) {
        precondition(Edit.conflict(in: edits, trie) == nil, "an edit inside a path that is set")
        precondition(maxDepth > 0, "maxDepth must be at least 1")
        let editTable = EditTable(edits, trie)
        table = KeyTable(trie, editTable)
        self.maxDepth = maxDepth
        self.reportsUnknownKeys = reportsUnknownKeys
        kinds = .allocate(capacity: maxDepth)
        lastMember = .allocate(capacity: trie.slotCount)
        lastMember.initialize(repeating: -1, count: trie.slotCount)
        let nothing = UnsafePointer(kinds)
        reader = Reader(base: nothing, end: nothing, kinds: kinds, maxDepth: maxDepth)
        splice = Splice(editTable, trie)
    }

    deinit {
        table.deallocate()
        kinds.deallocate()
        lastMember.deallocate()
    }

    /// Checks the whole record and fills `frame[0..<slotCount]`: `.absent` where there is no such key. Strings with escapes are
    /// unescaped into `arena`; everything else refers to `record`. After a failure the frame's content means nothing.
    public mutating func scan(_ record: UnsafeRawBufferPointer, into frame: UnsafeMutablePointer<Value>,
                              arena: inout Arena) -> ScanResult {
        frame.update(repeating: .absent, count: table.slotCount)
        members.count = 0
        unknown.count = 0
        scanned = UnsafeRawBufferPointer(start: nil, count: 0)
        guard let start = record.baseAddress, record.count > 0 else { return ScanResult(code: .emptyInput, offset: 0) }
        guard record.count <= UInt32.max else { return ScanResult(code: .tooLarge, offset: 0) }
        let base = start.assumingMemoryBound(to: UInt8.self)
        reader = Reader(base: base, end: base + record.count, kinds: kinds, maxDepth: maxDepth)
        prediction.startRecord()
        let first = reader.skipWhite(base)
        guard first < reader.end else { return ScanResult(code: .emptyInput, offset: record.count) }
        guard let last = value(first, reader.end, slot: 0, frame, &arena) else { return reader.failure }
        let rest = reader.skipWhite(last)
        guard rest == reader.end else { return ScanResult(code: .trailing, offset: rest - base) }
        prediction.endRecord()
        splice.remember(frame)
        scanned = record
        return ScanResult(code: .ok, offset: 0)
    }

    /// How many members of the record no path names, from the last scan, if unknown keys are reported: a key that comes again
    /// counts again.
    public var unknownKeyCount: Int { unknown.count }

    /// Offsets of another record would lead anywhere.
    @inline(__always)
    func requireScanned(_ record: UnsafeRawBufferPointer) {
        precondition(record.baseAddress == scanned.baseAddress && record.count == scanned.count,
                     "the last scan wasn't of this record, or refused it")
    }

    /// Reads the value of a wanted path at `p` into its slot; returns where it ends.
    @inline(__always)
    private mutating func value(_ p: Pointer, _ end: Pointer, slot: Int, _ frame: UnsafeMutablePointer<Value>,
                                _ arena: inout Arena) -> Pointer? {
        guard p < end else { return reader.unexpected(at: p) }
        let first = p[0]
        if first == UInt8(ascii: "\"") {
            let (close, escaped) = reader.string(p + 1)
            guard let close else { return nil }
            frame[slot] = escaped ? Self.unescaped(p + 1, close, &arena) : Self.plain(p + 1, close)
            return close + 1
        }
        if first &- 48 <= 9 || first == UInt8(ascii: "-") { return reader.number(p, into: frame + slot) }
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") { return nested(p, slot: slot, frame, &arena) }
        guard let last = reader.literal(p) else { return nil }
        frame[slot] = first == UInt8(ascii: "n") ? .null : .bool(first == UInt8(ascii: "t"))
        return last
    }

    /// A wanted object or list.
    @inline(never)
    private mutating func nested(_ p: Pointer, slot: Int, _ frame: UnsafeMutablePointer<Value>, _ arena: inout Arena) -> Pointer? {
        let isObject = p[0] == UInt8(ascii: "{")
        let inner = isObject && (table.nodes[slot].entries != nil || (slot == 0 && tellsRootMembers))
        guard let last = inner ? object(p, slot: slot, frame, &arena) : reader.container(p) else { return nil }
        frame[slot] = Self.raw(isObject ? .map : .list, p, last)
        return last
    }

    /// Reads an object with wanted members. Recursion is bounded by the longest wanted path and by `maxDepth`.
    private mutating func object(_ open: Pointer, slot node: Int, _ frame: UnsafeMutablePointer<Value>,
                                 _ arena: inout Arena) -> Pointer? {
        if reader.depth == maxDepth { return reader.fail(.depth, at: open) }
        reader.depth &+= 1
        let end = reader.end
        let recording = table.nodes[node].recording
        if recording != 0 { lastMember[node] = -1 }
        let tells = recording != 0 || (node == 0 && reportsUnknownKeys)
        var p = skipWhite(open + 1, end)
        if p < end, p[0] == UInt8(ascii: "}") {
            reader.depth &-= 1
            return p + 1
        }
        while true {
            let key = p
            let slot: Int
            if let length = prediction.match(p, end: end, parent: node) {
                p += length
                slot = prediction.matchedSlot
            } else {
                guard let colon = unpredictedKey(p, node: node) else { return nil }
                p = colon
                slot = keySlot
            }
            if p < end, p[0] != UInt8(ascii: "\"") { p = skipWhite(p, end) }
            let start = p
            // A path that comes again starts from nothing.
            if slot >= 0, UInt8(truncatingIfNeeded: frame[slot].meta) != Tag.absent.rawValue { reset(below: slot, frame) }
            if p < end, p[0] == UInt8(ascii: "\"") {
                let (close, escaped) = reader.string(p + 1)
                guard let close else { return nil }
                if slot >= 0 {
                    frame[slot] = escaped ? Self.unescaped(p + 1, close, &arena) : Self.plain(p + 1, close)
                }
                p = close + 1
            } else {
                guard let last = slot >= 0 ? value(p, end, slot: slot, frame, &arena) : reader.skip(p) else { return nil }
                p = last
            }
            if tells { tell(node, slot, key: key, value: start, end: p) }
            if p < end, p[0] == UInt8(ascii: ",") {
                p = skipWhite(p + 1, end)
                continue
            }
            p = skipWhite(p, end)
            guard p < end else { return reader.fail(.truncated, at: end) }
            if p[0] == UInt8(ascii: ",") {
                p = skipWhite(p + 1, end)
                continue
            }
            guard p[0] == UInt8(ascii: "}") else { return reader.fail(.syntax, at: p) }
            reader.depth &-= 1
            return p + 1
        }
    }

    /// Takes note of a member for `write` and `unknownKeys`, if they will want it.
    @inline(__always)
    private mutating func tell(_ node: Int, _ slot: Int, key: Pointer, value: Pointer, end: Pointer) {
        let all = table.nodes[node].recording == 2
        if all || (slot >= 0 ? table.nodes[slot].isTracked : node == 0 && reportsUnknownKeys) {
            record(node, slot, key: key, value: value, end: end)
        }
    }

    /// Reads a key the slow way, learns it, and leaves its slot in `keySlot`. Returns where its value may start.
    @inline(never)
    private mutating func unpredictedKey(_ p: Pointer, node: Int) -> Pointer? {
        guard p < reader.end, p[0] == UInt8(ascii: "\"") else { return reader.unexpected(at: p) }
        let (close, escaped) = reader.string(p + 1)
        guard let close else { return nil }
        let colon = reader.skipWhite(close + 1)
        guard colon < reader.end, colon[0] == UInt8(ascii: ":") else { return reader.unexpected(at: colon) }
        if escaped {
            keyText.reset()
            let target = keyText.reserve(close - p)
            let length = unescape(p + 1, close - (p + 1), to: target)
            keySlot = table.find(target, length, end: target + length, in: node)
        } else {
            keySlot = table.find(p + 1, close - (p + 1), end: reader.end, in: node)
        }
        prediction.learn(p, colon + 1, parent: node, slot: keySlot)
        return colon + 1
    }

    @inline(never)
    private mutating func reset(below slot: Int, _ frame: UnsafeMutablePointer<Value>) {
        for inner in table.nodes[slot].below { frame[Int(inner)] = .absent }
    }

    @inline(never)
    private mutating func record(_ node: Int, _ slot: Int, key: Pointer, value: Pointer, end: Pointer) {
        if node == 0, slot < 0, reportsUnknownKeys {
            unknown.append(UnknownSpan(key: offset(key), value: offset(value), end: offset(end)))
        }
        guard table.nodes[node].recording != 0 else { return }
        members.append(Member(key: offset(key), value: offset(value), end: offset(end), slot: Int32(truncatingIfNeeded: slot),
                              previous: lastMember[node]))
        lastMember[node] = Int32(truncatingIfNeeded: members.count - 1)
    }

    private func offset(_ p: Pointer) -> UInt32 { UInt32(truncatingIfNeeded: p - reader.base) }

    @inline(__always)
    static func plain(_ content: Pointer, _ close: Pointer) -> Value {
        .string(UnsafeRawBufferPointer(start: content, count: close - content), plain: true)
    }

    static func raw(_ tag: Tag, _ start: Pointer, _ end: Pointer) -> Value {
        Value(tag, flags: Value.Flags.raw, length: UInt32(truncatingIfNeeded: end - start), bits: UInt64(UInt(bitPattern: start)))
    }

    /// The string between two quotes without its escapes, in the arena.
    @inline(never)
    static func unescaped(_ content: Pointer, _ close: Pointer, _ arena: inout Arena) -> Value {
        let target = arena.allocate(close - content)
        let count = unescape(content, close - content, to: target.assumingMemoryBound(to: UInt8.self))
        arena.shrinkLast(target, to: count)
        return .string(UnsafeRawBufferPointer(start: target, count: count))
    }
}
