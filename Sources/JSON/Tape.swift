// Hot path: per record.
import Bytes
import CBytes

/// One JSON text, checked whole (RFC 8259), as a flat list of nodes in the order they are written: for readers that look at
/// values more than once, or at every value. One for each thread; once warm, reading allocates nothing.
///
/// A container's first child is the node behind it, and `next` leads behind its last one. In objects keys and values take turns.
/// Of members with the same key the last counts; the others stay in the list, marked.
public struct Tape: ~Copyable {
    var nodes = Scratch<TapeNode>(capacity: 256)
    private var open = Scratch<Open>(capacity: 64)
    private let kinds: UnsafeMutablePointer<UInt8>
    /// Strings that have escapes, without them.
    private var unescaped = ByteBuffer()
    private var slots = Scratch<Int32>(capacity: 64)
    private let maxDepth: Int
    private let keyHash = KeyHash.shared
    private var text = UnsafeRawBufferPointer(start: nil, count: 0)

    /// An object or array whose end hasn't come yet.
    private struct Open: BitwiseCopyable {
        var node: Int32
        var isObject: Bool
        /// One bit for each of the keys' hashes: two keys with the same bit may be the same key.
        var seen: UInt64 = 0
        var mayRepeat = false
    }

    /// - Parameter maxDepth: how many containers may be open at once, 1 or more.
    public init(maxDepth: Int = 512) {
        precondition(maxDepth > 0, "maxDepth must be at least 1")
        self.maxDepth = maxDepth
        kinds = .allocate(capacity: 1)
    }

    deinit { kinds.deallocate() }

    /// What was read. Good until the next `read`, and as long as the tape and the text live.
    public var view: TapeView {
        TapeView(
            nodes: UnsafePointer(nodes.start), count: nodes.count, text: text,
            unescaped: UnsafeRawPointer(unescaped.bytes.baseAddress.unsafelyUnwrapped))  // a buffer's memory is never nil
    }

    /// Reads `text`, which must outlive what is done with `view`. After a failure `view` means nothing.
    public mutating func read(_ text: UnsafeRawBufferPointer) -> ScanResult {
        nodes.count = 0
        open.count = 0
        unescaped.reset()
        self.text = text
        guard let start = text.baseAddress, text.count > 0 else { return ScanResult(code: .emptyInput, offset: 0) }
        guard text.count <= UInt32.max else { return ScanResult(code: .tooLarge, offset: 0) }
        let base = start.assumingMemoryBound(to: UInt8.self)
        var reader = Reader(base: base, end: base + text.count, kinds: kinds, maxDepth: maxDepth)
        let first = reader.skipWhite(base)
        guard first < reader.end else { return ScanResult(code: .emptyInput, offset: text.count) }
        guard let last = value(first, &reader) else { return reader.failure }
        let rest = reader.skipWhite(last)
        guard rest == reader.end else { return ScanResult(code: .trailing, offset: rest - base) }
        return ScanResult(code: .ok, offset: 0)
    }

    private mutating func value(_ first: UnsafePointer<UInt8>, _ reader: inout Reader) -> UnsafePointer<UInt8>? {
        let end = reader.end
        var p = first
        value: while true {
            // p is where a value must start.
            guard p < end else { return reader.fail(.truncated, at: end) }
            switch p[0] {
            case UInt8(ascii: "\""):
                let (close, escaped) = reader.string(p + 1)
                guard let close else { return nil }
                string(p + 1, close, escaped, reader.base)
                p = close + 1
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                let isObject = p[0] == UInt8(ascii: "{")
                if open.count == maxDepth { return reader.fail(.depth, at: p) }
                let node = Int32(truncatingIfNeeded: nodes.count)
                append(isObject ? .object : .array, p - reader.base)
                p = reader.skipWhite(p + 1)
                if p < end, p[0] == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
                    p += 1
                    close(Int(node), p - reader.base, count: 0)
                } else {
                    open.append(Open(node: node, isObject: isObject))
                    if isObject {
                        guard let next = key(p, &reader) else { return nil }
                        p = next
                    }
                    continue value
                }
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                guard let last = reader.numberEnd(p) else { return nil }
                number(p, last, reader.base)
                p = last
            default:
                guard let last = reader.literal(p) else { return nil }
                append(p[0] == UInt8(ascii: "n") ? .null : p[0] == UInt8(ascii: "t") ? .true : .false, p - reader.base)
                nodes.start[nodes.count - 1].end = UInt32(truncatingIfNeeded: last - reader.base)
                p = last
            }
            // p is behind a value: close what ends here, or go on to the next value.
            while open.count > 0 {
                p = reader.skipWhite(p)
                let top = open.start + (open.count - 1)
                guard p < end else { return reader.fail(.truncated, at: end) }
                let container = nodes.start + Int(top.pointee.node)
                if p[0] == UInt8(ascii: ",") {
                    container.pointee.count &+= 1
                    p = reader.skipWhite(p + 1)
                    if top.pointee.isObject {
                        guard let next = key(p, &reader) else { return nil }
                        p = next
                    }
                    continue value
                }
                guard p[0] == (top.pointee.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    return reader.fail(.syntax, at: p)
                }
                p += 1
                let node = Int(top.pointee.node)
                close(node, p - reader.base, count: Int(container.pointee.count) + 1)
                if top.pointee.mayRepeat { markRepeated(node) }
                open.count -= 1
            }
            return p
        }
    }

    @inline(__always)
    private mutating func append(_ kind: TapeNode.Kind, _ start: Int) {
        let next = UInt32(truncatingIfNeeded: nodes.count + 1)
        nodes.append(TapeNode(start: UInt32(truncatingIfNeeded: start), end: 0, next: next, count: 0, kind: kind, flags: 0))
    }

    private mutating func close(_ node: Int, _ end: Int, count: Int) {
        nodes.start[node].end = UInt32(truncatingIfNeeded: end)
        nodes.start[node].next = UInt32(truncatingIfNeeded: nodes.count)
        nodes.start[node].count = UInt32(truncatingIfNeeded: count)
    }

    @inline(__always)
    private mutating func number(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ base: UnsafePointer<UInt8>) {
        append(.number, start - base)
        let node = nodes.start + (nodes.count - 1)
        node.pointee.end = UInt32(truncatingIfNeeded: end - base)
        var p = start
        while p < end {
            if p[0] == UInt8(ascii: ".") || p[0] | 0x20 == UInt8(ascii: "e") { return }
            p += 1
        }
        node.pointee.flags = TapeNode.Flags.integer
    }

    @inline(__always)
    private mutating func string(_ content: UnsafePointer<UInt8>, _ close: UnsafePointer<UInt8>, _ escaped: Bool,
                                 _ base: UnsafePointer<UInt8>) {
        append(.string, content - base)
        nodes.start[nodes.count - 1].end = UInt32(truncatingIfNeeded: close - base)
        if escaped { unescapeLast(content, close) }
    }

    /// The last node is a string with escapes: from now on it leads to its text without them.
    @inline(never)
    private mutating func unescapeLast(_ content: UnsafePointer<UInt8>, _ close: UnsafePointer<UInt8>) {
        let start = unescaped.count
        let count = unescape(content, close - content, to: unescaped.reserve(close - content))
        unescaped.advance(count)
        let node = nodes.start + (nodes.count - 1)
        node.pointee.place = node.pointee.start
        node.pointee.start = UInt32(truncatingIfNeeded: start)
        node.pointee.end = UInt32(truncatingIfNeeded: start + count)
        node.pointee.flags |= TapeNode.Flags.unescaped
    }

    /// Reads a key whose quote must be at `p`, and its colon; returns where the value starts.
    @inline(__always)
    private mutating func key(_ p: UnsafePointer<UInt8>, _ reader: inout Reader) -> UnsafePointer<UInt8>? {
        guard p < reader.end, p[0] == UInt8(ascii: "\"") else { return reader.unexpected(at: p) }
        let (close, escaped) = reader.string(p + 1)
        guard let close else { return nil }
        let colon = reader.skipWhite(close + 1)
        guard colon < reader.end, colon[0] == UInt8(ascii: ":") else { return reader.unexpected(at: colon) }
        string(p + 1, close, escaped, reader.base)
        let hash: UInt32
        if escaped {
            hash = UInt32(truncatingIfNeeded: keyHash(view.string(nodes.count - 1)))
        } else {
            hash = UInt32(truncatingIfNeeded: keyHash(p + 1, close - (p + 1)))
        }
        nodes.start[nodes.count - 1].count = hash
        nodes.start[nodes.count - 1].flags |= TapeNode.Flags.key
        let top = open.start + (open.count - 1)
        let bit = UInt64(1) << UInt64(hash >> 26)
        if top.pointee.seen & bit != 0 { top.pointee.mayRepeat = true }
        top.pointee.seen |= bit
        return reader.skipWhite(colon + 1)
    }

    /// Marks the members of an object whose key comes again.
    @inline(never)
    private mutating func markRepeated(_ object: Int) {
        let view = view
        let end = Int(nodes.start[object].next)
        var size = 16
        while size < Int(nodes.start[object].count) * 2 { size *= 2 }
        slots.count = 0
        for _ in 0..<size { slots.append(-1) }
        var repeated: UInt32 = 0
        var key = object + 1
        while key < end {
            var slot = Int(nodes.start[key].count) & (size - 1)
            while slots.start[slot] >= 0 {
                let other = Int(slots.start[slot])
                if nodes.start[other].count == nodes.start[key].count, view.string(other).elementsEqual(view.string(key)) {
                    nodes.start[other].flags |= TapeNode.Flags.repeated
                    repeated += 1
                    break
                }
                slot = (slot + 1) & (size - 1)
            }
            slots.start[slot] = Int32(truncatingIfNeeded: key)
            key = Int(nodes.start[key + 1].next)
        }
        nodes.start[object].count -= repeated
    }
}
