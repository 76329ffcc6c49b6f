/// All paths that a stage's steps, expressions and outputs want, as one trie. Every node has a slot: slot 0 is the whole
/// message (path []), and inner nodes have theirs, so that "no such key", null and "not a map" stay distinct.
/// Used while compiling; the scanner makes its own tables of it.
public struct SlotTrie: Sendable {
    struct Node: Sendable {
        var name: String
        var parent: Int
        /// In the order they were added.
        var children: [Int] = []
    }
    private(set) var nodes = [Node(name: "", parent: -1)]

    public init() {}

    /// How many values a frame must hold. Slots count from 0 without gaps, parents before their children.
    public var slotCount: Int { nodes.count }

    /// The slot of a path, added where it is new. The same path always has the same slot.
    @discardableResult
    public mutating func slot(_ path: [String]) -> Int {
        var current = 0
        for name in path { current = child(name, of: current) ?? add(name, below: current) }
        return current
    }

    /// The slot of a path if it is wanted.
    public func find(_ path: [String]) -> Int? {
        var current = 0
        for name in path {
            guard let next = child(name, of: current) else { return nil }
            current = next
        }
        return current
    }

    public func path(of slot: Int) -> [String] {
        var names: [String] = []
        var current = slot
        while current > 0 {
            names.append(nodes[current].name)
            current = nodes[current].parent
        }
        return names.reversed()
    }

    /// The names that paths go on with from a slot, and their slots.
    public func children(of slot: Int) -> [(name: String, slot: Int)] { nodes[slot].children.map { (nodes[$0].name, $0) } }

    /// All wanted slots under it, not itself.
    public func slots(below slot: Int) -> [Int] {
        var result: [Int] = []
        var pending = nodes[slot].children
        while let next = pending.popLast() {
            result.append(next)
            pending += nodes[next].children
        }
        return result.sorted()
    }

    /// Whether `ancestor` stands above `slot` in the trie (a slot isn't above itself).
    func isAncestor(_ ancestor: Int, of slot: Int) -> Bool {
        var current = nodes[slot].parent
        while current >= 0 {
            if current == ancestor { return true }
            current = nodes[current].parent
        }
        return false
    }

    // Names are compared byte for byte, as JSON keys are: Swift's == would take é and e + ´ for the same.
    private func child(_ name: String, of slot: Int) -> Int? {
        nodes[slot].children.first { nodes[$0].name.utf8.elementsEqual(name.utf8) }
    }

    private mutating func add(_ name: String, below slot: Int) -> Int {
        nodes.append(Node(name: name, parent: slot))
        nodes[slot].children.append(nodes.count - 1)
        return nodes.count - 1
    }
}
