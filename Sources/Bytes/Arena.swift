// Hot path: per record.

/// Memory that is handed out piece by piece and taken back all at once.
///
/// Chunks never move, so a pointer stays good until `reset`. After the first records no call allocates: `reset` keeps
/// the chunks (all but those beyond `retainedBytes`, so that one large record doesn't hold its memory for ever).
/// Not thread-safe: each thread has its own.
public struct Arena: ~Copyable {
    @usableFromInline var next: UnsafeMutableRawPointer
    @usableFromInline var end: UnsafeMutableRawPointer
    private var chunks: [UnsafeMutableRawBufferPointer]
    private var current = 0
    private let chunkBytes: Int
    private let retainedBytes: Int

    /// - Parameters:
    ///   - chunkBytes: size of an ordinary chunk; a larger request gets a chunk of its own.
    ///   - retainedBytes: how much `reset` keeps.
    public init(chunkBytes: Int = 64 << 10, retainedBytes: Int = 4 << 20) {
        let first = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkBytes, alignment: 16)
        chunks = [first]
        next = first.baseAddress.unsafelyUnwrapped  // allocate never returns a nil base
        end = next + chunkBytes
        self.chunkBytes = chunkBytes
        self.retainedBytes = retainedBytes
    }

    deinit { for chunk in chunks { chunk.deallocate() } }

    /// `byteCount` uninitialized bytes, aligned to 16, good until `reset`.
    @inlinable
    public mutating func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let rounded = (byteCount + 15) & ~15
        if end - next < rounded { grow(rounded) }
        let result = next
        next += rounded
        return result
    }

    /// A copy of `bytes`, good until `reset`. Empty bytes get a non-nil base: null and empty stay distinct.
    @inlinable
    public mutating func copy(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let target = allocate(bytes.count)
        if let base = bytes.baseAddress { target.copyMemory(from: base, byteCount: bytes.count) }
        return UnsafeRawBufferPointer(start: target, count: bytes.count)
    }

    /// Gives back the unused tail of the latest allocation, which started at `start` and used `used` bytes.
    @inlinable
    public mutating func shrinkLast(_ start: UnsafeMutableRawPointer, to used: Int) {
        next = start + ((used + 15) & ~15)
    }

    /// Takes everything back. Every pointer handed out so far is dead.
    public mutating func reset() {
        if chunks.count > 1 { dropExtraChunks() }
        current = 0
        next = chunks[0].baseAddress.unsafelyUnwrapped
        end = next + chunks[0].count
    }

    /// Bytes held in chunks, used or not.
    public var heldBytes: Int { chunks.reduce(0) { $0 + $1.count } }

    @usableFromInline @inline(never)
    mutating func grow(_ byteCount: Int) {
        current += 1
        while current < chunks.count, chunks[current].count < byteCount { current += 1 }
        if current == chunks.count {
            chunks.append(.allocate(byteCount: max(chunkBytes, byteCount), alignment: 16))
        }
        next = chunks[current].baseAddress.unsafelyUnwrapped
        end = next + chunks[current].count
    }

    @inline(never)
    private mutating func dropExtraChunks() {
        var kept = 0
        var held = 0
        for chunk in chunks {
            if kept == 0 || held + chunk.count <= retainedBytes {
                chunks[kept] = chunk
                kept += 1
                held += chunk.count
            } else {
                chunk.deallocate()
            }
        }
        chunks.removeLast(chunks.count - kept)
    }
}
