// Hot path: per record.
import Bytes
import Glibc
import JSON

/// Text that grows in an arena. Where others allocate there meanwhile, it is copied.
struct Output: ~Copyable {
    private let arena: UnsafeMutablePointer<Arena>
    private(set) var start: UnsafeMutableRawPointer
    private(set) var count = 0
    private var capacity: Int

    init(arena: UnsafeMutablePointer<Arena>, capacity: Int = 64) {
        self.arena = arena
        self.capacity = capacity
        start = arena.pointee.allocate(capacity)
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if count + bytes.count > capacity { grow(bytes.count) }
        if let base = bytes.baseAddress { (start + count).copyMemory(from: base, byteCount: bytes.count) }
        count += bytes.count
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        capacity = (count + more) * 2
        let larger = arena.pointee.allocate(capacity)
        larger.copyMemory(from: start, byteCount: count)
        start = larger
    }

    /// Where the next byte goes, with room for so many; `advance` says how many were written there.
    mutating func reserve(_ more: Int) -> UnsafeMutablePointer<UInt8> {
        if count + more > capacity { grow(more) }
        return (start + count).assumingMemoryBound(to: UInt8.self)
    }

    mutating func advance(_ written: Int) { count += written }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func append(_ integer: Int128) {
        if integer < 0 { append("-") }
        append(digits: integer.magnitude, atLeast: 1)
    }

    /// In plain notation: all digits, no exponent.
    mutating func append(decimal value: Value) {
        let unscaled = value.unscaled
        if unscaled < 0 { append("-") }
        let start = count
        append(digits: unscaled.magnitude, atLeast: Int(value.aux) + 1)
        guard value.aux > 0 else { return }
        append(".")
        let point = count - 1 - Int(value.aux)
        assert(point > start)
        memmove(self.start + point + 1, self.start + point, Int(value.aux))
        self.start.storeBytes(of: UInt8(ascii: "."), toByteOffset: point, as: UInt8.self)
    }

    /// As CEL writes doubles: the shortest text that reads back the same, whole numbers without a point.
    mutating func append(_ value: Double) {
        guard value.isFinite else { return append(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity") }
        if count + NumberText.maxDoubleBytes > capacity { grow(NumberText.maxDoubleBytes) }
        let target = (start + count).assumingMemoryBound(to: UInt8.self)
        var written = NumberText.write(value, to: target)
        if written > 2, target[written - 1] == UInt8(ascii: "0"), target[written - 2] == UInt8(ascii: ".") { written -= 2 }
        count += written
    }

    mutating func append(digits value: UInt128, atLeast least: Int) {
        var width = 1
        var rest = value / 10
        while rest > 0 {
            width += 1
            rest /= 10
        }
        width = max(width, least)
        if count + width > capacity { grow(width) }
        rest = value
        var place = count + width
        count = place
        for _ in 0..<width {
            place -= 1
            start.storeBytes(of: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10), toByteOffset: place, as: UInt8.self)
            rest /= 10
        }
    }
}
