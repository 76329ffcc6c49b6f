/// A growing array of values that need not be copyable, read on hot paths through `base`: no uniqueness or bounds checks,
/// no reference counting. Frees its elements with itself. Not thread-safe.
struct OwnedArray<Element: ~Copyable>: ~Copyable {
    /// The first element; moves when `append` grows the array.
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var count = 0
    private var capacity = 4

    init() { base = .allocate(capacity: capacity) }

    deinit {
        base.deinitialize(count: count)
        base.deallocate()
    }

    mutating func append(_ element: consuming Element) {
        if count == capacity {
            capacity *= 2
            let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
            larger.moveInitialize(from: base, count: count)
            base.deallocate()
            base = larger
        }
        (base + count).initialize(to: element)
        count += 1
    }
}
