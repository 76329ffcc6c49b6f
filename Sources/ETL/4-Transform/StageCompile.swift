internal import Bytes
internal import CEL
internal import JSON
internal import JSONSchema

extension StageProgram {
    /// Compiles a stage's steps. Once for each thread: patterns and scanners aren't shared.
    /// - Parameters:
    ///   - lookups: the tables that the steps name; kept alive by the program.
    ///   - inputPartitions: of the topic the stage reads.
    ///   - outputPartitions: of the topic it writes; for a stage that ends in a sink the input's.
    /// - Throws: everything that is wrong with the steps at once.
    public static func compile(
        stage: StagePlan, lookups: LookupTables, inputPartitions: Int32,
        outputPartitions: Int32
    ) throws(StageProblems) -> StageProgram {
        var analysis = StageAnalysis(stage, columns: lookups.columns)
        for step in stage.steps {
            guard case .lookup(let table, _, _, _) = step.kind, lookups[table] == nil else { continue }
            analysis.problems.append(Problem(code: "lookup.unknown", message: "there is no lookup '\(table)'", at: step.position))
        }
        guard !analysis.problems.hasErrors else { throw StageProblems(problems: analysis.problems) }
        var assembly = StageAssembly(analysis, lookups: lookups)
        do throws(CELError) {
            for part in StageAction.parts(analysis.actions) where !analysis.actions.isEmpty { try assembly.add(part) }
        } catch {
            // The analysis has compiled every expression before, so this says that the two disagree.
            throw StageProblems(problems: [Problem(code: "expression.syntax", message: error.message, at: stage.position)])
        }
        return assembly.finish(
            stage,
            Partitioning(
                inputCount: inputPartitions, outputCount: outputPartitions,
                keyChanges: stage.steps.contains { $0.changesKey }))
    }
}

extension StepPlan {
    fileprivate var changesKey: Bool {
        if case .rekey = kind { return true }
        return false
    }
}

extension Plan {
    /// What is wrong with the expressions, patterns and paths of all stages. Reads no more of a lookup than its header.
    public func checkExpressions() -> [Problem] {
        var problems: [Problem] = []
        var columns: [String: [String]] = [:]
        for lookup in lookups {
            do throws(LookupError) { columns[lookup.name] = try lookup.readColumns() } catch {
                problems.append(Problem(code: error.code, message: error.message, at: lookup.position))
            }
        }
        for stage in extractors.compactMap(\.keyStage) + stages {
            problems += StageAnalysis(stage, columns: columns).problems
        }
        return problems
    }
}

/// Puts a stage's program together, part by part.
struct StageAssembly: ~Copyable {
    private var names: StageNames
    private let parts: [SlotTrie]
    private let analysis: StageAnalysis
    private let tables: [LookupTable]
    private var partIndex = 0
    private var memory = Arena(chunkBytes: 16 << 10)
    private var stageParts = OwnedArray<StagePart>()
    private var programs = OwnedArray<StageExpression>()
    private var checks = OwnedArray<FieldCheck>()
    private var allowed = OwnedArray<AllowedValue>()
    private var parents = OwnedArray<Int32>()
    private var columns = OwnedArray<LookupColumn>()
    private var validators = OwnedArray<Validator>()
    private var schemaPaths: [String] = []
    /// The part at hand has a schema that names all members there may be.
    private var reportsUnknownKeys = false
    /// For each check the rule it is made of; nil: a schema's.
    private var rules: [FieldRule?] = []
    private var paths: [[String]] = []

    /// - Parameter analysis: of a stage without problems.
    init(_ analysis: StageAnalysis, lookups: LookupTables) {
        self.analysis = analysis
        tables = analysis.lookups.compactMap { lookups[$0.table] }
        parts = StageAction.parts(analysis.actions).map { actions in
            var trie = SlotTrie()
            for action in actions {
                for path in action.reads + action.writes { trie.slot(path) }
            }
            return trie
        }
        names = analysis.names
        // Context slots stand behind those of every part, so that a rescan leaves them alone.
        names.contextBase = parts.map(\.slotCount).max() ?? 0
    }

    mutating func add(_ actions: [StageAction]) throws(CELError) {
        let trie = parts[partIndex]
        names.trie = trie
        partIndex += 1
        var instructions = OwnedArray<Instruction>()
        var edits: [Edit] = []
        reportsUnknownKeys = false
        for action in actions {
            if case .keep(let kept) = action.kind {
                // What was set before and isn't kept goes too.
                let slots = Set(kept.map { Int(slot($0, trie)) })
                for case .set(let changed) in edits where !slots.contains(changed) {
                    instructions.append(Instruction(operation: .remove, step: Int32(action.step), target: Int32(changed)))
                }
            }
            if let instruction = try instruction(action, trie, &edits) { instructions.append(instruction) }
        }
        let scanner = Scanner(trie, edits: edits, reportsUnknownKeys: reportsUnknownKeys)
        stageParts.append(StagePart(scanner: scanner, instructions: instructions, hasEdits: !edits.isEmpty))
    }

    private mutating func instruction(_ action: StageAction, _ trie: SlotTrie, _ edits: inout [Edit]) throws(CELError)
        -> Instruction?
    {
        let step = Int32(action.step)
        switch action.kind {
        case .validate(let rules):
            var instruction = Instruction(operation: .validate, step: step)
            instruction.first = Int32(checks.count)
            instruction.count = Int32(rules.count)
            for rule in rules { try add(rule, trie) }
            return instruction
        case .schema(_, let compiled): return compiled.map { schema($0, trie, step) }
        case .check(let expression, let onFailure):
            var instruction = Instruction(operation: .check, step: step)
            instruction.otherwise =
                switch onFailure {
                case .deadLetter: .dead
                case .drop: .drop
                case .warn: .pass
                }
            instruction.program = try program(expression)
            return instruction
        case .filter(let expression):
            var instruction = Instruction(operation: .filter, step: step)
            instruction.program = try program(expression)
            return instruction
        case .lookup(let number, let key, let onMissing): return try lookup(number, key, onMissing, step)
        case .set(let path, let expression):
            var instruction = write(.set, path, trie, step)
            instruction.program = try program(expression)
            edits.append(.set(slot: Int(instruction.target)))
            return instruction
        case .remove(let path):
            let instruction = write(.remove, path, trie, step)
            edits.append(.set(slot: Int(instruction.target)))
            return instruction
        case .rename(let from, let to):
            var instruction = write(.rename, to, trie, step)
            instruction.source = slot(from, trie)
            edits += [.set(slot: Int(instruction.source)), .set(slot: Int(instruction.target))]
            return instruction
        case .keep(let kept):
            edits.append(.keepOnly(slots: kept.map { Int(slot($0, trie)) }))
            return nil
        case .rekey(let expression):
            var instruction = Instruction(operation: .rekey, step: step)
            instruction.program = try program(expression)
            return instruction
        }
    }

    /// An instruction that writes a path, with the slots of the objects the path lies in.
    private mutating func write(_ operation: Instruction.Operation, _ path: [String], _ trie: SlotTrie, _ step: Int32)
        -> Instruction
    {
        var instruction = Instruction(operation: operation, step: step)
        instruction.target = slot(path, trie)
        instruction.path = Int32(paths.count)
        paths.append(path)
        instruction.first = Int32(parents.count)
        for length in 1..<max(1, path.count) { parents.append(slot(Array(path.prefix(length)), trie)) }
        instruction.count = Int32(parents.count) - instruction.first
        return instruction
    }

    private mutating func lookup(
        _ number: Int, _ key: ExpressionPlan, _ onMissing: StepPlan.OnMissing,
        _ step: Int32
    ) throws(CELError) -> Instruction {
        var instruction = Instruction(operation: .lookup, step: step)
        instruction.otherwise =
            switch onMissing {
            case .deadLetter: .dead
            case .drop: .drop
            case .keep: .pass
            }
        instruction.program = try program(key)
        instruction.source = Int32(number)
        instruction.target = names.slot(of: .row(number)).map { Int32($0) } ?? -1
        instruction.presence = names.slot(of: .rowPresence(number)).map { Int32($0) } ?? -1
        instruction.first = Int32(columns.count)
        for column in tables[number].columns.indices {
            guard let slot = names.slot(of: .column(lookup: number, column: column)) else { continue }
            columns.append(LookupColumn(column: Int32(column), slot: Int32(slot)))
        }
        instruction.count = Int32(columns.count) - instruction.first
        return instruction
    }

    private mutating func add(_ rule: FieldRule, _ trie: SlotTrie) throws(CELError) {
        var check = FieldCheck(rule, slot: Int(slot(rule.path, trie)), memory: &memory)
        if let pattern = rule.pattern {
            check.pattern = Int32(programs.count)
            programs.append(StageExpression(try CELProgram.pattern(pattern, slot: Int(check.slot))))
        }
        check.allowedStart = Int32(allowed.count)
        for text in rule.allowed ?? [] {
            if let value = AllowedValue(text, memory: &memory) { allowed.append(value) }
        }
        check.allowedCount = rule.allowed == nil ? -1 : Int32(allowed.count) - check.allowedStart
        checks.append(check)
        rules.append(rule)
    }

    private mutating func schema(_ schema: StageSchema, _ trie: SlotTrie, _ step: Int32) -> Instruction {
        var instruction = Instruction(operation: .schema, step: step)
        instruction.source = Int32(validators.count)
        validators.append(Validator(schema.schema))
        schemaPaths.append(schema.plan.path)
        instruction.first = Int32(checks.count)
        for field in schema.fields.fields {
            let slot = Int(self.slot(field.path, trie))
            let parent = field.isConditional ? self.slot(Array(field.path.dropLast()), trie) : -1
            var check = FieldCheck(field, slot: slot, parent: parent, validator: instruction.source, memory: &memory)
            check.allowedStart = Int32(allowed.count)
            for text in field.allowed ?? [] {
                if let value = AllowedValue(text, memory: &memory) { allowed.append(value) }
            }
            check.allowedCount = field.allowed == nil ? -1 : Int32(allowed.count) - check.allowedStart
            add(check)
            for pattern in field.patterns {
                var check = FieldCheck(patternAt: slot, parent: parent)
                check.pattern = Int32(programs.count)
                // The schema's own compiler has had RE2 read it.
                guard let program = try? CELProgram.pattern(pattern, slot: slot) else { continue }
                programs.append(StageExpression(program))
                add(check)
            }
        }
        if let names = schema.fields.names {
            reportsUnknownKeys = true
            instruction.presence = 1
            // Members the schema doesn't name, but other steps do, aren't among the unknown.
            for child in trie.children(of: 0) where !names.contains(where: { $0.utf8.elementsEqual(child.name.utf8) }) {
                add(FieldCheck(forbidden: child.slot))
            }
        }
        instruction.count = Int32(checks.count) - instruction.first
        return instruction
    }

    private mutating func add(_ check: FieldCheck) {
        checks.append(check)
        rules.append(nil)
    }

    private mutating func program(_ expression: ExpressionPlan) throws(CELError) -> Int32 {
        programs.append(StageExpression(try CELProgram.compile(expression.source, resolver: &names)))
        return Int32(programs.count - 1)
    }

    private func slot(_ path: [String], _ trie: SlotTrie) -> Int32 {
        Int32(trie.find(path) ?? 0)  // every path of every action is in the trie of its part
    }

    consuming func finish(_ stage: StagePlan, _ partitioning: Partitioning) -> StageProgram {
        var frame = OwnedArray<Value>()
        for _ in 0..<(names.contextBase + names.contexts.count) { frame.append(.absent) }
        if let slot = names.slot(of: .topic) { frame.base[slot] = .string(copy(stage.from)) }
        let emptyMap = Value(.map, flags: Value.Flags.raw, length: 2, bits: UInt64(UInt(bitPattern: copy("{}").baseAddress)))
        if let slot = names.slot(of: .headersPresence) { frame.base[slot] = emptyMap }
        var context = ContextSlots()
        context.key = contextSlot(.key)
        context.partition = contextSlot(.partition)
        context.offset = contextSlot(.offset)
        context.timestamp = contextSlot(.timestamp)
        context.headers = contextSlot(.headers)
        var headers = OwnedArray<HeaderSlot>()
        for case .header(let name) in names.contexts {
            headers.append(HeaderSlot(name: copy(name), slot: contextSlot(.header(name))))
        }
        context.isWanted =
            headers.count > 0
            || [context.key, context.partition, context.offset, context.timestamp, context.headers].contains { $0 >= 0 }
        var warned = OwnedArray<Int>()
        for _ in stage.steps { warned.append(0) }
        var indexes = OwnedArray<LookupIndex>()
        var columnNames = OwnedArray<ColumnNames>()
        for table in tables {
            indexes.append(table.index)
            let names = memory.allocate(max(1, table.columns.count) * MemoryLayout<Value>.stride)
                .bindMemory(to: Value.self, capacity: table.columns.count)
            for (column, name) in table.columns.enumerated() { (names + column).initialize(to: .string(copy(name))) }
            columnNames.append(ColumnNames(start: names, count: table.columns.count))
        }
        let texts = StageTexts(
            steps: stage.steps.map(\.name), rules: rules, schemas: schemaPaths, paths: paths,
            lookups: analysis.lookups.map { ($0.table, $0.key.source) })
        return StageProgram(
            frame: frame, parts: stageParts, programs: programs, checks: checks, validators: validators, allowed: allowed,
            parents: parents,
            indexes: indexes, columns: columns, columnNames: columnNames, headers: headers, warned: warned, emptyMap: emptyMap,
            context: context, partitioning: partitioning, texts: texts, tables: tables, memory: memory)
    }

    private func contextSlot(_ context: StageNames.Context) -> Int32 { names.slot(of: context).map { Int32($0) } ?? -1 }

    private mutating func copy(_ text: String) -> UnsafeRawBufferPointer {
        var text = text
        return text.withUTF8 { memory.copy(UnsafeRawBufferPointer($0)) }
    }
}
