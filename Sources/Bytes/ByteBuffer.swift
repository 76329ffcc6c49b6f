// Hot path: per record.
/// Bytes that are appended to, kept in one piece; grows and stays grown, so that after the first records nothing allocates.
/// Not thread-safe.
public struct ByteBuffer: ~Copyable {
    @usableFromInline var start: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    /// Bytes appended since `reset`.
    @inlinable public var count: Int { used }
    @usableFromInline var used = 0

    public init(capacity: Int = 1024) {
        self.capacity = max(capacity, 64)
        start = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { start.deallocate() }

    /// Everything appended since `reset`; valid until the next append, `reserve` or `reset`.
    @inlinable public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: used) }

    /// Forgets the content, keeps the memory.
    @inlinable
    public mutating func reset() { used = 0 }

    /// Where the next byte goes, with room for `byteCount` of them; `advance` says how many were written there.
    @inlinable
    public mutating func reserve(_ byteCount: Int) -> UnsafeMutablePointer<UInt8> {
        if capacity - used < byteCount { grow(byteCount) }
        return (start + used).assumingMemoryBound(to: UInt8.self)
    }

    /// Takes over `byteCount` bytes that were written to what `reserve` gave.
    @inlinable
    public mutating func advance(_ byteCount: Int) { used += byteCount }

    @inlinable
    public mutating func append(_ byte: UInt8) {
        reserve(1).pointee = byte
        used += 1
    }

    @inlinable
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        if capacity - used < bytes.count { grow(bytes.count) }
        let target = start + used
        let count = bytes.count
        // Most pieces are short: two overlapping words cost less than a call.
        if count > 32 {
            target.copyMemory(from: source, byteCount: count)
        } else if count >= 16 {
            let head = source.loadUnaligned(as: SIMD2<UInt64>.self)
            let tail = source.loadUnaligned(fromByteOffset: count &- 16, as: SIMD2<UInt64>.self)
            target.storeBytes(of: head, as: SIMD2<UInt64>.self)
            target.storeBytes(of: tail, toByteOffset: count &- 16, as: SIMD2<UInt64>.self)
        } else if count >= 8 {
            let head = source.loadUnaligned(as: UInt64.self)
            let tail = source.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
            target.storeBytes(of: head, as: UInt64.self)
            target.storeBytes(of: tail, toByteOffset: count &- 8, as: UInt64.self)
        } else {
            for i in 0..<count { target.storeBytes(of: bytes[i], toByteOffset: i, as: UInt8.self) }
        }
        used += bytes.count
    }

    @usableFromInline @inline(never)
    mutating func grow(_ byteCount: Int) {
        let larger = max(capacity * 2, used + byteCount)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        moved.copyMemory(from: start, byteCount: used)
        start.deallocate()
        start = moved
        capacity = larger
    }
}
