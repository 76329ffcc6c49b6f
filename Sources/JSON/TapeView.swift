// Hot path: per record.
import CBytes

/// A value, or a member's key, in a `Tape`.
@frozen
public struct TapeNode: BitwiseCopyable, Sendable {
    /// JSON's types; `true` and `false` are two.
    @frozen
    public enum Kind: UInt8, Sendable { case null, `false`, `true`, number, string, array, object }

    /// What flags say.
    public enum Flags {
        /// A number without a point or an exponent.
        public static let integer: UInt8 = 1
        /// A string with escapes: `start` and `end` count in the tape's own memory, `place` in the text.
        public static let unescaped: UInt8 = 2
        /// A member's key.
        public static let key: UInt8 = 4
        /// A key that comes again later in the same object: the member doesn't count.
        public static let repeated: UInt8 = 8
    }

    /// Where it starts: a string's first byte behind the quote, otherwise the value's first byte.
    public var start: UInt32
    /// Behind its last byte; for a string its closing quote.
    public var end: UInt32
    /// Index of the node behind all that is in it.
    public var next: UInt32
    /// Elements or members that count; for a key its hash (`KeyHash`).
    public var count: UInt32
    /// Only for strings with escapes: see `Flags.unescaped`.
    public var place: UInt32 = 0
    public var kind: Kind
    public var flags: UInt8

    @usableFromInline
    init(start: UInt32, end: UInt32, next: UInt32, count: UInt32, kind: Kind, flags: UInt8) {
        self.start = start
        self.end = end
        self.next = next
        self.count = count
        self.kind = kind
        self.flags = flags
    }
}

/// What a `Tape` has read. Owns nothing: see `Tape.view`.
@frozen
public struct TapeView: BitwiseCopyable {
    public let nodes: UnsafePointer<TapeNode>
    public let count: Int
    public let text: UnsafeRawBufferPointer
    @usableFromInline let unescaped: UnsafeRawPointer

    @usableFromInline
    init(nodes: UnsafePointer<TapeNode>, count: Int, text: UnsafeRawBufferPointer, unescaped: UnsafeRawPointer) {
        self.nodes = nodes
        self.count = count
        self.text = text
        self.unescaped = unescaped
    }

    @inlinable public subscript(node: Int) -> TapeNode { nodes[node] }

    /// The content of a string or key, without escapes.
    @inlinable
    public func string(_ node: Int) -> UnsafeRawBufferPointer {
        let start = Int(nodes[node].start)
        let base = nodes[node].flags & TapeNode.Flags.unescaped != 0 ? unescaped : text.baseAddress.unsafelyUnwrapped
        return UnsafeRawBufferPointer(start: base + start, count: Int(nodes[node].end) - start)
    }

    /// A number's text, or a container's; for a string without its quotes, escapes as written.
    @inlinable
    public func written(_ node: Int) -> UnsafeRawBufferPointer {
        let start = Int(nodes[node].start)
        // What was read had a first byte, so it has an address.
        return UnsafeRawBufferPointer(start: text.baseAddress.unsafelyUnwrapped + start, count: Int(nodes[node].end) - start)
    }

    /// Where the value or key starts in the text, its quote included.
    public func offset(_ node: Int) -> Int {
        let node = nodes[node]
        guard node.kind == .string else { return Int(node.start) }
        return Int(node.flags & TapeNode.Flags.unescaped != 0 ? node.place : node.start) - 1
    }

    /// The value of the member of an object that has this key, and counts; nil: there is none.
    public func member(_ name: UnsafeRawBufferPointer, of object: Int) -> Int? {
        guard nodes[object].kind == .object else { return nil }
        let end = Int(nodes[object].next)
        var key = object + 1
        while key < end {
            if nodes[key].flags & TapeNode.Flags.repeated == 0, string(key).elementsEqual(name) { return key + 1 }
            key = Int(nodes[key + 1].next)
        }
        return nil
    }

    /// The text of a value as it was written, quotes included.
    public func source(_ node: Int) -> UnsafeRawBufferPointer {
        let start = offset(node)
        var end = Int(nodes[node].end)
        if nodes[node].kind == .string {
            end = start + 1
            // Checked text: a quote ends it, and a backslash never does.
            while text[end] != UInt8(ascii: "\"") { end += text[end] == UInt8(ascii: "\\") ? 2 : 1 }
            end += 1
        }
        return UnsafeRawBufferPointer(rebasing: text[start..<end])
    }
}

/// Hashes of keys, different in each process, so that nobody who writes records can choose keys that collide.
@frozen
public struct KeyHash: BitwiseCopyable, Sendable {
    private let first = UInt64.random(in: .min ... .max)
    private let second = UInt64.random(in: .min ... .max) | 1

    /// This process's.
    public static let shared = KeyHash()

    private init() {}

    /// Multiply and fold, eight bytes at a time, as wyhash does (https://github.com/wangyi-fudan/wyhash). Reads `count` bytes.
    public func callAsFunction(_ key: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
        var state = first ^ UInt64(truncatingIfNeeded: count)
        var p = key
        var left = count
        while left > 16 {
            state = Self.fold(cb_load64(p) ^ second, cb_load64(p + 8) ^ state)
            p += 16
            left -= 16
        }
        var a: UInt64 = 0
        var b: UInt64 = 0
        if left >= 8 {
            a = cb_load64(p)
            b = cb_load64(p + (left - 8))
        } else if left >= 4 {
            a = UInt64(cb_load32(p))
            b = UInt64(cb_load32(p + (left - 4)))
        } else if left > 0 {
            a = UInt64(p[0]) << 16 | UInt64(p[left >> 1]) << 8 | UInt64(p[left - 1])
        }
        return Self.fold(a ^ second, b ^ state) ^ state
    }

    public func callAsFunction(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        guard let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return first }
        return self(start, bytes.count)
    }

    /// Of two words.
    public func callAsFunction(_ a: UInt64, _ b: UInt64) -> UInt64 { Self.fold(a ^ second, b ^ first) }

    @inline(__always)
    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}
