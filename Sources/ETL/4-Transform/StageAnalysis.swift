internal import CEL
internal import JSON
internal import JSONSchema

/// What a stage's steps do, in words of paths: which they read and write, and everything that is wrong with them.
struct StageAnalysis {
    private(set) var names = StageNames()
    private(set) var actions: [StageAction] = []
    var problems: [Problem] = []
    /// The stage's lookup steps, in order.
    private(set) var lookups: [(table: String, key: ExpressionPlan)] = []

    /// - Parameter columns: of each lookup table; a table that isn't there is somebody else's problem.
    init(_ stage: StagePlan, columns: [String: [String]]) {
        for step in stage.steps {
            guard case .lookup(let table, let key, let alias, _) = step.kind else { continue }
            checkAlias(alias, at: step.position)
            names.aliases.append(.init(name: alias, columns: columns[table] ?? []))
            lookups.append((table, key))
        }
        for (index, step) in stage.steps.enumerated() {
            for action in StageAction.actions(of: step, index: index, lookup: names.definedCount) { add(action, step) }
            if case .lookup = step.kind { names.definedCount += 1 }
        }
        // It holds at the place of each step, and not for an expression that is compiled again.
        names.known = KnownTypes()
    }

    private mutating func checkAlias(_ alias: String, at position: SourcePosition) {
        if StageNames.builtIn.contains(alias) {
            report("lookup.alias", "'\(alias)' already has a meaning in expressions", "choose another name", at: position)
        } else if names.aliases.contains(where: { $0.name == alias }) {
            report("lookup.alias", "two lookups of this stage are called '\(alias)'", "choose another name", at: position)
        }
    }

    private mutating func report(
        _ code: String, _ message: String, _ suggestion: String? = nil, at position: SourcePosition,
        as severity: Problem.Severity = .error
    ) {
        problems.append(Problem(severity, code: code, message: message, at: position, suggestion: suggestion))
    }

    private mutating func add(_ action: StageAction, _ step: StepPlan) {
        var action = action
        if let expression = action.expression { action.reads += paths(of: expression, mustBeBool: action.isCondition) }
        switch action.kind {
        case .validate(let rules):
            rules.forEach { checkRule($0) }
            names.known.learn(rules)
        case .schema(let plan, _):
            do throws(SchemaProblems) {
                let compiled = try StageSchema(plan)
                action.kind = .schema(plan, compiled: compiled)
                action.reads += compiled.fields.fields.map(\.path)
                names.known.learn(compiled.schema)
            } catch {
                for problem in error.problems { report(problem.code, "\(plan.path): \(problem.text)", at: step.position) }
            }
        case .rename(let from, let to) where from.isStrictlyAbove(to) || to.isStrictlyAbove(from) || from == to:
            report(
                "path.overlap", "'\(from.joined(separator: "."))' can't be renamed to '\(to.joined(separator: "."))'",
                "rename to a name that lies neither above nor below", at: step.position)
        default: break
        }
        var touched = action.writes
        if case .keep(let paths) = action.kind { touched = paths }
        for path in touched where path.isEmpty || path.contains("") {
            report("path.empty", "'\(path.joined(separator: "."))' has an empty name in it", at: step.position)
        }
        for path in action.writes { names.known.forget(path) }
        actions.append(action)
    }

    /// The message paths an expression reads; what is wrong with it becomes problems.
    private mutating func paths(of expression: ExpressionPlan, mustBeBool: Bool) -> [[String]] {
        names.reads = []
        names.wrongNames = []
        do throws(CELError) {
            let program = try CELProgram.compile(expression.source, resolver: &names)
            if mustBeBool, !program.mayBe(.bool) {
                report(
                    "expression.type", "the expression never gives true or false", "compare its value with something",
                    at: expression.position)
            }
            if let wrong = names.wrongNames.first { report(wrong, in: expression, from: 0) }
            for warning in program.warnings {
                report("expression.constant", warning.message, at: expression.position(at: warning.offset), as: .warning)
            }
            warnOfImpossible(names.reads, in: expression)
        } catch {
            if let wrong = names.wrongNames.first {
                report(wrong, in: expression, from: error.offset)
            } else {
                let code =
                    error.message.hasPrefix("unknown name")
                    ? "expression.name" : error.message.hasPrefix("no matching overload") ? "expression.type" : "expression.syntax"
                report(
                    code, error.message, error.suggestion.map { "did you mean `\($0)`?" }, at: expression.position(at: error.offset)
                )
            }
        }
        return names.reads
    }

    /// Fields that no record has which the steps before let pass. No error: `has()` may ask for them.
    private mutating func warnOfImpossible(_ paths: [[String]], in expression: ExpressionPlan) {
        for path in paths where !path.isEmpty && names.known.types(at: path).isEmpty {
            let name = path[path.count - 1]
            report(
                "expression.field",
                "the schema lets no record have `message.\(path.joined(separator: "."))`",
                "add it to the schema, or leave it out here",
                at: expression.position(at: expression.source.utf8Offset(of: name, from: 0) ?? 0), as: .warning)
        }
    }

    private mutating func report(_ wrong: StageNames.WrongName, in expression: ExpressionPlan, from start: Int) {
        let offset = expression.source.utf8Offset(of: wrong.name, from: start) ?? start
        report("expression.name", wrong.message, wrong.suggestion, at: expression.position(at: offset))
    }

    private mutating func checkRule(_ rule: FieldRule) {
        let path = rule.path.joined(separator: ".")
        for bound in [rule.minimum, rule.maximum, rule.exclusiveMinimum, rule.exclusiveMaximum] {
            guard let bound, !AllowedValue.isNumber(bound) else { continue }
            report("rule.number", "\(path): '\(bound)' is no number", at: rule.position)
        }
        for text in rule.allowed ?? [] where !AllowedValue.isJSON(text) {
            report("rule.enum", "\(path): '\(text)' is no JSON value", at: rule.position)
        }
        if let pattern = rule.pattern {
            do throws(CELError) { _ = try CELProgram.pattern(pattern, slot: 0) } catch {
                report(
                    "pattern.syntax", "\(path): '\(pattern)' is no pattern: \(error.message)",
                    "RE2's syntax has no look-around and no back-references", at: rule.position)
            }
        }
    }
}

extension CELProgram {
    /// A program that says whether the string in `slot` matches a pattern.
    static func pattern(_ pattern: String, slot: Int) throws(CELError) -> CELProgram {
        struct Name: NameResolver {
            let slot: Int
            var roots: [String] { ["value"] }
            mutating func slot(for path: [String]) -> Int? { path == ["value"] ? slot : nil }
        }
        var literal = ""
        for scalar in pattern.unicodeScalars {
            switch scalar {
            case "\\", "\"": literal += "\\\(scalar)"
            case "\u{0}"..."\u{1f}": literal += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: literal.unicodeScalars.append(scalar)
            }
        }
        var name = Name(slot: slot)
        return try compile("value.matches(\"\(literal)\")", resolver: &name)
    }
}

extension String {
    /// Where `name` first stands at or after `start`, in UTF-8 bytes.
    func utf8Offset(of name: String, from start: Int) -> Int? {
        let text = Array(utf8)
        let wanted = Array(name.utf8)
        guard !wanted.isEmpty, text.count >= wanted.count, start <= text.count - wanted.count else { return nil }
        return (max(0, start)...(text.count - wanted.count)).first { text[$0..<($0 + wanted.count)].elementsEqual(wanted) }
    }
}
