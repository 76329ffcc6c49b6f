// Hot path: per record.
internal import JSON

/// Validates values against one schema, one after the other. One for each thread; once warm, a valid value allocates nothing.
public struct Validator: ~Copyable {
    let program: Program
    let schemas: UnsafePointer<CompiledSchema>
    let instructions: UnsafePointer<Instruction>
    let usesDynamicScope: Bool
    private var tape: Tape
    /// What is validated.
    var view: TapeView
    /// For each value whose evaluated parts are kept track of: a byte for each of its members or elements.
    var marks = Scratch<UInt8>(capacity: 64)
    /// The resources that references have led through, from the first on.
    var scope = Scratch<Int32>(capacity: 64)
    var uniqueness = Uniqueness()
    /// Schemas being applied, one inside the other.
    var depth = 0
    /// Applications of schemas that are left to this value.
    var budget = 0
    /// A limit was reached: nothing said about the value holds.
    var gaveUp = false
    /// Which side `contains` last failed on.
    var foundTooMany = false
    /// All failures are wanted, not only whether there are any.
    var collects = false
    /// Above 0: what fails is one of several ways.
    var silent = 0
    var failures: [SchemaFailure] = []

    /// Schemas that may be applied one inside the other: bounds the stack.
    static let maxDepth = 1200
    /// Failures that are told of one value.
    public static let mostFailures = 20

    /// - Parameter maxDepth: how many containers of a value may be open at once.
    public init(_ schema: JSONSchema, maxDepth: Int = 512) {
        program = schema.program
        schemas = schema.program.schemas.baseAddress.unsafelyUnwrapped  // there is at least the schema itself
        instructions = schema.program.instructionsStart
        usesDynamicScope = schema.program.usesDynamicScope
        tape = Tape(maxDepth: maxDepth)
        view = tape.view
    }

    /// Whether `text` is JSON that is valid against the schema, or against that one of its subschemas. Why not, `explain` tells.
    public mutating func isValid(_ text: UnsafeRawBufferPointer, subschema: Int = 0) -> Bool {
        guard tape.read(text).code == .ok else { return false }
        view = tape.view
        collects = false
        return run(subschema)
    }

    /// What is wrong with `text`: nothing if it is valid, at most `mostFailures` failures otherwise. What isn't JSON has one.
    public mutating func explain(_ text: UnsafeRawBufferPointer, subschema: Int = 0) -> [SchemaFailure] {
        failures = []
        let result = tape.read(text)
        guard result.code == .ok else {
            return [
                SchemaFailure(pointer: "", keyword: "", rule: "", message: "not JSON: \(result.code) at byte \(result.offset)")
            ]
        }
        view = tape.view
        collects = false
        if run(subschema) { return [] }
        collects = !gaveUp
        if collects, run(subschema) || (failures.isEmpty && !gaveUp) { return failures }
        if gaveUp {
            failures.append(
                SchemaFailure(pointer: "", keyword: "", rule: "#", message: "the schema leads too deep or too far for this value"))
        }
        return failures
    }

    private mutating func run(_ schema: Int) -> Bool {
        marks.count = 0
        scope.count = 0
        depth = 0
        silent = 0
        gaveUp = false
        budget = max(10_000_000, view.count * 1000)
        return apply(Int32(truncatingIfNeeded: schema), 0, marks: -1) && !gaveUp
    }

    // MARK: Applying a schema

    /// Whether a type alone is right.
    @inline(__always)
    mutating func accepts(_ types: UInt8, _ node: Int) -> Bool {
        if types >> view.nodes[node].kind.rawValue & 1 != 0 { return true }
        return types & Types.integers != 0 && view.nodes[node].kind == .number && isInteger(node)
    }

    @inline(__always)
    private mutating func isInteger(_ node: Int) -> Bool { view.nodes[node].flags & TapeNode.Flags.integer != 0 || isWhole(node) }

    /// Whether a value is valid against a schema. `marks`: where what is evaluated of the value is kept track of, or -1.
    mutating func apply(_ number: Int32, _ node: Int, marks outer: Int) -> Bool {
        let schema = schemas + Int(number)
        if !accepts(schema.pointee.types, node) { return failType(schema, node) }
        if schema.pointee.isTypeOnly { return true }
        depth &+= 1
        budget &-= 1
        if depth > Self.maxDepth || budget < 0 { return giveUp() }
        let entersResource =
            usesDynamicScope && (scope.count == 0 || scope.start[scope.count - 1] != schema.pointee.resource)
        if entersResource { scope.append(schema.pointee.resource) }
        let own = schema.pointee.tracks ? openMarks(node) : outer
        let isValid = followInstructions(schema, node, own)
        if schema.pointee.tracks { closeMarks(own, into: isValid ? outer : -1) }
        if entersResource { scope.count &-= 1 }
        depth &-= 1
        return isValid
    }

    @inline(__always)
    private mutating func followInstructions(_ schema: UnsafePointer<CompiledSchema>, _ node: Int, _ own: Int) -> Bool {
        let starts = schema.pointee.starts
        var isValid = true
        switch view.nodes[node].kind {
        case .number where starts.0 != starts.1: isValid = numbers(starts.0, starts.1, node)
        case .string where starts.1 != starts.2: isValid = strings(starts.1, starts.2, node)
        case .array where starts.2 != starts.3: isValid = arrays(starts.2, starts.3, node, own)
        case .object where starts.3 != starts.4: isValid = objects(starts.3, starts.4, node, own)
        default: break
        }
        if isValid || collects, starts.4 != starts.5 { isValid = combinations(starts.4, starts.5, node, own) && isValid }
        if isValid || collects, starts.5 != starts.6 { isValid = unevaluated(starts.5, starts.6, node, own) && isValid }
        return isValid
    }

    @inline(never)
    private mutating func giveUp() -> Bool {
        gaveUp = true
        depth &-= 1
        return false
    }

    // MARK: What is evaluated

    /// Room for a byte for each member or element, none of them evaluated.
    @inline(never)
    mutating func openMarks(_ node: Int) -> Int {
        let start = marks.count
        let kind = view.nodes[node].kind
        if kind == .object || kind == .array { marks.append(repeating: 0, count: Int(view.nodes[node].count)) }
        return start
    }

    /// Gives the room back; what was evaluated there counts for `outer` too, unless it is -1.
    @inline(never)
    mutating func closeMarks(_ own: Int, into outer: Int) {
        if outer >= 0 { for offset in 0..<(marks.count - own) { marks.start[outer + offset] |= marks.start[own + offset] } }
        marks.count = own
    }
}
