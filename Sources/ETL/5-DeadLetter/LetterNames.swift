internal import Bytes
internal import CEL
internal import JSON
internal import Log

/// The names that `--where` and `--set` may use, and the slots their values stand in: `message`, `key`, `value` and `headers` are
/// the dead letter's as they are, `topic`, `partition`, `offset` and `timestamp` its own place in the topic that is read, and
/// `dlq` has what its headers say, with null for what they don't.
struct LetterNames: NameResolver {
    static let fields = [
        "writer", "topology", "stage", "step", "code", "message", "pointer", "topic", "partition", "offset", "timestamp", "attempt",
        "first_failed_at", "failed_at", "file", "row",
    ]
    private static let places = ["key", "value", "headers", "topic", "partition", "offset", "timestamp", "dlq"]

    /// Message paths. Complete once every expression has been compiled for the first time.
    var trie = SlotTrie()
    /// A field of `dlq` that there isn't.
    private(set) var unknownField: String?

    var roots: [String] { ["message"] + Self.places }
    /// Slots behind the message's: those of `places`, then those of `fields`.
    var slotCount: Int { trie.slotCount + Self.places.count + Self.fields.count }

    mutating func slot(for path: [String]) -> Int? {
        guard let root = path.first else { return nil }
        if root == "message" { return trie.slot(Array(path.dropFirst())) }
        if root == "dlq", path.count > 1 {
            if let field = Self.fields.firstIndex(of: path[1]) {
                return path.count == 2 ? trie.slotCount + Self.places.count + field : nil
            }
            unknownField = path[1]
        }
        return path.count == 1 ? Self.places.firstIndex(of: root).map { trie.slotCount + $0 } : nil
    }

    /// Fills everything but the message.
    func fill(_ frame: UnsafeMutablePointer<Value>, _ record: LogRecord, _ facts: LetterFacts, _ arena: inout Arena) {
        let places = frame + trie.slotCount
        let fields = places + Self.places.count
        let values: [Value] = [
            .string(arena.copy(facts.writer.rawValue)), text(facts.topology, &arena), text(facts.stage, &arena),
            text(facts.step, &arena), text(facts.code, &arena), text(facts.message, &arena), text(facts.pointer, &arena),
            text(facts.topic, &arena), number(facts.partition.map(Int64.init)), number(facts.offset), text(facts.timestamp, &arena),
            .int(Int64(facts.attempt)), text(facts.firstFailedAt, &arena), text(facts.failedAt, &arena), text(facts.file, &arena),
            number(facts.row),
        ]
        for (index, value) in values.enumerated() { fields[index] = value }
        places[0] = StageProgram.text(record.key)
        places[1] = StageProgram.text(record.value)
        places[2] = headers(record, &arena)
        places[3] = .null  // the topic; whoever reads it sets it once
        places[4] = .int(Int64(record.partition))
        places[5] = .int(record.offset)
        places[6] = record.timestamp < 0 ? .null : .int(record.timestamp)
        places[7] = map(Self.fields.enumerated().map { (.string(arena.copy($0.element)), fields[$0.offset]) }, &arena)
    }

    /// The slot of `topic`.
    var topicSlot: Int { trie.slotCount + 3 }

    private func text(_ text: String?, _ arena: inout Arena) -> Value {
        guard let text, !text.isEmpty else { return .null }
        return .string(arena.copy(text))
    }

    private func number(_ number: Int64?) -> Value { number.map { .int($0) } ?? .null }

    /// All headers; the last of a name wins.
    private func headers(_ record: LogRecord, _ arena: inout Arena) -> Value {
        var pairs: [(Value, Value)] = []
        for (index, header) in record.headers.enumerated() {
            let isLast = !record.headers[(index + 1)...].contains { $0.name.elementsEqual(header.name) }
            if isLast { pairs.append((StageProgram.text(header.name), StageProgram.text(header.value))) }
        }
        return map(pairs, &arena)
    }

    private func map(_ pairs: [(Value, Value)], _ arena: inout Arena) -> Value {
        let memory = arena.allocate(max(pairs.count, 1) * 2 * MemoryLayout<Value>.stride)
            .bindMemory(to: Value.self, capacity: max(pairs.count, 1) * 2)
        for (index, pair) in pairs.enumerated() {
            (memory + index * 2).initialize(to: pair.0)
            (memory + index * 2 + 1).initialize(to: pair.1)
        }
        return Value(.map, length: UInt32(truncatingIfNeeded: pairs.count), bits: UInt64(UInt(bitPattern: memory)))
    }
}
