/// One indivisible piece of a step: what it does, and which paths of the message it reads and writes.
struct StageAction {
    enum Kind {
        case validate([FieldRule])
        /// `compiled` is filled in by the analysis.
        case schema(SchemaPlan, compiled: StageSchema?)
        case check(ExpressionPlan, onFailure: StepPlan.OnFailure)
        case filter(ExpressionPlan)
        /// `lookup` counts the stage's lookup steps.
        case lookup(Int, key: ExpressionPlan, onMissing: StepPlan.OnMissing)
        case set([String], ExpressionPlan)
        case remove([String])
        case keep([[String]])
        case rename(from: [String], to: [String])
        case rekey(ExpressionPlan)
    }

    /// Index into the stage's steps.
    var step: Int
    var kind: Kind
    var reads: [[String]] = []
    var writes: [[String]] = []

    /// The actions of a step, in order, without the reads of their expressions.
    /// - Parameter lookup: how many lookup steps the stage has before this one.
    static func actions(of step: StepPlan, index: Int, lookup: Int) -> [StageAction] {
        switch step.kind {
        case .validate(let fields): [StageAction(step: index, kind: .validate(fields), reads: fields.map(\.path))]
        // It reads the whole record: what was changed before is written first, so that what it tells is told of the record.
        case .validateSchema(let schema): [StageAction(step: index, kind: .schema(schema, compiled: nil), reads: [[]])]
        case .check(_, let expression, let onFailure): [StageAction(step: index, kind: .check(expression, onFailure: onFailure))]
        case .filter(let expression): [StageAction(step: index, kind: .filter(expression))]
        case .lookup(_, let key, _, let onMissing):
            [StageAction(step: index, kind: .lookup(lookup, key: key, onMissing: onMissing))]
        case .set(let fields): fields.map { StageAction(step: index, kind: .set($0.path, $0.value), writes: [$0.path]) }
        case .remove(let paths): paths.map { StageAction(step: index, kind: .remove($0), writes: [$0]) }
        case .keep(let paths): [StageAction(step: index, kind: .keep(paths), reads: paths)]
        case .rename(let pairs):
            pairs.map {
                StageAction(step: index, kind: .rename(from: $0.from, to: $0.to), reads: [$0.from], writes: [$0.from, $0.to])
            }
        case .rekey(let expression): [StageAction(step: index, kind: .rekey(expression))]
        }
    }

    var expression: ExpressionPlan? {
        switch kind {
        case .check(let expression, _), .filter(let expression), .lookup(_, let expression, _), .set(_, let expression),
            .rekey(let expression):
            expression
        case .validate, .schema, .remove, .keep, .rename: nil
        }
    }

    /// Whether its expression must give true or false.
    var isCondition: Bool {
        switch kind {
        case .check, .filter: true
        default: false
        }
    }

    /// Splits the actions where one touches a path above or below one that was changed before: there slots no longer say
    /// what the record is, so it is written and read again. After `keep` everything not kept has changed.
    static func parts(_ actions: [StageAction]) -> [[StageAction]] {
        var parts: [[StageAction]] = []
        var part: [StageAction] = []
        var changed: [[String]] = []
        var kept = false
        for action in actions {
            let touched = action.reads + action.writes
            let conflicts =
                kept && !touched.isEmpty
                || touched.contains { path in changed.contains { $0.isStrictlyAbove(path) || path.isStrictlyAbove($0) } }
            if conflicts {
                parts.append(part)
                (part, changed, kept) = ([], [], false)
            }
            part.append(action)
            changed += action.writes
            if case .keep = action.kind { kept = true }
        }
        return parts + [part]
    }
}

extension [String] {
    /// Whether this path leads to an object that `other` lies in.
    func isStrictlyAbove(_ other: [String]) -> Bool { count < other.count && other.starts(with: self) }
}
