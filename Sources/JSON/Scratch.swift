// Hot path: per record.

/// A list of trivial elements that grows and stays grown.
@frozen
public struct Scratch<Element: BitwiseCopyable>: ~Copyable {
    /// The first element; moves when `append` grows the list.
    @inlinable public var start: UnsafeMutablePointer<Element> { base }
    @usableFromInline var base: UnsafeMutablePointer<Element>
    @usableFromInline var capacity: Int
    public var count = 0

    @inlinable
    public init(capacity: Int) {
        base = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    @inlinable deinit { base.deallocate() }

    /// Appends one element.
    @inlinable @inline(__always)
    public mutating func append(_ element: Element) {
        if count == capacity { grow(1) }
        base[count] = element
        count += 1
    }

    /// Appends `more` equal elements.
    @inlinable
    public mutating func append(repeating element: Element, count more: Int) {
        if capacity - count < more { grow(more) }
        (base + count).update(repeating: element, count: more)
        count += more
    }

    @usableFromInline @inline(never)
    mutating func grow(_ more: Int) {
        let size = max(capacity * 2, count + more)
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: size)
        larger.update(from: base, count: count)
        base.deallocate()
        base = larger
        capacity = size
    }
}
