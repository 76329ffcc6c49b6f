// Hot path: per record.
import Bytes
import CRE2
import Glibc
import JSON

/// Whether two strings (or bytes) have the same content.
@inline(__always)
func equalBytes(_ left: Value, _ right: Value) -> Bool {
    left.length == right.length && equalBytes(left.pointer, right.pointer, Int(left.length))
}

/// Short content, the usual case, is compared in two overlapping words rather than by a call.
@inline(__always)
func equalBytes(_ left: UnsafeRawPointer?, _ right: UnsafeRawPointer?, _ count: Int) -> Bool {
    guard count > 0, let left, let right else { return count == 0 }
    if count >= 8 {
        if count > 16 { return memcmp(left, right, count) == 0 }
        return left.loadUnaligned(as: UInt64.self) == right.loadUnaligned(as: UInt64.self)
            && left.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
                == right.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
    }
    if count >= 4 {
        return left.loadUnaligned(as: UInt32.self) == right.loadUnaligned(as: UInt32.self)
            && left.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
                == right.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
    }
    if count >= 2 {
        return left.loadUnaligned(as: UInt16.self) == right.loadUnaligned(as: UInt16.self)
            && left.loadUnaligned(fromByteOffset: count - 2, as: UInt16.self)
                == right.loadUnaligned(fromByteOffset: count - 2, as: UInt16.self)
    }
    return left.load(as: UInt8.self) == right.load(as: UInt8.self)
}

/// Order by bytes, which for UTF-8 is the order of code points.
func byteOrder(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Order {
    let shared = min(left.count, right.count)
    if shared > 0, let a = left.baseAddress, let b = right.baseAddress {
        let order = memcmp(a, b, shared)
        if order != 0 { return order < 0 ? .less : .greater }
    }
    return left.count < right.count ? .less : left.count == right.count ? .equal : .greater
}

@inline(__always)
func hasPrefix(_ text: Value, _ prefix: Value) -> Bool {
    prefix.length <= text.length && equalBytes(text.pointer, prefix.pointer, Int(prefix.length))
}

func hasSuffix(_ text: Value, _ suffix: Value) -> Bool {
    guard suffix.length <= text.length else { return false }
    return equalBytes(text.pointer.map { $0 + Int(text.length - suffix.length) }, suffix.pointer, Int(suffix.length))
}

/// Byte offset of the first occurrence at or after `start`; nil: none.
func find(_ part: UnsafeRawBufferPointer, in text: UnsafeRawBufferPointer, from start: Int = 0) -> Int? {
    if part.isEmpty { return start }
    guard text.count - start >= part.count, let base = text.baseAddress else { return nil }
    let found = cre2_find(base + start, text.count - start, part.baseAddress, part.count)
    return found < 0 ? nil : start + found
}

@inline(__always)
func matches(_ text: Value, _ pattern: OpaquePointer) -> Bool {
    cre2_matches(pattern, text.pointer?.assumingMemoryBound(to: CChar.self), Int(text.length))
}

extension UnsafeRawBufferPointer {
    /// Number of code points of UTF-8 text.
    var codePointCount: Int {
        var count = 0
        for byte in self where byte & 0xc0 != 0x80 { count &+= 1 }
        return count
    }

    /// Byte offset of a code point by number; nil: there are fewer (their count itself is the end).
    func byteOffset(ofCodePoint number: Int64) -> Int? {
        guard number >= 0 else { return nil }
        var left = number
        var index = 0
        while index < count {
            if self[index] & 0xc0 != 0x80 {
                if left == 0 { return index }
                left -= 1
            }
            index += 1
        }
        return left == 0 ? count : nil
    }

    func slice(_ start: Int, _ end: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[start..<end]) }
}

extension Machine {
    static var maxLength: Int { 1 << 28 }

    /// The two put together, as string or bytes like the left one. With `extending` the left one was made by the caller and nobody
    /// else has it: it grows in place when it is the arena's last allocation.
    @inline(never)
    mutating func concatenate(_ left: Value, _ right: Value, _ index: UInt32, extending: Bool) -> Value {
        let (leftCount, rightCount) = (Int(left.length), Int(right.length))
        let total = leftCount + rightCount
        guard total <= Machine.maxLength else { return fail(.tooLarge, Position.node(index)) }
        if stepsLeft < 0 { return fail(.tooManySteps, Position.node(index)) }
        var target: UnsafeMutableRawPointer
        if extending, let start = left.pointer {
            let next = arena.pointee.allocate(rightCount)
            if UnsafeRawPointer(next) == start + (leftCount + 15) & ~15 {
                target = UnsafeMutableRawPointer(mutating: start)
                stepsLeft &+= leftCount >> 7  // taken again below, though nothing is copied
            } else {
                target = next
                // Twice the room, given back below: the next extension finds it, so that n of them copy no more than O(n) bytes.
                arena.pointee.shrinkLast(next, to: 0)
                target = arena.pointee.allocate(total * 2)
                target.copyMemory(from: start, byteCount: leftCount)
            }
        } else {
            target = arena.pointee.allocate(total)
            if leftCount > 0, let start = left.pointer { target.copyMemory(from: start, byteCount: leftCount) }
        }
        if rightCount > 0, let start = right.pointer { (target + leftCount).copyMemory(from: start, byteCount: rightCount) }
        arena.pointee.shrinkLast(target, to: total)
        return text(target, total, tag: left.tag)
    }

    /// A string (or bytes) at a place in the arena.
    mutating func text(_ start: UnsafeMutableRawPointer, _ count: Int, tag: Tag = .string) -> Value {
        stepsLeft &-= count >> 7
        return Value(tag, length: UInt32(truncatingIfNeeded: count), bits: UInt64(UInt(bitPattern: start)))
    }
}
