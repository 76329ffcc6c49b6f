public import Bytes

/// Offsets of a top-level member whose key isn't wanted: the key's opening quote, the value, and behind the value.
struct UnknownSpan: BitwiseCopyable {
    var key: UInt32
    var value: UInt32
    var end: UInt32
}

/// A top-level member of the record whose key is no wanted path's first name.
@frozen
public struct UnknownMember: BitwiseCopyable {
    /// Without quotes and escapes; in the record or the arena.
    public var key: UnsafeRawBufferPointer
    /// The value's JSON text in the record.
    public var value: UnsafeRawBufferPointer
}

extension Scanner {
    /// After a successful scan of the same record, with `reportsUnknownKeys`: the top-level members whose key isn't in the trie, in
    /// the order their keys come first, each with its last duplicate's value. The list and keys with escapes are in `arena`.
    public mutating func unknownKeys(_ record: UnsafeRawBufferPointer, arena: inout Arena) -> UnsafeBufferPointer<UnknownMember> {
        precondition(reportsUnknownKeys, "the scanner wasn't made to report unknown keys")
        requireScanned(record)
        guard unknown.count > 0, let start = record.baseAddress else { return UnsafeBufferPointer(start: nil, count: 0) }
        let base = start.assumingMemoryBound(to: UInt8.self)
        let result = arena.allocate(unknown.count * MemoryLayout<UnknownMember>.stride).assumingMemoryBound(to: UnknownMember.self)
        var index = KeyIndex(capacity: unknown.count, &arena)
        var count = 0
        for i in 0..<unknown.count {
            let span = unknown.start[i]
            let key = keyContent(base + Int(span.key) + 1, limit: base + Int(span.value), &arena)
            let value = UnsafeRawBufferPointer(start: base + Int(span.value), count: Int(span.end - span.value))
            let at = index.find(key, count) { result[$0].key }
            (result + at).initialize(to: UnknownMember(key: key, value: value))
            if at == count { count += 1 }
        }
        return UnsafeBufferPointer(start: result, count: count)
    }
}

/// The content of a checked key that starts at `start` (behind the quote), without its escapes.
func keyContent(_ start: UnsafePointer<UInt8>, limit: UnsafePointer<UInt8>, _ arena: inout Arena) -> UnsafeRawBufferPointer {
    let (close, escaped) = trustedStringEnd(start, limit, limit: limit)
    return escaped ? Scanner.unescaped(start, close, &arena).bytes : UnsafeRawBufferPointer(start: start, count: close - start)
}

/// Finds keys that came before, in linear time however many there are and whoever chose them (Swift's seeded hash).
struct KeyIndex: ~Copyable {
    private let slots: UnsafeMutablePointer<Int32>
    private let mask: Int

    /// In the arena.
    init(capacity: Int, _ arena: inout Arena) {
        var size = 8
        while size < capacity * 2 { size *= 2 }
        slots = arena.allocate(size * 4).assumingMemoryBound(to: Int32.self)
        slots.initialize(repeating: -1, count: size)
        mask = size - 1
    }

    /// The number under which an equal key came before; otherwise `next`, from now on this key's number.
    mutating func find(_ key: UnsafeRawBufferPointer, _ next: Int, known: (Int) -> UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: key)
        var i = hasher.finalize() & mask
        while slots[i] >= 0 {
            let other = known(Int(slots[i]))
            if other.count == key.count, other.elementsEqual(key) { return Int(slots[i]) }
            i = (i + 1) & mask
        }
        slots[i] = Int32(truncatingIfNeeded: next)
        return next
    }
}
