// Hot path: per record.
import Bytes

/// What `Scanner.write` works with: the edits for each slot, and what is to be done to the record.
struct Splice: ~Copyable {
    struct Node {
        var edits: EditNode
        /// Where its set children stand in `children`.
        var firstChild: Int32
        var childCount: Int32
        var parent: Int32
        /// `"key":` as it is written.
        var key: UnsafeRawBufferPointer
    }
    /// The flags of `EditTable.Node` without its list.
    struct EditNode {
        var isSet: Bool
        var hasSets: Bool
        var keepsOnly: Bool
        var isKept: Bool
        var isTracked: Bool
    }
    enum Content: UInt8 {
        case nothing
        /// The slot's value, in place of another.
        case value
        /// A new object with everything set below the slot.
        case object
        /// Members set below the slot that aren't there yet, at the end of the object; a comma first, or not.
        case members
        case membersAfterComma
    }
    /// `record[start..<end]` makes way for `content`.
    struct Operation: BitwiseCopyable {
        var start: UInt32
        var end: UInt32
        var slot: Int32
        var content: Content
    }

    let nodes: UnsafeMutablePointer<Node>
    let slotCount: Int
    private let children: UnsafeMutablePointer<Int32>
    let sets: UnsafeMutableBufferPointer<Int32>
    /// The values of `sets` as the scan read them.
    private let original: UnsafeMutablePointer<Value>
    let keeps: Bool
    /// Everything that is set is a member of the root.
    let isFlat: Bool
    /// The number of the `write` in which a slot was last found changed, present, seen, handled.
    let changed: UnsafeMutablePointer<UInt64>
    let present: UnsafeMutablePointer<UInt64>
    let seen: UnsafeMutablePointer<UInt64>
    let handled: UnsafeMutablePointer<UInt64>
    var stamp: UInt64 = 0
    /// From the record's end to its start.
    var operations = Scratch<Operation>(capacity: 32)
    var output = JSONWriter()

    init(_ table: EditTable, _ trie: SlotTrie) {
        slotCount = trie.slotCount
        nodes = .allocate(capacity: slotCount)
        var list: [Int32] = []
        for slot in 0..<slotCount {
            let edit = table.nodes[slot]
            var writer = JSONWriter()
            var name = trie.nodes[slot].name
            name.withUTF8 { writer.string(UnsafeRawBufferPointer($0)) }
            writer.raw(UInt8(ascii: ":"))
            let key = UnsafeMutableRawBufferPointer.allocate(byteCount: writer.bytes.count, alignment: 16)
            key.copyMemory(from: writer.bytes)
            let flags = EditNode(
                isSet: edit.isSet, hasSets: edit.hasSets, keepsOnly: edit.keepsOnly, isKept: edit.isKept,
                isTracked: edit.isTracked)
            let node = Node(
                edits: flags, firstChild: Int32(list.count), childCount: Int32(edit.setChildren.count),
                parent: Int32(trie.nodes[slot].parent), key: UnsafeRawBufferPointer(key))
            (nodes + slot).initialize(to: node)
            list += edit.setChildren.map(Int32.init)
        }
        children = .allocate(capacity: max(list.count, 1))
        children.initialize(from: list, count: list.count)
        sets = .allocate(capacity: table.sets.count)
        _ = sets.initialize(from: table.sets.map(Int32.init))
        original = .allocate(capacity: max(sets.count, 1))
        original.initialize(repeating: .absent, count: sets.count)
        keeps = table.keeps
        isFlat = !table.keeps && table.sets.allSatisfy { trie.nodes[$0].parent == 0 }
        func stamps(_ count: Int) -> UnsafeMutablePointer<UInt64> {
            let result = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
            result.initialize(repeating: 0, count: count)
            return result
        }
        changed = stamps(slotCount)
        present = stamps(slotCount)
        seen = stamps(slotCount)
        handled = stamps(slotCount)
    }

    deinit {
        for slot in 0..<slotCount { nodes[slot].key.deallocate() }
        nodes.deallocate()
        children.deallocate()
        sets.deallocate()
        original.deallocate()
        changed.deallocate()
        present.deallocate()
        seen.deallocate()
        handled.deallocate()
    }

    /// Takes note of what the scan read, so that `write` sees what was set since.
    @inline(__always)
    func remember(_ frame: UnsafeMutablePointer<Value>) {
        for i in 0..<sets.count { original[i] = frame[Int(sets[i])] }
    }

    /// Marks what was set, with all its parents. Returns whether anything was.
    mutating func markChanges(_ frame: UnsafePointer<Value>) -> Bool {
        stamp += 1
        var any = false
        for i in 0..<sets.count {
            let slot = Int(sets[i])
            let value = frame[slot]
            if value.bits != original[i].bits || value.meta != original[i].meta {
                any = true
                mark(slot, changed)
            }
            if value.tag != .absent { mark(slot, present) }
        }
        return any
    }

    private func mark(_ slot: Int, _ stamps: UnsafeMutablePointer<UInt64>) {
        var current = slot
        while current >= 0, stamps[current] != stamp {
            stamps[current] = stamp
            current = Int(nodes[current].parent)
        }
    }

    func isChanged(_ slot: Int) -> Bool { changed[slot] == stamp }
    /// Whether it, or something below it, is set to a value.
    func isPresent(_ slot: Int) -> Bool { present[slot] == stamp }

    func setChild(_ i: Int, of slot: Int) -> Int { Int(children[Int(nodes[slot].firstChild) + i]) }

    // MARK: Output

    /// The object `record[open..<]` with all members that are set, none of which it has, behind its last one, in `output`. Returns
    /// a slot whose value has no JSON form; nil: done, `output` being empty where nothing is set.
    mutating func append(_ record: UnsafeRawBufferPointer, open: Int, contentEnd: Int, _ frame: UnsafePointer<Value>) -> Int? {
        output.reset()
        var hasMembers = contentEnd > open + 1
        for i in 0..<sets.count {
            let slot = Int(sets[i])
            if frame[slot].tag == .absent { continue }
            if output.buffer.count == 0 {
                _ = output.buffer.reserve(record.count + 256)
                output.raw(UnsafeRawBufferPointer(rebasing: record[..<contentEnd]))
            }
            if hasMembers { output.raw(UInt8(ascii: ",")) }
            hasMembers = true
            output.raw(nodes[slot].key)
            guard output.append(frame[slot], record: record) else { return slot }
        }
        if output.buffer.count > 0 { output.raw(UnsafeRawBufferPointer(rebasing: record[contentEnd...])) }
        return nil
    }

    /// The record with the operations done, in `output`. Returns a slot whose value has no JSON form; nil: done.
    mutating func run(_ record: UnsafeRawBufferPointer, _ frame: UnsafePointer<Value>) -> Int? {
        guard let base = record.baseAddress else { return nil }
        output.reset()
        // Room for most of what is to come, so that it grows at most once more.
        _ = output.buffer.reserve(record.count + 256)
        var cursor = 0
        var i = operations.count
        while i > 0 {
            i -= 1
            let operation = operations.start[i]
            output.raw(UnsafeRawBufferPointer(start: base + cursor, count: Int(operation.start) &- cursor))
            let slot = Int(operation.slot)
            var failed: Int?
            switch operation.content {
            case .nothing: break
            case .value: failed = output.append(frame[slot], record: record) ? nil : slot
            case .object: failed = object(slot, frame, record)
            case .members: failed = missingMembers(of: slot, afterComma: false, frame, record)
            case .membersAfterComma: failed = missingMembers(of: slot, afterComma: true, frame, record)
            }
            if let failed { return failed }
            cursor = Int(operation.end)
        }
        output.raw(UnsafeRawBufferPointer(start: base + cursor, count: record.count &- cursor))
        return nil
    }

    private mutating func missingMembers(
        of node: Int, afterComma: Bool, _ frame: UnsafePointer<Value>,
        _ record: UnsafeRawBufferPointer
    ) -> Int? {
        var comma = afterComma
        for i in 0..<Int(nodes[node].childCount) {
            let child = setChild(i, of: node)
            guard seen[child] != stamp, isPresent(child) else { continue }
            if let failed = member(child, afterComma: comma, frame, record) { return failed }
            comma = true
        }
        return nil
    }

    private mutating func member(
        _ slot: Int, afterComma: Bool, _ frame: UnsafePointer<Value>,
        _ record: UnsafeRawBufferPointer
    ) -> Int? {
        if afterComma { output.raw(UInt8(ascii: ",")) }
        output.raw(nodes[slot].key)
        if nodes[slot].edits.isSet { return output.append(frame[slot], record: record) ? nil : slot }
        return object(slot, frame, record)
    }

    /// Recursion is bounded by the longest path that is set.
    private mutating func object(_ node: Int, _ frame: UnsafePointer<Value>, _ record: UnsafeRawBufferPointer) -> Int? {
        output.raw(UInt8(ascii: "{"))
        var comma = false
        for i in 0..<Int(nodes[node].childCount) {
            let child = setChild(i, of: node)
            guard isPresent(child) else { continue }
            if let failed = member(child, afterComma: comma, frame, record) { return failed }
            comma = true
        }
        output.raw(UInt8(ascii: "}"))
        return nil
    }
}
