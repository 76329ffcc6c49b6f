import Bytes
import CEL
import ETL
import Glibc
import JSON

/// `etl eval --batch --typed`: each line of stdin is an expression with its bindings, each line of stdout its value or error.
/// A line that isn't right gives an error, and the batch goes on.
func evaluateBatch(_ options: CELOptions) {
    var batch = ExpressionBatch(options)
    var lines = LineReader(descriptor: 0)
    while let line = lines.next() {
        batch.answer(line)
        // Nobody waits for an answer while more lines are there already.
        if !lines.hasLine { batch.flush() }
    }
    batch.flush()
}

/// Evaluates lines like `{"id":1,"expr":"a + 1","container":"x","bindings":{"a":{"int":"5"}}}`.
private struct ExpressionBatch: ~Copyable {
    private var baseOptions: CELOptions
    private var scanner: Scanner
    private let frame: UnsafeMutablePointer<Value>
    private let id, expression, container, bindings: Int
    private var arena = Arena()
    private var writer = JSONWriter(capacity: 1 << 16)
    private static var mostHeld: Int { 1 << 20 }

    init(_ options: CELOptions) {
        baseOptions = options
        var trie = SlotTrie()
        id = trie.slot(["id"])
        expression = trie.slot(["expr"])
        container = trie.slot(["container"])
        bindings = trie.slot(["bindings"])
        scanner = Scanner(trie, maxDepth: 4096)
        frame = .allocate(capacity: trie.slotCount)
    }

    deinit { frame.deallocate() }

    mutating func flush() {
        var written = 0
        let bytes = writer.bytes
        while written < bytes.count {
            let count = write(1, bytes.baseAddress.map { $0 + written }, bytes.count - written)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { exit(1) }  // nobody reads
            written += count
        }
        writer.reset()
    }

    mutating func answer(_ line: ArraySlice<UInt8>) {
        if line.allSatisfy({ [0x20, 0x09, 0x0d].contains($0) }) { return }
        arena.reset()
        line.withUnsafeBytes { line in
            let result = scanner.scan(line, into: frame, arena: &arena)
            writer.raw("{\"id\":")
            guard result.code == .ok else {
                writer.raw("null")
                return finish("the line isn't JSON: \(result.code.description) at offset \(result.offset)")
            }
            if frame[id].tag == .absent || !writer.append(frame[id], record: line) { writer.raw("null") }
            guard frame[expression].tag == .string else { return finish("\"expr\" must be a string") }
            var options = baseOptions
            switch frame[container].tag {
            case .string:
                let name = String(decoding: frame[container].bytes, as: UTF8.self)
                options.container = name.split(separator: ".").map(String.init)
            case .absent, .null: break
            default: return finish("\"container\" must be a string")
            }
            do {
                try evaluate(String(decoding: frame[expression].bytes, as: UTF8.self), options, line)
            } catch let error as TypedValue.Malformed {
                finish(error.message)
            } catch let error as CELError {
                finish("\(error)")
            } catch {
                finish("\(error)")
            }
        }
        writer.raw("\n")
        if writer.bytes.count > Self.mostHeld { flush() }
    }

    private mutating func evaluate(_ source: String, _ options: CELOptions, _ line: UnsafeRawBufferPointer) throws {
        var names = Bindings()
        var values: [Value] = []
        switch frame[bindings].tag {
        case .map:
            let given = materialize(frame[bindings], record: line, arena: &arena)
            let pairs = given.pointer?.assumingMemoryBound(to: Value.self)
            for index in 0..<Int(given.length) {
                guard let pairs else { break }
                let name = String(decoding: pairs[index * 2].bytes, as: UTF8.self)
                do throws(TypedValue.Malformed) {
                    values.append(try TypedValue.read(pairs[index * 2 + 1], record: line, arena: &arena))
                } catch {
                    throw TypedValue.Malformed(message: "binding '\(name)': \(error.message)")
                }
                names.slots[name] = index
            }
        case .absent, .null: break
        default: throw TypedValue.Malformed(message: "\"bindings\" must be an object")
        }
        let program = try CELProgram.compile(source, options: options, resolver: &names)
        values.append(.absent)  // never empty
        let value = values.withUnsafeBufferPointer { values in
            values.baseAddress.map { program.evaluate($0, record: line, arena: &arena) } ?? .null
        }
        if value.tag == .error { return finish(program.describe(value)) }
        writer.raw(",\"value\":")
        TypedValue.write(value, record: line, arena: &arena, to: &writer)
        writer.raw("}")
    }

    private mutating func finish(_ error: String) {
        writer.raw(",\"error\":")
        var error = error
        error.withUTF8 { writer.string(UnsafeRawBufferPointer($0)) }
        writer.raw("}")
    }
}

/// The names of a line: one slot each, dots and all.
private struct Bindings: NameResolver {
    var slots: [String: Int] = [:]
    var roots: [String] { slots.keys.sorted() }
    var indexesAreNames: Bool { false }

    mutating func slot(for path: [String]) -> Int? { slots[path.joined(separator: ".")] }
}
