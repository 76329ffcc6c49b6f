import Glibc

/// Lines of a descriptor as they come, bytes untouched.
struct LineReader {
    private let descriptor: Int32
    private var bytes: [UInt8] = []
    /// Where the next line starts, and from where on its end wasn't looked for.
    private var start = 0
    private var searched = 0
    private var isAtEnd = false

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// The next line without its newline; nil: there are no more. Waits for one.
    mutating func next() -> ArraySlice<UInt8>? {
        while true {
            if let end = lineEnd() {
                defer { start = end + 1 }
                searched = end + 1
                return bytes[start..<end]
            }
            if isAtEnd {
                defer { start = bytes.count }
                return start < bytes.count ? bytes[start...] : nil
            }
            fill()
        }
    }

    /// Whether `next` has a line without waiting.
    var hasLine: Bool { bytes[max(start, searched)...].contains(0x0a) || (isAtEnd && start < bytes.count) }

    private mutating func lineEnd() -> Int? {
        let end = bytes[max(start, searched)...].firstIndex(of: 0x0a)
        if end == nil { searched = bytes.count }
        return end
    }

    private mutating func fill() {
        bytes.removeFirst(start)
        searched -= start
        start = 0
        var count = 0
        let chunk = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, used in
            repeat { count = read(descriptor, buffer.baseAddress, 1 << 16) } while count < 0 && errno == EINTR
            used = max(count, 0)
        }
        if count <= 0 { isAtEnd = true }
        bytes += chunk
    }
}
