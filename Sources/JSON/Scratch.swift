// Hot path: per record.

/// A list of trivial elements that grows and stays grown.
@frozen
public struct Scratch<Element: BitwiseCopyable>: ~Copyable {
    /// The first element; moves when `append` or `reserve` grows the list.
    public private(set) var start: UnsafeMutablePointer<Element>
    private var capacity: Int
    public var count = 0

    public init(capacity: Int) {
        start = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit { start.deallocate() }

    @inline(__always)
    mutating func append(_ element: Element) {
        if count == capacity { grow(1) }
        start[count] = element
        count += 1
    }

    /// Appends one element.
    public mutating func push(_ element: Element) { append(element) }

    /// Appends `more` equal elements.
    public mutating func push(repeating element: Element, count more: Int) {
        if capacity - count < more { grow(more) }
        (start + count).update(repeating: element, count: more)
        count += more
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        let size = max(capacity * 2, count + more)
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: size)
        larger.update(from: start, count: count)
        start.deallocate()
        start = larger
        capacity = size
    }
}
