// Hot path: per record.
import CBytes
import Glibc

/// Guesses that the n-th key read of a record is the n-th of the record before, byte for byte with its quotes and colon: then
/// one or two 16-byte comparisons replace reading, checking and looking up the key. Switches itself off where it guesses wrong.
struct KeyPrediction: ~Copyable {
    private struct Entry: BitwiseCopyable {
        /// The key with its quotes and colon.
        var text: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
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
    /// The next key's entry; from `limit` on nothing is guessed.
    private var next: UnsafeMutablePointer<Entry>
    private var limit: UnsafeMutablePointer<Entry>
    /// The slot of the key that `match` found; -1: no wanted path.
    private(set) var matchedSlot = -1
    private var misses = 0
    private var badRecords = 0
    private var pausedFor = 0

    init() {
        entries = .allocate(capacity: Self.capacity)
        entries.initialize(repeating: Entry(), count: Self.capacity)
        next = entries
        limit = entries + (Self.capacity - 1)
    }

    deinit { entries.deallocate() }

    @inline(__always)
    mutating func startRecord() {
        next = entries
        misses = 0
    }

    @inline(__always)
    mutating func endRecord() {
        if misses > 0 || pausedFor > 0 || badRecords > 0 { judge() }
    }

    /// Where a quarter of the keys is guessed wrong in most records, guessing costs more than it gains.
    @inline(never)
    private mutating func judge() {
        if pausedFor > 0 {
            pausedFor -= 1
            if pausedFor == 0 { limit = entries + (Self.capacity - 1) }
        } else if misses * 4 > next - entries {
            badRecords += 1
            guard badRecords > 8 else { return }
            badRecords = 0
            pausedFor = Self.pause
            limit = entries
        } else if badRecords > 0 {
            badRecords -= 1
        }
    }

    /// Byte count of the key at `p` with quotes and colon, if it is the one expected in the object of slot `parent`.
    @inline(__always)
    mutating func match(_ p: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>, parent: Int) -> Int? {
        let entry = next
        guard entry < limit, Int(entry.pointee.parent) == parent, isText(entry, at: p, end) else { return nil }
        next = entry + 1
        matchedSlot = Int(entry.pointee.slot)
        return Int(entry.pointee.length)
    }

    /// Takes note of the key just read, with its quotes and colon.
    @inline(never)
    mutating func learn(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, parent: Int, slot: Int) {
        let entry = next
        guard entry < limit else { return }
        misses += 1
        let length = end - start
        // A key that isn't there this time: what comes behind it comes now, and stays learned.
        if Int(entry[1].length) == length, Int(entry[1].parent) == parent, isTextNearEnd(entry + 1, at: start) {
            next = entry + 2
            return
        }
        if length <= Self.textBytes {
            entry.pointee = Entry(length: UInt32(length), parent: Int32(parent), slot: Int32(slot))
            UnsafeMutableRawPointer(entry).copyMemory(from: start, byteCount: length)
        } else {
            entry.pointee = Entry()
        }
        next = entry + 1
    }

    @inline(__always)
    private func isText(_ entry: UnsafeMutablePointer<Entry>, at p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Bool {
        let length = entry.pointee.length
        if end - p >= Self.textBytes { return cb_match32(p, Self.text(entry), length) != 0 }
        return end - p >= Int(length) && isTextNearEnd(entry, at: p)
    }

    @inline(never)
    private func isTextNearEnd(_ entry: UnsafeMutablePointer<Entry>, at p: UnsafePointer<UInt8>) -> Bool {
        memcmp(p, entry, Int(entry.pointee.length)) == 0
    }

    @inline(__always)
    private static func text(_ entry: UnsafeMutablePointer<Entry>) -> UnsafePointer<UInt8> {
        UnsafeRawPointer(entry).assumingMemoryBound(to: UInt8.self)  // `text` is its first member
    }
}
