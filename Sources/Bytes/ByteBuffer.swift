// Hot path: per record.
import Glibc

/// Bytes that are appended to, kept in one piece; grows and stays grown, so that after the first records nothing allocates.
/// Not thread-safe.
public struct ByteBuffer: ~Copyable {
    @usableFromInline var start: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    /// Bytes appended since `reset`.
    public private(set) var count = 0

    public init(capacity: Int = 1024) {
        self.capacity = max(capacity, 64)
        start = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { start.deallocate() }

    /// Everything appended since `reset`; valid until the next append, `reserve` or `reset`.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    /// Forgets the content, keeps the memory.
    public mutating func reset() { count = 0 }

    /// Where the next byte goes, with room for `byteCount` of them; `advance` says how many were written there.
    public mutating func reserve(_ byteCount: Int) -> UnsafeMutablePointer<UInt8> {
        if capacity - count < byteCount { grow(byteCount) }
        return (start + count).assumingMemoryBound(to: UInt8.self)
    }

    /// Takes over `byteCount` bytes that were written to what `reserve` gave.
    public mutating func advance(_ byteCount: Int) { count += byteCount }

    public mutating func append(_ byte: UInt8) {
        reserve(1).pointee = byte
        count += 1
    }

    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        if capacity - count < bytes.count { grow(bytes.count) }
        memcpy(start + count, source, bytes.count)
        count += bytes.count
    }

    @inline(never)
    private mutating func grow(_ byteCount: Int) {
        let larger = max(capacity * 2, count + byteCount)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        moved.copyMemory(from: start, byteCount: count)
        start.deallocate()
        start = moved
        capacity = larger
    }
}
