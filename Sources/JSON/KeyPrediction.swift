// Hot path: per record.
import CBytes

/// Guesses that the n-th key read of a record is the n-th of the record before, byte for byte with its quotes and colon: then
/// one or two 16-byte comparisons replace reading, checking and looking up the key. Switches itself off where it guesses wrong.
struct KeyPrediction: ~Copyable {
    private struct Entry: BitwiseCopyable {
        /// Bytes of the text; 0: nothing learned.
        var length: UInt32 = 0
        var parent: Int32 = -1
        var slot: Int32 = -1
    }
    private static let capacity = 256
    private static let textBytes = 32
    /// For so many records after it failed, nothing is guessed.
    private static let pause = 1000

    private let entries: UnsafeMutablePointer<Entry>
    private let texts: UnsafeMutablePointer<UInt8>
    /// The next key's number; from `limit` on nothing is guessed.
    private var next = 0
    private var limit = Self.capacity - 1
    private var misses = 0
    private var badRecords = 0
    private var pausedFor = 0

    init() {
        entries = .allocate(capacity: Self.capacity)
        entries.initialize(repeating: Entry(), count: Self.capacity)
        texts = .allocate(capacity: Self.capacity * Self.textBytes)
        texts.initialize(repeating: 0, count: Self.capacity * Self.textBytes)
    }

    deinit {
        entries.deallocate()
        texts.deallocate()
    }

    @inline(__always)
    mutating func startRecord() {
        next = 0
        misses = 0
    }

    @inline(__always)
    mutating func endRecord() {
        if pausedFor > 0 {
            pausedFor -= 1
            if pausedFor == 0 { limit = Self.capacity - 1 }
        } else if misses * 4 > next {
            missed()
        } else if badRecords > 0 {
            badRecords -= 1
        }
    }

    @inline(never)
    private mutating func missed() {
        badRecords += 1
        guard badRecords > 8 else { return }
        badRecords = 0
        pausedFor = Self.pause
        limit = 0
    }

    /// Behind the colon of the key at `p`, if it is the one expected in the object of slot `parent`.
    @inline(__always)
    mutating func match(_ p: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>, parent: Int, slot: inout Int) -> UnsafePointer<UInt8>? {
        guard next < limit else { return nil }
        let entry = entries[next]
        guard entry.length > 0, Int(entry.parent) == parent, isText(next, entry.length, at: p, end) else { return nil }
        next += 1
        slot = Int(entry.slot)
        return p + Int(entry.length)
    }

    /// Takes note of the key just read, with its quotes and colon.
    @inline(never)
    mutating func learn(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, parent: Int, slot: Int) {
        guard next < limit else { return }
        misses += 1
        let length = end - start
        // A key that isn't there this time: what comes behind it comes now, and stays learned.
        let following = entries[next + 1]
        if Int(following.length) == length, Int(following.parent) == parent, following.slot == slot,
           isTextNearEnd(texts + (next + 1) * Self.textBytes, following.length, at: start) {
            next += 2
            return
        }
        if length <= Self.textBytes {
            entries[next] = Entry(length: UInt32(length), parent: Int32(parent), slot: Int32(slot))
            (texts + next * Self.textBytes).update(from: start, count: length)
        } else {
            entries[next].length = 0
        }
        next += 1
    }

    @inline(__always)
    private func isText(_ i: Int, _ length: UInt32, at p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Bool {
        let text = texts + i * Self.textBytes
        if end - p >= Self.textBytes { return cb_match32(p, text, length) != 0 }
        return end - p >= Int(length) && isTextNearEnd(text, length, at: p)
    }

    @inline(never)
    private func isTextNearEnd(_ text: UnsafePointer<UInt8>, _ length: UInt32, at p: UnsafePointer<UInt8>) -> Bool {
        for i in 0..<Int(length) where p[i] != text[i] { return false }
        return true
    }
}
