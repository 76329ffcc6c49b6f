internal import Bytes
package import Log

/// Says what a replay would do with each letter, without doing any of it: where it would go, what `--set` would change, and what
/// the stage that reads it there, as it is now, would make of it: its steps, or where it loads, the columns of its table. What only
/// a write can tell, a constraint or a trigger of the table, isn't tried.
package struct LetterPreview: ~Copyable {
    package enum Verdict: Equatable, Sendable {
        /// The steps let it through.
        case passes
        /// It can be a row of the table.
        case converts
        /// A filter lets it go.
        case dropped
        case fails(code: String, step: String, message: String)
        /// No stage of the topology reads where it would go.
        case untried
        case parked
        case kept(Kept)

        /// Whether a replay would send it back, which is what `--limit` counts.
        package var goesBack: Bool {
            switch self {
            case .passes, .converts, .dropped, .fails, .untried: true
            case .parked, .kept: false
            }
        }
    }

    package struct Outcome: Sendable {
        package var place: String
        /// Where it would go; nil: nowhere.
        package var to: String?
        package var verdict: Verdict
        package var changes: [LetterProgram.Change] = []
    }

    private let plan: ReplayPlan
    private let log: any RecordLog
    private var program: LetterProgram
    private var destinations: LetterDestinations
    private let stage: StagePlan?
    private var steps: StageProgram?
    private var sink: PostgresSink?
    private var outputs = OutputBatch(capacity: 4)

    /// - Parameter stage: the one whose steps or table are tried, on letters that would go to the topic it reads.
    /// - Throws: what is wrong with its steps or table, or a service away.
    package init(
        _ plan: ReplayPlan, program: consuming LetterProgram, log: any RecordLog, stage: StagePlan?, lookups: LookupTables
    ) throws(ETLError) {
        self.plan = plan
        self.log = log
        self.program = program
        self.stage = stage
        var destinations = LetterDestinations(plan)
        var steps: StageProgram?
        var sink: PostgresSink?
        do {
            try destinations.prepare(log)
            if let stage, case .postgres(let table) = stage.ending {
                var made = PostgresSink(plan: table, group: plan.group, topic: stage.from)
                try made.prepareToTry()
                sink = consume made
            } else if let stage {
                steps = try StageProgram.compile(stage: stage, lookups: lookups, inputPartitions: 1, outputPartitions: 1)
            }
        } catch let error as LogError {
            throw ETLError(error)
        } catch let error as StageProblems {
            throw ETLError(
                .topology, code: "topology.invalid", error.problems.map { "\($0.position): \($0.message)" }.joined(separator: "; "))
        } catch let error as SinkError {
            throw ETLError(error.kind == .configuration ? .failed : .unreachable, code: error.code, error.message)
        } catch {
            throw ETLError(.failed, code: "replay.preview", "\(error)")
        }
        self.destinations = destinations
        self.steps = steps
        self.sink = sink
    }

    /// What would become of a letter; nil: `--where` isn't about it.
    package mutating func look(at record: LogRecord) throws(LogError) -> Outcome? {
        let facts = LetterFacts(record)
        let place = "\(plan.topic)[\(record.partition)]@\(record.offset)"
        switch program.match(record, facts) {
        case .yes: break
        case .no: return nil
        case .failed(let reason): return Outcome(place: place, verdict: .kept(.filterFailed(reason)))
        }
        while true {
            switch destinations.route(facts) {
            case .ask(let topic): if try destinations.isThere(topic, log) { destinations.learn(topic) }
            case .known(.keep(let reason)): return Outcome(place: place, verdict: .kept(reason))
            case .known(.park): return Outcome(place: place, to: plan.parkedTopic, verdict: .parked)
            case .known(.send(_, let name)): return replay(record, facts, place, to: name)
            }
        }
    }

    private mutating func replay(_ record: LogRecord, _ facts: LetterFacts, _ place: String, to name: String) -> Outcome {
        outputs.reset()
        let repaired: LetterProgram.Repaired
        do {
            repaired = try program.repair(record, facts, startsEmpty: plan.areRows, tells: true, into: &outputs.arena)
        } catch {
            return Outcome(place: place, verdict: .kept(Kept(code: error.code, message: error.message)))
        }
        var outcome = Outcome(place: place, to: name, verdict: .untried, changes: repaired.changes)
        guard stage?.from == name else { return outcome }
        let headers = ReplayedHeaders.make(record, facts, nowMs: wallClockMs(), in: &outputs.arena)
        let again = LogRecord(
            key: record.key, value: repaired.value, headers: headers,
            partition: facts.partition ?? record.partition, offset: facts.offset ?? record.offset, timestamp: record.timestamp)
        switch sink?.append(again) {
        case .accepted: outcome.verdict = .converts
        case .rejected(let rejection):
            outcome.verdict = .fails(code: rejection.code, step: "load", message: rejection.message)
        case nil: break
        }
        sink?.reset()
        switch steps?.run(again, into: &outputs) {
        case .out: outcome.verdict = .passes
        case .dropped: outcome.verdict = .dropped
        case .dead:
            if let failure = steps?.failure {
                outcome.verdict = .fails(code: failure.code.rawValue, step: failure.step, message: failure.message)
            }
        case nil: break
        }
        return outcome
    }
}
