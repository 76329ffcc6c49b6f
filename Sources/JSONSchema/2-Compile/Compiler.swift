internal import Bytes
internal import JSON

/// Turns a schema and all it refers to into a `Program`, schema by schema, from a list of those that are left: nothing recurses.
struct Compiler {
    var registry: Registry
    var parts = ProgramParts()
    var patterns: [Pattern] = []
    var places: [Location] = []
    let assertsFormat: Bool
    /// Schemas that have a number, and those of them whose keywords haven't been read.
    private var numbers: [Location: Int32] = [:]
    private var pending: [Location] = []
    /// Instructions of each schema, before they are put in order.
    private var bodies: [[Instruction]] = []
    private var patternNumbers: [String: Int32] = [:]
    /// Dynamic anchors that references ask for.
    private var dynamicAnchors: [String] = []

    init(_ registry: Registry, assertsFormat: Bool) {
        self.registry = registry
        self.assertsFormat = assertsFormat
    }

    /// What a schema is compiled from: where it stands, and what is known there.
    struct Subject {
        let document: Document
        let location: Location
        let resource: Int
        let dialect: Dialect

        var node: Int { location.node }

        func member(_ name: String) -> Int? { document.member(name, of: node) }
    }

    mutating func compile(_ root: Location) -> Program? {
        _ = number(of: root)
        // Also what nothing refers to: a slip in it would show only once something does.
        for location in registry.found { _ = number(of: location) }
        repeat { while let next = pending.popLast() { compileBody(next) } } while addDynamicTargets()
        arrange()
        reportCycles()
        guard !registry.problems.contains(where: { $0.severity == .error }) else { return nil }
        return Program(
            parts, patterns: patterns, places: places, documents: registry.documents, resourceCount: registry.resources.count)
    }

    /// The number of a schema, from now on to be compiled.
    mutating func number(of location: Location) -> Int32 {
        if let known = numbers[location] { return known }
        let number = Int32(parts.schemas.count)
        numbers[location] = number
        parts.schemas.append(CompiledSchema())
        bodies.append([])
        pending.append(location)
        return number
    }

    private mutating func compileBody(_ location: Location) {
        guard let number = numbers[location], let resource = registry.schemas[location] else { return }
        let document = registry.documents[location.document]
        var schema = CompiledSchema()
        schema.resource = Int32(resource)
        schema.place = place(location)
        switch document.kind(location.node) {
        case .true: break
        case .object:
            let subject = Subject(
                document: document, location: location, resource: resource, dialect: registry.resources[resource].dialect)
            bodies[Int(number)] = keywords(subject, &schema)
        default: schema.types = 0
        }
        parts.schemas[Int(number)] = schema
    }

    private mutating func keywords(_ subject: Subject, _ schema: inout CompiledSchema) -> [Instruction] {
        var body: [Instruction] = []
        addReferences(subject, &body)
        // In draft-07 what stands beside a reference says nothing.
        if subject.dialect.draft == .draft7, subject.member("$ref") != nil { return body }
        if subject.dialect.validates {
            addType(subject, &schema)
            addValues(subject, &body)
            addNumbers(subject, &body)
            addStrings(subject, &body)
            addCounts(subject, &body)
        }
        if assertsFormat || subject.dialect.assertsFormat { addFormat(subject, &body) }
        addMembers(subject, &body)
        if subject.dialect.applies {
            addCombinations(subject, &body)
            addArrays(subject, &body)
            addUnevaluated(subject, &body)
        }
        schema.tracks = body.contains { $0.group == 5 }
        return body
    }

    /// Schemas that dynamic references may lead to. Returns whether there are new ones.
    private mutating func addDynamicTargets() -> Bool {
        parts.dynamicTargets = []
        // A resource none of whose schemas is used is never on the way.
        let used = Set(numbers.keys.compactMap { registry.schemas[$0] })
        for name in dynamicAnchors {
            for (index, resource) in registry.resources.enumerated() {
                let target = used.contains(index) ? resource.dynamicAnchors[name] : nil
                parts.dynamicTargets.append(target.map { number(of: $0) } ?? -1)
            }
        }
        return !pending.isEmpty
    }

    /// The number of a dynamic anchor's name.
    mutating func dynamicAnchor(_ name: String) -> Int32 {
        if let known = dynamicAnchors.firstIndex(of: name) { return Int32(known) }
        dynamicAnchors.append(name)
        return Int32(dynamicAnchors.count - 1)
    }

    /// Puts each schema's instructions behind each other, by group.
    private mutating func arrange() {
        for (number, body) in bodies.enumerated() {
            var starts: [Int32] = []
            for group in 0...5 {
                starts.append(Int32(parts.instructions.count))
                parts.instructions += body.filter { $0.group == group }.sorted { $0.operation.rawValue < $1.operation.rawValue }
            }
            parts.schemas[number].starts = (
                starts[0], starts[1], starts[2], starts[3], starts[4], starts[5], Int32(parts.instructions.count)
            )
        }
    }

    /// A schema that applies itself to the same value never comes to an end.
    private mutating func reportCycles() {
        enum State { case unseen, open, done }
        var states = [State](repeating: .unseen, count: parts.schemas.count)
        for root in parts.schemas.indices where states[root] == .unseen {
            var path: [(schema: Int, next: [Int32])] = [(root, inPlace(root))]
            states[root] = .open
            while let top = path.last {
                guard let next = top.next.last else {
                    states[top.schema] = .done
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next.removeLast()
                switch states[Int(next)] {
                case .done: break
                case .open:
                    let place = places[Int(parts.schemas[top.schema].place)]
                    registry.report(
                        "schema.cycle", "the schema refers to itself without going on to a part of the value", at: place.node,
                        registry.documents[place.document])
                    states[Int(next)] = .done
                case .unseen:
                    states[Int(next)] = .open
                    path.append((Int(next), inPlace(Int(next))))
                }
            }
        }
    }

    /// Schemas that a schema applies to the same value. Dynamic references aren't among them: where they lead isn't known.
    private func inPlace(_ schema: Int) -> [Int32] {
        var result: [Int32] = []
        for instruction in bodies[schema] {
            switch instruction.operation {
            case .ref, .not: result.append(instruction.a)
            case .allOf, .anyOf, .oneOf:
                result += parts.lists[Int(instruction.a)..<Int(instruction.a + instruction.b)]
            case .conditional: result += [instruction.a, instruction.b, instruction.c].filter { $0 >= 0 }
            case .dependentSchemas:
                result += parts.keys[Int(instruction.a)..<Int(instruction.a + instruction.b)].map(\.a).filter { $0 >= 0 }
            default: break
            }
        }
        return result
    }

    // MARK: For the keywords

    mutating func place(_ location: Location) -> Int32 {
        places.append(location)
        return Int32(places.count - 1)
    }

    mutating func place(_ node: Int, _ subject: Subject) -> Int32 {
        place(Location(document: subject.location.document, node: node))
    }

    mutating func number(of node: Int, _ subject: Subject) -> Int32 {
        number(of: Location(document: subject.location.document, node: node))
    }

    /// The numbers of an array's schemas, in `lists`.
    mutating func list(_ array: Int, _ subject: Subject) -> (start: Int32, count: Int32) {
        let numbers = subject.document.elements(of: array).map { number(of: $0, subject) }
        let start = Int32(parts.lists.count)
        parts.lists += numbers
        return (start, Int32(numbers.count))
    }

    mutating func report(_ message: String, at node: Int, _ subject: Subject, _ suggestion: String? = nil) {
        registry.report("schema.value", message, at: node, subject.document, suggestion)
    }

    mutating func pattern(_ node: Int, _ subject: Subject) -> Int32? {
        let source = subject.document.string(node)
        if let known = patternNumbers[source] { return known }
        do throws(PatternError) {
            patterns.append(try Pattern(source))
        } catch {
            let what = error.isUnsupported ? "can't be run" : "is no pattern of ECMA-262"
            registry.report(
                "schema.pattern", "`\(source.prefix(100))` \(what): \(error.message)", at: node, subject.document, error.suggestion)
            return nil
        }
        patternNumbers[source] = Int32(patterns.count - 1)
        return Int32(patterns.count - 1)
    }
}
