import Bytes
import JSON

/// How far a CSV file has been read: stored after a batch, in the batch's transaction; one for each file, the latest counts.
///
/// A file is known again by its path and its content, not by its inode: what was copied or restored goes on, what was
/// replaced starts anew. The content is judged by hashes of up to 4 KiB at its start and of up to 4 KiB before `offset`.
public struct CSVCheckpoint: Equatable, Sendable {
    /// The file's path.
    public var file: String
    /// Where the next row starts, in bytes.
    public var offset: Int64
    /// Rows read so far, bad ones too.
    public var row: Int64
    /// Line the next row starts at, counted from 1.
    public var line: Int64
    /// Hash of the first `min(offset, 4096)` bytes.
    public var head: UInt64
    /// Hash of the last `min(offset, 4096)` bytes before `offset`.
    public var tail: UInt64

    /// As JSON.
    public var text: String {
        var name = JSONWriter()
        Array(file.utf8).withUnsafeBytes { name.string($0) }
        // Hashes as text: JSON numbers of other readers have 53 bits.
        return "{\"file\":\(String(decoding: name.bytes, as: UTF8.self)),\"offset\":\(offset),\"row\":\(row),\"line\":\(line),"
            + "\"head\":\"\(String(head, radix: 16))\",\"tail\":\"\(String(tail, radix: 16))\"}"
    }

    /// From JSON; keys it doesn't know are left alone.
    public static func parse(_ text: UnsafeRawBufferPointer) throws(CSVError) -> CSVCheckpoint {
        var trie = SlotTrie()
        let slots = ["file", "offset", "row", "line", "head", "tail"].map { trie.slot([$0]) }
        var scanner = Scanner(trie)
        var arena = Arena()
        let frame = UnsafeMutablePointer<Value>.allocate(capacity: trie.slotCount)
        defer { frame.deallocate() }
        let result = scanner.scan(text, into: frame, arena: &arena)
        guard result.code == .ok else { throw invalid("it isn't JSON (\(result.code) at byte \(result.offset))") }
        func number(_ slot: Int) -> Int64? {
            let value = frame[slots[slot]]
            return value.tag == .int && value.int >= 0 ? value.int : nil
        }
        func string(_ slot: Int) -> String? {
            let value = frame[slots[slot]]
            return value.tag == .string ? String(decoding: value.bytes, as: UTF8.self) : nil
        }
        guard let file = string(0), let offset = number(1), let row = number(2), let line = number(3),
              let head = string(4).flatMap({ UInt64($0, radix: 16) }), let tail = string(5).flatMap({ UInt64($0, radix: 16) })
        else { throw invalid("file, offset, row, line, head or tail is missing or of another type") }
        return CSVCheckpoint(file: file, offset: offset, row: row, line: line, head: head, tail: tail)
    }

    private static func invalid(_ why: String) -> CSVError {
        CSVError(code: "csv.checkpoint", "Failed to read a CSV checkpoint: \(why); delete its record to start the file anew")
    }

    /// FNV-1a, 64 bit.
    static func hash(_ bytes: [UInt8]) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash
    }
}

extension CSVReader {
    private static var identityBytes: Int { 4096 }

    /// Where reading would go on now.
    func checkpoint() throws(CSVError) -> CSVCheckpoint {
        let (offset, row, line) = position
        let (head, tail) = try identity(upTo: offset)
        return CSVCheckpoint(file: path, offset: offset, row: row, line: line, head: head, tail: tail)
    }

    private func identity(upTo offset: Int64) throws(CSVError) -> (UInt64, UInt64) {
        let count = Int(min(offset, Int64(Self.identityBytes)))
        let head = try file.bytes(from: 0, count: count)
        let tail = try file.bytes(from: offset - Int64(count), count: count)
        return (CSVCheckpoint.hash(head), CSVCheckpoint.hash(tail))
    }

    /// Goes on where a checkpoint of this path says, if the file begins as it did then; else stays at the start: it is another file.
    mutating func resume(from checkpoint: CSVCheckpoint) throws(CSVError) {
        let size = try file.size()
        let (head, tail) = try identity(upTo: checkpoint.offset)
        guard head == checkpoint.head else { return }
        guard size >= checkpoint.offset, tail == checkpoint.tail else {
            throw changed("its first \(checkpoint.offset) bytes, which were read before, are not what they were")
        }
        var offset = checkpoint.offset
        if offset > 0, size > offset, try file.bytes(from: offset - 1, count: 1) != [10] {
            // The last line had no line end then; one may have been added since, but not more text to that line.
            let more = try file.bytes(from: offset, count: 2)
            if more.first == 10 { offset += 1 } else if more == [13, 10] { offset += 2 } else {
                throw changed("the line before byte \(offset), which was the last and was read, has been continued")
            }
        }
        move(to: offset, row: checkpoint.row, line: checkpoint.line)
    }

    private func changed(_ how: String) -> CSVError {
        CSVError(code: "csv.file_changed", "Failed to go on with '\(path)': \(how); give the new content a name of its own, or delete "
            + "the file's checkpoint to read it all again")
    }
}
