// Hot path: per record.
internal import Bytes
internal import CEL
internal import JSON
internal import Log

/// One action of a stage, ready to run. Slots, programs and checks are numbers into the program's own arrays.
struct Instruction: BitwiseCopyable {
    enum Operation: UInt8 { case validate, schema, check, filter, lookup, set, remove, rename, rekey }
    /// What becomes of a record that fails a check or misses a lookup.
    enum Otherwise: UInt8 { case dead, drop, pass }

    var operation: Operation
    var otherwise = Otherwise.dead
    /// Index into the stage's steps.
    var step: Int32
    /// The slot written; for a lookup its row's slot, or -1.
    var target: Int32 = -1
    /// The slot read (rename), the lookup's number, or the schema's.
    var source: Int32 = -1
    /// For a lookup: the slot that tells whether there is a row, or -1.
    var presence: Int32 = -1
    var program: Int32 = -1
    /// Index of the path in the program's texts.
    var path: Int32 = -1
    /// A range of checks (validate), columns (lookup) or parent slots (set, rename).
    var first: Int32 = 0
    var count: Int32 = 0
}

/// Instructions that one pass over the record serves.
struct StagePart: ~Copyable {
    var scanner: Scanner
    let instructions: OwnedArray<Instruction>
    let hasEdits: Bool

    init(scanner: consuming Scanner, instructions: consuming OwnedArray<Instruction>, hasEdits: Bool) {
        self.scanner = scanner
        self.instructions = instructions
        self.hasEdits = hasEdits
    }
}

/// A program that is owned here, so that using it counts no references.
struct StageExpression: ~Copyable {
    private let program: Unmanaged<CELProgram>

    init(_ program: CELProgram) { self.program = Unmanaged.passRetained(program) }

    deinit { program.release() }

    @inline(__always)
    func evaluate(_ frame: UnsafePointer<Value>, record: UnsafeRawBufferPointer, arena: inout Arena) -> Value {
        program._withUnsafeGuaranteedRef { $0.evaluate(frame, record: record, arena: &arena) }
    }

    func describe(_ error: Value) -> String { program.takeUnretainedValue().describe(error) }
}

/// Which column of a lookup's row an expression wants, and the slot it goes to.
struct LookupColumn: BitwiseCopyable {
    var column: Int32
    var slot: Int32
}

/// A header an expression wants by name, and its slot.
struct HeaderSlot: BitwiseCopyable {
    var name: UnsafeRawBufferPointer
    var slot: Int32
}

/// The names of a lookup table's columns, as strings.
struct ColumnNames: BitwiseCopyable {
    var start: UnsafeMutablePointer<Value>
    var count: Int
}

/// Slots of what stands beside the message; -1: no expression wants it. The topic's slot never changes.
struct ContextSlots: BitwiseCopyable {
    var isWanted = false
    var key: Int32 = -1
    var partition: Int32 = -1
    var offset: Int32 = -1
    var timestamp: Int32 = -1
    var headers: Int32 = -1
}

/// Partition counts of the stage's topics, and whether a step changes keys.
struct Partitioning: BitwiseCopyable {
    var inputCount: Int32
    var outputCount: Int32
    var keyChanges: Bool

    func partition(of key: UnsafeRawBufferPointer, input: Int32) -> Int32 {
        Partitioner.partition(for: input, key: key, inputCount: inputCount, outputCount: outputCount, keyChanged: keyChanges)
    }
}
