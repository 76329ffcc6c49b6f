package import Bytes
internal import CEL
internal import JSON
package import Log

/// `--where` and `--set`, compiled: which dead letters are meant, and how their values are mended. One for each thread.
package struct LetterProgram: ~Copyable {
    /// Whether a dead letter is meant.
    package enum Match: Equatable {
        case yes, no
        /// The expression can't be evaluated on this one: why.
        case failed(String)
    }

    /// What became of a value.
    package struct Repaired {
        /// In the arena given, or the record's own bytes where nothing changed.
        package var value: UnsafeRawBufferPointer
        /// The fields set, with their JSON before and after. Only where asked for.
        package var changes: [Change] = []
    }

    package struct Change: Equatable, Sendable {
        package var path: String
        /// Nil: the field wasn't there.
        package var before: String?
        package var after: String
    }

    private let names: LetterNames
    private var frame: OwnedArray<Value>
    private var scanner: Scanner
    private let filter: CELProgram?
    private var repairs: OwnedArray<LetterRepair>
    private let repairCount: Int
    /// Texts that the frame leads into.
    private var memory: Arena
    private let topic: Value
    private let emptyObject: Value
    private var arena = Arena()
    private var texts = JSONWriter(capacity: 256)

    /// - Parameters:
    ///   - topic: what `topic` means: where the letters are read.
    ///   - filter: as given to `--where`; nil: all are meant.
    ///   - sets: as given to `--set`: a dotted path, `=`, an expression.
    /// - Throws: `usage`, with what is wrong and where in the expression.
    package init(topic name: String, filter source: String?, sets: [String]) throws(ETLError) {
        var names = LetterNames()
        var fields: [(path: [String], source: String)] = []
        for set in sets { fields.append(try Self.field(set)) }
        for field in fields { names.trie.slot(field.path) }
        if let source { _ = try Self.compile(source, "--where", &names) }
        for field in fields { _ = try Self.compile(field.source, "--set", &names) }
        // Now that every path is known, so is where the other names stand.
        let filter = try source.map { source throws(ETLError) in try Self.compile(source, "--where", &names) }
        if let filter, !filter.mayBe(.bool) {
            throw ETLError(.usage, code: "expression.type", "--where='\(filter.source)' never gives true or false")
        }
        var expressions: [CELProgram] = []
        for field in fields { expressions.append(try Self.compile(field.source, "--set", &names)) }
        // From here on nothing fails.
        repairs = OwnedArray<LetterRepair>()
        for (field, expression) in zip(fields, expressions) {
            let slot = names.trie.slot(field.path)
            repairs.append(
                LetterRepair(
                    path: field.path.joined(separator: "."), slot: slot,
                    parents: (1..<field.path.count).map { names.trie.slot(Array(field.path.prefix($0))) }, expression: expression,
                    scanner: Scanner(names.trie, edits: [.set(slot: slot)])))
        }
        repairCount = fields.count
        self.filter = filter
        scanner = Scanner(names.trie)
        frame = OwnedArray<Value>()
        for _ in 0..<names.slotCount { frame.append(.absent) }
        memory = Arena(chunkBytes: 1024)
        topic = .string(memory.copy(name))
        let empty = memory.copy("{}")
        emptyObject = Value(.map, flags: Value.Flags.raw, length: 2, bits: UInt64(UInt(bitPattern: empty.baseAddress)))
        self.names = names
    }

    package var hasFilter: Bool { filter != nil }
    package var hasRepairs: Bool { repairCount > 0 }

    private static func field(_ text: String) throws(ETLError) -> (path: [String], source: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts[0].split(separator: ".", omittingEmptySubsequences: false).map { String($0) }
        guard parts.count == 2, !path.contains("") else {
            throw ETLError(
                .usage, code: "expression.syntax",
                "--set='\(text)': write a field and an expression: --set 'address.country=\"DE\"'")
        }
        return (path, String(parts[1]))
    }

    private static func compile(_ source: String, _ option: String, _ names: inout LetterNames) throws(ETLError) -> CELProgram {
        let program: CELProgram
        do throws(CELError) {
            program = try CELProgram.compile(source, resolver: &names)
        } catch {
            throw ETLError(.usage, code: "expression.syntax", "\(option)='\(source)': \(error)")
        }
        guard let field = names.unknownField else { return program }
        let near = suggest(field, among: LetterNames.fields, called: "its fields").map { "; \($0)" } ?? ""
        throw ETLError(.usage, code: "expression.name", "\(option)='\(source)': a dead letter has no 'dlq.\(field)'\(near)")
    }

    // MARK: Use

    package mutating func match(_ record: LogRecord, _ facts: LetterFacts) -> Match {
        guard let filter else { return .yes }
        arena.reset()
        fill(record, facts)
        let isObject = record.value.count > 0 && Self.scan(&scanner, record.value, frame.base, &arena)
        if !isObject { emptyMessage() }
        let value = filter.evaluate(frame.base, record: isObject ? record.value : Self.nothing, arena: &arena)
        if value.tag == .bool { return value.isTrue ? .yes : .no }
        return .failed(value.tag == .error ? filter.describe(value) : "gives \(value.tag.jsonName), expected true or false")
    }

    /// The record's value with every `--set` made. Bytes of the result live in `output`.
    /// - Parameters:
    ///   - startsEmpty: a value that is no JSON object is taken for `{}` (a CSV row, whose text is `value`).
    ///   - tells: whether the changes are wanted too.
    /// - Throws: why it can't be mended.
    package mutating func repair(
        _ record: LogRecord, _ facts: LetterFacts, startsEmpty: Bool, tells: Bool, into output: inout Arena
    ) throws(Failure) -> Repaired {
        var result = Repaired(value: record.value)
        guard repairCount > 0 else { return result }
        arena.reset()
        fill(record, facts)
        for index in 0..<repairCount {
            if !Self.scan(&repairs.base[index].scanner, result.value, frame.base, &arena) {
                guard startsEmpty, index == 0 else {
                    throw Failure(code: "set.not_object", message: "--set needs a JSON object; the value is none")
                }
                result.value = emptyObject.bytes
                _ = Self.scan(&repairs.base[index].scanner, result.value, frame.base, &arena)
            }
            if let change = try repair(index, &result.value, tells, &output) { result.changes.append(change) }
        }
        return result
    }

    private mutating func repair(
        _ index: Int, _ text: inout UnsafeRawBufferPointer, _ tells: Bool, _ output: inout Arena
    ) throws(Failure) -> Change? {
        let slot = repairs.base[index].slot
        let path = repairs.base[index].path
        let value = repairs.base[index].expression.evaluate(frame.base, record: text, arena: &arena)
        if value.tag == .error {
            throw Failure(code: "set.failed", message: "--set \(path): \(repairs.base[index].expression.describe(value))")
        }
        guard value.tag != .bytes, JSONWriter.canWrite(value) else {
            throw Failure(code: "set.not_json", message: "--set \(path): gives \(value.tag.jsonName), which JSON has no form for")
        }
        for parent in repairs.base[index].parents where ![.map, .absent].contains(frame.base[parent].tag) {
            throw Failure(code: "set.not_object", message: "--set \(path): lies below a field that is no object")
        }
        var change: Change?
        if tells {
            let before = frame.base[slot].tag == .absent ? nil : json(frame.base[slot], text)
            change = Change(path: path, before: before, after: json(value, text))
        }
        frame.base[slot] = value
        let written = repairs.base[index].scanner.write(text, frame: frame.base, into: &output)
        guard written.baseAddress != nil else {
            throw Failure(code: "set.not_json", message: "--set \(path): the value computed has no JSON form")
        }
        text = written
        return change
    }

    private mutating func json(_ value: Value, _ record: UnsafeRawBufferPointer) -> String {
        texts.reset()
        texts.append(value, record: record)
        return String(decoding: texts.bytes, as: UTF8.self)
    }

    private static var nothing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    private mutating func fill(_ record: LogRecord, _ facts: LetterFacts) {
        names.fill(frame.base, record, facts, &arena)
        frame.base[names.topicSlot] = topic
    }

    /// Fills the message's slots. False: it is no JSON object.
    private static func scan(
        _ scanner: inout Scanner, _ value: UnsafeRawBufferPointer, _ frame: UnsafeMutablePointer<Value>, _ arena: inout Arena
    ) -> Bool {
        scanner.scan(value, into: frame, arena: &arena).code == .ok && frame[0].tag == .map
    }

    private func emptyMessage() {
        frame.base.update(repeating: .absent, count: names.trie.slotCount)
        frame.base[0] = emptyObject
    }
}

/// One `--set`: a pass of its own over the value, so that each sees what those before it set.
struct LetterRepair: ~Copyable {
    let path: String
    let slot: Int
    /// Slots of what the field lies in.
    let parents: [Int]
    let expression: CELProgram
    var scanner: Scanner
}
