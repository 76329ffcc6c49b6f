// Hot path: per record.
import Bytes
import JSON
import Log

/// Why a record can't be a row. `RowEncoder.describe` makes words of it.
package struct RowRefusal {
    package enum Reason: UInt8 { case none, tombstone, parse, notObject, column, extraField }
    package var reason: Reason
    var refusal = Refusal.none
    var scan = ScanCode.ok
    /// Column index or byte offset.
    var index = 0

    static var accepted: RowRefusal { RowRefusal(reason: .none) }
}

/// Turns records into rows of binary COPY, in one pass over each record. One for each thread.
package struct RowEncoder: ~Copyable {
    /// What becomes of the record's top-level fields that no loaded column has.
    package enum ExtraFields { case refuse, ignore, column }

    private var scanner: Scanner
    private let frame: UnsafeMutablePointer<Value>
    private let columns: UnsafeMutablePointer<TargetColumn>
    private let columnCount: Int
    private let extraFields: ExtraFields
    private let hasSequence: Bool
    private var memory = ConversionMemory()
    private var extras: JSONWriter = JSONWriter()

    /// - Parameters:
    ///   - columns: name and type, in the order of the COPY's columns.
    ///   - extraFields: with `.column` one more jsonb column follows them.
    ///   - hasSequence: one more integer column follows: the row's number in the batch.
    package init(columns named: [(name: String, column: TargetColumn)], extraFields: ExtraFields, hasSequence: Bool) {
        var trie = SlotTrie()
        columns = .allocate(capacity: max(named.count, 1))
        for (index, entry) in named.enumerated() {
            var column = entry.column
            column.slot = Int32(trie.slot([entry.name]))
            (columns + index).initialize(to: column)
        }
        columnCount = named.count
        frame = .allocate(capacity: trie.slotCount)
        frame.initialize(repeating: .absent, count: trie.slotCount)
        scanner = Scanner(trie, reportsUnknownKeys: extraFields != .ignore)
        self.extraFields = extraFields
        self.hasSequence = hasSequence
    }

    deinit {
        frame.deallocate()
        columns.deallocate()
    }

    /// Appends the record's row to `buffer`, or nothing.
    package mutating func append(_ record: UnsafeRawBufferPointer, row: Int, to buffer: inout CopyBuffer) -> RowRefusal {
        let start = buffer.count
        memory.arena.reset()
        guard record.baseAddress != nil else { return RowRefusal(reason: .tombstone) }
        let scan = scanner.scan(record, into: frame, arena: &memory.arena)
        guard scan.code == .ok else { return RowRefusal(reason: .parse, scan: scan.code, index: scan.offset) }
        guard frame[0].tag == .map else { return RowRefusal(reason: .notObject) }
        buffer.put(Int16(truncatingIfNeeded: columnCount + (extraFields == .column ? 1 : 0) + (hasSequence ? 1 : 0)))
        for index in 0..<columnCount {
            let column = columns[index]
            let refusal = buffer.putValue(frame[Int(column.slot)], column, record: record, &memory)
            if refusal != .none {
                buffer.truncate(to: start)
                return RowRefusal(reason: .column, refusal: refusal, index: index)
            }
        }
        if extraFields != .ignore {
            let unknown = scanner.unknownKeys(record, arena: &memory.arena)
            if extraFields == .refuse, unknown.count > 0 {
                buffer.truncate(to: start)
                return RowRefusal(reason: .extraField)
            }
            if extraFields == .column {
                let refusal = putExtras(unknown, &buffer)
                if refusal != .none {
                    buffer.truncate(to: start)
                    return RowRefusal(reason: .column, refusal: refusal, index: columnCount)
                }
            }
        }
        if hasSequence { buffer.putField(Int32(truncatingIfNeeded: row)) }
        return .accepted
    }

    /// The extra fields as one JSON object; `{}` where there are none.
    private mutating func putExtras(_ members: UnsafeBufferPointer<UnknownMember>, _ buffer: inout CopyBuffer) -> Refusal {
        extras.reset()
        extras.raw(UInt8(ascii: "{"))
        for (index, member) in members.enumerated() {
            if index > 0 { extras.raw(UInt8(ascii: ",")) }
            extras.string(member.key)
            extras.raw(UInt8(ascii: ":"))
            extras.raw(member.value)
        }
        extras.raw(UInt8(ascii: "}"))
        if CopyBuffer.holdsZeroEscape(extras.bytes) { return .zeroCharacter }
        buffer.put(Int32(truncatingIfNeeded: extras.bytes.count + 1))
        buffer.put(UInt8(1))
        buffer.put(extras.bytes)
        return .none
    }

    /// After a refusal for an extra field: the first such field's name (it is the record's, so bounded).
    mutating func firstExtraField(_ record: UnsafeRawBufferPointer) -> String {
        let unknown = scanner.unknownKeys(record, arena: &memory.arena)
        guard let first = unknown.first else { return "" }
        return String(String(decoding: first.key, as: UTF8.self).prefix(100))
    }
}
