import Bytes
import CEL
import JSON
import Log

/// The names of a stage's expressions, without its lookups, and their values for one record at a time.
struct EvalNames: NameResolver {
    private(set) var trie = SlotTrie()
    let roots = ["message", "key", "topic", "partition", "offset", "timestamp", "headers"]

    mutating func slot(for path: [String]) -> Int? {
        guard let root = path.first, roots.contains(root) else { return nil }
        if root == "message" { return trie.slot(Array(path.dropFirst())) }
        return path.count == 1 ? trie.slot(Self.hidden(root)) : nil
    }

    /// Values that stand beside the message have slots of the same frame, below a name that is set after the scan.
    private static func hidden(_ root: String) -> [String] { ["\u{0}\(root)"] }

    /// Fills the slots of what isn't in the message; outside a topic all of it is null, and there are no headers.
    func fill(_ frame: UnsafeMutablePointer<Value>, topic: String, _ record: LogRecord?, arena: inout Arena) {
        func set(_ root: String, _ value: Value) { if let slot = trie.find(Self.hidden(root)) { frame[slot] = value } }
        set("key", record.map { Self.text($0.key) } ?? .null)
        var name = topic
        set("topic", record == nil ? .null : name.withUTF8 { .string(arena.copy(UnsafeRawBufferPointer($0))) })
        set("partition", record.map { .int(Int64($0.partition)) } ?? .null)
        set("offset", record.map { .int($0.offset) } ?? .null)
        set("timestamp", record.map { $0.timestamp < 0 ? .null : .int($0.timestamp) } ?? .null)
        set("headers", headers(record, &arena))
    }

    /// The last of a name wins.
    private func headers(_ record: LogRecord?, _ arena: inout Arena) -> Value {
        guard let headers = record?.headers, headers.count > 0 else { return Value(.map) }
        let pairs = arena.allocate(headers.count * 2 * MemoryLayout<Value>.stride).bindMemory(
            to: Value.self, capacity: headers.count * 2)
        var count = 0
        for (index, header) in headers.enumerated()
        where !headers[(index + 1)...].contains(where: { $0.name.elementsEqual(header.name) }) {
            pairs[count * 2] = Self.text(header.name)
            pairs[count * 2 + 1] = Self.text(header.value)
            count += 1
        }
        return Value(.map, length: UInt32(count), bits: UInt64(UInt(bitPattern: pairs)))
    }

    /// Bytes as a string where they are UTF-8.
    private static func text(_ bytes: UnsafeRawBufferPointer) -> Value {
        guard bytes.baseAddress != nil else { return .null }
        if UTF8Text.firstError(in: bytes) == nil { return .string(bytes) }
        return Value(.bytes, length: UInt32(bytes.count), bits: UInt64(UInt(bitPattern: bytes.baseAddress)))
    }
}
