// Hot path: per record.
import CBytes
import Glibc

/// The trie as tables: for each slot a small hash table from key bytes to the child's slot. Never changes; freed by `deallocate`.
struct KeyTable {
    struct Entry {
        /// The key's first eight bytes (fewer: filled with zeros).
        var head: UInt64 = 0
        var text: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        /// -1: empty.
        var slot: Int32 = -1
    }
    struct Node {
        /// Nil: no path goes on here.
        var entries: UnsafeMutablePointer<Entry>?
        var mask: UInt32 = 0
        /// See `EditTable.Node.recording`.
        var recording: UInt8 = 0
        var isTracked = false
        /// All slots below this one.
        var below: UnsafeBufferPointer<Int32>
    }
    let nodes: UnsafeMutablePointer<Node>
    let slotCount: Int

    init(_ trie: SlotTrie, _ edits: EditTable) {
        slotCount = trie.slotCount
        nodes = .allocate(capacity: slotCount)
        for slot in 0..<slotCount {
            let below = UnsafeMutableBufferPointer<Int32>.allocate(capacity: trie.slots(below: slot).count)
            _ = below.initialize(from: trie.slots(below: slot).map(Int32.init))
            var node = Node(recording: edits.nodes[slot].recording, isTracked: edits.nodes[slot].isTracked,
                            below: UnsafeBufferPointer(below))
            let children = trie.nodes[slot].children
            if !children.isEmpty {
                var capacity = 4
                while capacity < children.count * 2 { capacity *= 2 }
                let entries = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
                entries.initialize(repeating: Entry(), count: capacity)
                node.entries = entries
                node.mask = UInt32(capacity - 1)
                for child in children { Self.insert(trie.nodes[child].name, slot: child, into: node) }
            }
            (nodes + slot).initialize(to: node)
        }
    }

    func deallocate() {
        for slot in 0..<slotCount {
            nodes[slot].below.deallocate()
            guard let entries = nodes[slot].entries else { continue }
            for i in 0...Int(nodes[slot].mask) { entries[i].text?.deallocate() }
            entries.deallocate()
        }
        nodes.deallocate()
    }

    /// The slot of the key `length` bytes from `key`, in the object of slot `node`; -1: not wanted. May read up to `end`.
    @inline(__always)
    func find(_ key: UnsafePointer<UInt8>, _ length: Int, end: UnsafePointer<UInt8>, in node: Int) -> Int {
        guard let entries = nodes[node].entries else { return -1 }
        let head = Self.head(key, length, end: end)
        let mask = Int(nodes[node].mask)
        var i = Self.hash(head, key, length) & mask
        while entries[i].slot >= 0 {
            if entries[i].head == head, Int(entries[i].length) == length,
               length <= 8 || memcmp(entries[i].text.unsafelyUnwrapped, key, length) == 0 {
                return Int(entries[i].slot)
            }
            i = (i + 1) & mask
        }
        return -1
    }

    private static func insert(_ name: String, slot: Int, into node: Node) {
        guard let entries = node.entries else { return }
        let bytes = Array(name.utf8)
        let text = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bytes.count, 1))
        text.initialize(from: bytes, count: bytes.count)
        let head = head(text, bytes.count, end: text + bytes.count)
        var i = hash(head, text, bytes.count) & Int(node.mask)
        while entries[i].slot >= 0 { i = (i + 1) & Int(node.mask) }
        entries[i] = Entry(head: head, text: UnsafePointer(text), length: UInt32(bytes.count), slot: Int32(slot))
    }

    @inline(__always)
    private static func head(_ key: UnsafePointer<UInt8>, _ length: Int, end: UnsafePointer<UInt8>) -> UInt64 {
        if length >= 8 { return cb_load64(key) }
        if end - key >= 8 { return cb_load64(key) & ((1 << UInt64(length * 8)) &- 1) }
        var word: UInt64 = 0
        for i in 0..<length { word |= UInt64(key[i]) << UInt64(i * 8) }
        return word
    }

    @inline(__always)
    private static func hash(_ head: UInt64, _ key: UnsafePointer<UInt8>, _ length: Int) -> Int {
        let tail = length > 8 ? cb_load64(key + (length - 8)) : 0
        let mixed = (head ^ (tail &* 0x9e37_79b9_7f4a_7c15) ^ UInt64(length)) &* 0xff51_afd7_ed55_8ccd
        return Int(truncatingIfNeeded: mixed >> 40)
    }
}
