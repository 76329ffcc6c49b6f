import Bytes
import class Foundation.ProcessInfo
import Glibc
import Testing

@testable import JSON

/// A record in memory that ends right at an unreadable page, so that reading behind it crashes the test.
final class GuardedBytes {
    private let mapping: UnsafeMutableRawPointer
    private let mappedBytes: Int
    private let usable: Int
    private let page = Int(sysconf(Int32(_SC_PAGESIZE)))

    init(capacity: Int) {
        usable = (capacity + page - 1) / page * page
        mappedBytes = usable + page
        mapping = mmap(nil, mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        precondition(mapping != MAP_FAILED && mprotect(mapping + usable, page, PROT_NONE) == 0)
    }

    deinit { munmap(mapping, mappedBytes) }

    func place(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
        precondition(bytes.count <= usable)
        let start = mapping + usable - bytes.count
        bytes.withUnsafeBytes { source in
            if let base = source.baseAddress { start.copyMemory(from: base, byteCount: source.count) }
        }
        return UnsafeRawBufferPointer(start: start, count: bytes.count)
    }
}

/// A scanner with all that it needs, for tests.
final class Scan {
    let trie: SlotTrie
    var scanner: Scanner
    var arena = Arena()
    let frame: UnsafeMutablePointer<Value>
    private let guarded: GuardedBytes
    private(set) var record = UnsafeRawBufferPointer(start: nil, count: 0)
    private(set) var result = ScanResult(code: .ok, offset: 0)

    init(
        _ paths: [String] = [], edits: (inout SlotTrie) -> [Edit] = { _ in [] }, unknown: Bool = false, maxDepth: Int = 512,
        capacity: Int = 1 << 16
    ) {
        var trie = SlotTrie()
        for path in paths { trie.slot(Self.split(path)) }
        let list = edits(&trie)
        self.trie = trie
        scanner = Scanner(trie, edits: list, reportsUnknownKeys: unknown, maxDepth: maxDepth)
        frame = .allocate(capacity: trie.slotCount)
        guarded = GuardedBytes(capacity: capacity)
    }

    deinit { frame.deallocate() }

    static func split(_ path: String) -> [String] { path.isEmpty ? [] : path.split(separator: ".").map(String.init) }

    @discardableResult
    func callAsFunction(_ text: String) -> ScanResult { scan(Array(text.utf8)) }

    @discardableResult
    func scan(_ bytes: [UInt8]) -> ScanResult {
        arena.reset()
        record = guarded.place(bytes)
        result = scanner.scan(record, into: frame, arena: &arena)
        return result
    }

    subscript(path: String) -> Value {
        get { trie.find(Self.split(path)).map { frame[$0] } ?? .absent }
        set { if let slot = trie.find(Self.split(path)) { frame[slot] = newValue } }
    }

    /// A value as text that tells everything about it.
    func show(_ path: String) -> String { show(self[path]) }

    func show(_ value: Value) -> String {
        let number = value.flags & Value.Flags.digits != 0 ? " " + text(digits(of: value, record: record)) : ""
        let range = value.flags & Value.Flags.outOfRange != 0 ? " out of range" : ""
        switch value.tag {
        case .int: return "int \(value.int)\(number)"
        case .double: return "double \(value.double)\(number)\(range)"
        case .string: return (value.flags & Value.Flags.plain != 0 ? "plain " : "string ") + text(value.bytes)
        case .bool: return "\(value.isTrue)"
        case .list where value.flags & Value.Flags.raw != 0, .map where value.flags & Value.Flags.raw != 0:
            return "\(value.tag) \(text(value.bytes))"
        default: return "\(value.tag)"
        }
    }

    func write() -> String? {
        let bytes = scanner.write(record, frame: frame, into: &arena)
        return bytes.baseAddress == nil ? nil : text(bytes)
    }

    /// Whether `write` gave the record itself.
    func writesRecordItself() -> Bool {
        scanner.write(record, frame: frame, into: &arena).baseAddress == record.baseAddress
    }

    /// A string value whose bytes live in the arena.
    func string(_ text: String) -> Value {
        var text = text
        return text.withUTF8 { .string(arena.copy(UnsafeRawBufferPointer($0))) }
    }
}

func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

/// Random numbers that can be had again: the seed is printed where a test fails, and taken from ETL_TEST_SEED.
struct SeededRandom: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    init() {
        seed = ProcessInfo.processInfo.environment["ETL_TEST_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 1...UInt64.max)
        state = seed
        print("seed \(seed)")
    }

    mutating func next() -> UInt64 {  // SplitMix64
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
