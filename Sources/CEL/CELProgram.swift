public import Bytes
public import JSON

/// A compiled expression of the Common Expression Language (https://github.com/google/cel-spec/blob/master/doc/langdef.md).
///
/// What we add: int, uint and double mix in arithmetic (unless `CELOptions.strictNumbers`); `decimal()` computes exactly from the
/// digits a number was written with; a JSON number is an int when written without fraction and exponent, else a double.
///
/// It doesn't change after `compile`; what an evaluation makes lies in the caller's arena. Regular expressions are the reason for
/// one instance a thread: RE2 locks the caches that threads share.
public final class CELProgram {
    /// The longest source there may be.
    public static let maxSourceBytes = 1 << 20

    /// What was compiled.
    public let source: String

    /// What is odd about it, in the order of the source.
    public let warnings: [CELWarning]
    /// The types the result may have, as far as that is known: fields of records may have any.
    public var types: TypeSet { rootTypes }

    private let root: Operand
    private let rootSpan: SourceSpan
    private let rootTypes: TypeSet
    private let localCount: Int
    private let tables: Tables
    /// Keeps constants and patterns alive, and knows where errors are.
    private let assembly: Assembly

    private init(_ source: String, _ result: Compiled, _ assembly: Assembly, _ options: CELOptions, _ warnings: [CELWarning]) {
        self.source = source
        self.assembly = assembly
        self.warnings = warnings.sorted { $0.offset < $1.offset }
        root = result.operand
        rootSpan = SourceSpan(result.start, result.end)
        rootTypes = result.types
        localCount = assembly.localCount
        tables = Tables(assembly, strictNumbers: options.strictNumbers)
    }

    deinit { tables.deallocate() }

    /// Compiles an expression. The resolver is asked for each name's slot.
    public static func compile(
        _ source: String, options: CELOptions = CELOptions(), resolver: inout some NameResolver
    ) throws(CELError) -> CELProgram {
        let bytes = Array(source.utf8)
        guard bytes.count <= maxSourceBytes else {
            throw CELError("expression of \(bytes.count) bytes; at most \(maxSourceBytes) are allowed", at: maxSourceBytes)
        }
        let expression = try Parser.parse(bytes)
        var compiler = Compiler(resolver: resolver, options: options)
        defer { resolver = compiler.resolver }
        let result = try compiler.compile(expression)
        return CELProgram(source, result, compiler.assembly, options, compiler.warnings)
    }

    /// Whether the result may be of a type, as far as that is known: fields of records may have any.
    public func mayBe(_ tag: Tag) -> Bool { rootTypes.contains(TypeSet(tag)) }

    /// Evaluates on filled slots.
    ///
    /// - Parameters:
    ///   - frame: the slots the resolver gave, all of them filled.
    ///   - record: what raw values and digits in the slots refer to.
    ///   - arena: where new strings and lists go.
    /// - Returns: the value, never absent; an error is a value with tag `.error`. It may point into the record, the arena and this
    ///   program, and is good as long as all three are.
    public func evaluate(_ frame: UnsafePointer<Value>, record: UnsafeRawBufferPointer, arena: inout Arena) -> Value {
        withUnsafeMutablePointer(to: &arena) { arena in
            let locals =
                localCount == 0
                ? UnsafeMutablePointer(mutating: frame)
                : arena.pointee.allocate(localCount * MemoryLayout<Value>.stride).bindMemory(to: Value.self, capacity: localCount)
            var machine = Machine(tables: tables, frame: frame, locals: locals, record: record, arena: arena)
            return machine.result(root)
        }
    }

    /// What an error of this program means, with the piece of the expression it happened at; no values of the record.
    public func describe(_ error: Value) -> String {
        guard error.tag == .error, let kind = EvaluationError(rawValue: error.aux) else { return "unknown error" }
        let piece = piece(span(error.length))
        if kind == .noMatchingOverload { return "\(kind.text) for \(EvaluationError.types(of: error)) in \(piece)" }
        return "\(kind.text) \(piece)"
    }

    /// Whether an error says that a field or key isn't there, and nothing else.
    public static func isMissing(_ error: Value) -> Bool {
        error.tag == .error
            && (error.aux == EvaluationError.noSuchField.rawValue || error.aux == EvaluationError.noSuchKey.rawValue)
    }

    /// Where in the source an error happened, in UTF-8 bytes from its start.
    public func offset(of error: Value) -> Int { Int(span(error.length).start) }

    private func span(_ position: UInt32) -> SourceSpan {
        if position == Position.root { return rootSpan }
        let isEntry = position >> 31 == 1
        let index = Int(position & 0x7fff_ffff)
        let spans = isEntry ? assembly.operandSpans : assembly.spans
        return index < spans.count ? spans[index] : rootSpan
    }

    /// At most about a hundred bytes of the source, in one line.
    private func piece(_ span: SourceSpan) -> String {
        let text = Array(source.utf8)[Int(span.start)..<Int(span.end)]
        var end = min(text.endIndex, text.startIndex + 100)
        while end < text.endIndex, end > text.startIndex, text[end] & 0xc0 == 0x80 { end -= 1 }
        let line = text[..<end].map { $0 < 0x20 ? UInt8(ascii: " ") : $0 }
        return String(decoding: line, as: UTF8.self) + (end < text.endIndex ? "…" : "")
    }
}

extension EvaluationError {
    /// The operand types of a `noMatchingOverload`, as `(int, string)`.
    static func types(of error: Value) -> String {
        let count = Int(error.bits & 0xff)
        let names = (0..<min(count, 3)).map { index in
            Tag(rawValue: UInt8(truncatingIfNeeded: error.bits >> (8 * UInt64(index + 1))))?.typeName ?? "unknown"
        }
        return "(\(names.joined(separator: ", ")))"
    }
}
