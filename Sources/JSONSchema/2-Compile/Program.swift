internal import JSON

/// A schema and all it refers to as flat tables. Never changes.
final class Program {
    let schemas: UnsafeBufferPointer<CompiledSchema>
    let instructions: UnsafeBufferPointer<Instruction>
    /// Schemas of `allOf`, `prefixItems` and the like.
    let lists: UnsafeBufferPointer<Int32>
    let limits: UnsafeBufferPointer<NumberLimit>
    let divisors: UnsafeBufferPointer<DivisorRule>
    let values: UnsafeBufferPointer<NamedValue>
    let members: UnsafeBufferPointer<MemberRules>
    let properties: UnsafeBufferPointer<PropertyRule>
    let patternRules: UnsafeBufferPointer<PatternRule>
    let keys: UnsafeBufferPointer<NamedKey>
    /// For each dynamic anchor that is asked for, and each resource: the schema of that name there, or -1.
    let dynamicTargets: UnsafeBufferPointer<Int32>
    let resourceCount: Int
    /// Good as long as the program lives; never read where there are none.
    var instructionsStart: UnsafePointer<Instruction> {
        instructions.baseAddress ?? UnsafePointer(bitPattern: MemoryLayout<Instruction>.alignment).unsafelyUnwrapped
    }
    var usesDynamicScope: Bool { !dynamicTargets.isEmpty }
    /// Handles of `patterns`.
    let matchers: UnsafeBufferPointer<PatternMatcher>
    let patterns: [Pattern]
    /// Where keywords stand.
    let places: [Location]
    /// Kept alive: texts and values above lead into them.
    let documents: [Document]

    init(_ parts: borrowing ProgramParts, patterns: [Pattern], places: [Location], documents: [Document], resourceCount: Int) {
        schemas = Self.keep(parts.schemas)
        instructions = Self.keep(parts.instructions)
        lists = Self.keep(parts.lists)
        limits = Self.keep(parts.limits)
        divisors = Self.keep(parts.divisors)
        values = Self.keep(parts.values)
        members = Self.keep(parts.members)
        properties = Self.keep(parts.properties)
        patternRules = Self.keep(parts.patternRules)
        keys = Self.keep(parts.keys)
        dynamicTargets = Self.keep(parts.dynamicTargets)
        matchers = Self.keep(patterns.map(\.matcher))
        self.patterns = patterns
        self.places = places
        self.documents = documents
        self.resourceCount = resourceCount
    }

    deinit {
        schemas.deallocate()
        instructions.deallocate()
        lists.deallocate()
        limits.deallocate()
        divisors.deallocate()
        values.deallocate()
        members.deallocate()
        properties.deallocate()
        patternRules.deallocate()
        keys.deallocate()
        dynamicTargets.deallocate()
        matchers.deallocate()
    }

    private static func keep<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafeBufferPointer<Element> {
        let kept = UnsafeMutableBufferPointer<Element>.allocate(capacity: elements.count)
        _ = kept.initialize(from: elements)
        return UnsafeBufferPointer(kept)
    }

    /// The keyword at a place, and its schema location: `#/properties/a/type`, after a document's URI where it isn't the first.
    func rule(_ place: Int32) -> (keyword: String, location: String) {
        let place = places[Int(place)]
        let document = documents[place.document]
        let pointer = document.pointer(to: place.node)
        let name = pointer.split(separator: "/").last.map(String.init) ?? ""
        return (name, (place.document == 0 ? "" : document.uri) + "#" + pointer)
    }
}

/// The tables while they grow.
struct ProgramParts {
    var schemas: [CompiledSchema] = []
    var instructions: [Instruction] = []
    var lists: [Int32] = []
    var limits: [NumberLimit] = []
    var divisors: [DivisorRule] = []
    var values: [NamedValue] = []
    var members: [MemberRules] = []
    var properties: [PropertyRule] = []
    var patternRules: [PatternRule] = []
    var keys: [NamedKey] = []
    var dynamicTargets: [Int32] = []
}
