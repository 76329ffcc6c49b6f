/// How the output document differs from the input: a compiled edit list is the scanner's `edits`.
public enum Edit: Sendable, Equatable {
    /// The path's member gets the value that the frame's slot holds at the end; `.absent` removes it.
    case set(slot: Int)
    /// Only these paths' members stay, and what is set. A parent of a kept path stays, if it is an object, with nothing but
    /// its kept members; otherwise it goes. At most one for each scanner.
    case keepOnly(slots: [Int])

    /// Two slots whose edits can't be made in one go, because one writes a member inside the other: nil when there are none.
    /// A path that is set may be inside a kept one, but nothing may be set or kept inside a path that is set. A program with
    /// such a pair takes two scanners, the second on the first one's output.
    public static func conflict(in edits: [Edit], _ trie: SlotTrie) -> (outer: Int, inner: Int)? {
        var sets: [Int] = []
        var touched: [Int] = []
        for edit in edits {
            switch edit {
            case .set(let slot):
                sets.append(slot)
                touched.append(slot)
            case .keepOnly(let slots): touched += slots
            }
        }
        for outer in sets {
            for inner in touched where trie.isAncestor(outer, of: inner) { return (outer, inner) }
        }
        return nil
    }
}

/// The edits as flags and lists for each slot.
struct EditTable {
    struct Node {
        /// Its own value is set.
        var isSet = false
        /// Something below it is set.
        var hasSets = false
        /// It is an object of which only kept and set members stay.
        var keepsOnly = false
        /// It or something below it is kept.
        var isKept = false
        /// Members to be told of while scanning: 0 none, 1 those whose slot `isTracked`, 2 all.
        var recording: UInt8 = 0
        /// Children that are set or have sets below, in the order of the edits.
        var setChildren: [Int] = []

        var isTracked: Bool { isSet || hasSets || keepsOnly || isKept }
    }
    private(set) var nodes: [Node]
    /// Slots that are set, each once, in the order of the edits.
    private(set) var sets: [Int] = []
    private(set) var keeps = false

    init(_ edits: [Edit], _ trie: SlotTrie) {
        nodes = Array(repeating: Node(), count: trie.slotCount)
        var kept: Set<Int> = []
        for edit in edits {
            switch edit {
            case .set(let slot):
                precondition(slot > 0 && slot < trie.slotCount, "an edit sets a slot that is no member's")
                if !nodes[slot].isSet { sets.append(slot) }
                nodes[slot].isSet = true
                link(slot, trie)
            case .keepOnly(let slots):
                precondition(!keeps, "more than one keepOnly")
                keeps = true
                kept = Set(slots)
            }
        }
        if keeps { markKeeps(kept, trie) }
        for slot in nodes.indices where nodes[slot].hasSets || nodes[slot].keepsOnly {
            nodes[slot].recording = nodes[slot].keepsOnly ? 2 : 1
        }
    }

    /// Tells every parent of a set slot about it.
    private mutating func link(_ slot: Int, _ trie: SlotTrie) {
        var child = slot
        while child > 0 {
            let parent = trie.nodes[child].parent
            nodes[parent].hasSets = true
            if !nodes[parent].setChildren.contains(child) { nodes[parent].setChildren.append(child) }
            child = parent
        }
    }

    private mutating func markKeeps(_ kept: Set<Int>, _ trie: SlotTrie) {
        // Parents come before their children: whatever stands inside a kept path stays whole.
        var whole = Array(repeating: false, count: nodes.count)
        for slot in nodes.indices {
            let parent = trie.nodes[slot].parent
            whole[slot] = kept.contains(slot) || (parent >= 0 && whole[parent])
        }
        for slot in kept {
            var current = slot
            while current >= 0 {
                nodes[current].isKept = true
                current = trie.nodes[current].parent
            }
        }
        for slot in nodes.indices where !whole[slot] && (slot == 0 || nodes[slot].isKept || nodes[slot].hasSets) {
            nodes[slot].keepsOnly = true
        }
    }
}
