// Hot path: per record.
import Glibc

/// Rows in Postgres' binary COPY format, in one piece of memory that is kept between batches. Not thread-safe.
/// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4 (binary format)
package struct CopyBuffer: ~Copyable {
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    package private(set) var count = 0

    package init(capacity: Int = 1 << 20) {
        self.capacity = capacity
        base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    /// Valid until the next call that writes.
    func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    /// Takes back everything from `count` on.
    package mutating func truncate(to count: Int) { self.count = count }

    @inline(__always)
    mutating func put<Integer: FixedWidthInteger>(_ value: Integer) {
        let size = MemoryLayout<Integer>.size
        if capacity - count < size { grow(size) }
        (base + count).storeBytes(of: value.bigEndian, as: Integer.self)
        count += size
    }

    @inline(__always)
    mutating func put(_ bytes: UnsafeRawBufferPointer) {
        if capacity - count < bytes.count { grow(bytes.count) }
        if let source = bytes.baseAddress { memcpy(base + count, source, bytes.count) }
        count += bytes.count
    }

    /// A field's length and its bytes.
    @inline(__always)
    mutating func putField(_ bytes: UnsafeRawBufferPointer) {
        put(Int32(truncatingIfNeeded: bytes.count))
        put(bytes)
    }

    /// A field of fixed size with its length.
    @inline(__always)
    mutating func putField<Integer: FixedWidthInteger>(_ value: Integer) {
        put(Int32(truncatingIfNeeded: MemoryLayout<Integer>.size))
        put(value)
    }

    @inline(__always)
    mutating func putNull() { put(Int32(-1)) }

    /// Writes a field's length at `start`, where four bytes were put for it before its content.
    @inline(__always)
    mutating func patchLength(at start: Int) {
        (base + start).storeBytes(of: Int32(truncatingIfNeeded: count - start - 4).bigEndian, as: Int32.self)
    }

    mutating func patch(_ value: Int32, at start: Int) { (base + start).storeBytes(of: value.bigEndian, as: Int32.self) }

    @inline(never)
    private mutating func grow(_ more: Int) {
        let larger = max(capacity * 2, count + more)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        moved.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = moved
        capacity = larger
    }
}
