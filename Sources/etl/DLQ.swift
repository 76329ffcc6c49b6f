import Command
import ETL
import Log

/// `etl dlq VERB`: each verb has its own options and help.
enum DeadLetterVerbs {
    static let verbs: [(name: String, verb: Verb)] = [
        ("list", listLettersVerb), ("show", showLettersVerb), ("replay", replayLettersVerb), ("discard", discardLettersVerb),
    ]

    /// The verb that the words after `etl dlq` name, and what follows it.
    static func find(_ words: [String]) throws(UsageError) -> (verb: Verb, words: [String])? {
        guard let name = words.first, name != "--help", name != "-h" else { return nil }
        guard let verb = verbs.first(where: { $0.name == name })?.verb else {
            let near = nearest(name, verbs.map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
            throw UsageError("unknown verb '\(name)'\(near) See 'etl dlq --help'.")
        }
        return (verb, Array(words.dropFirst()))
    }
}

let dlqVerb = Verb(
    command: Command(
        name: "etl dlq",
        summary: "works with dead letters: list, show, replay, discard, each with its own --help",
        operands: "list|show|replay|discard",
        options: [],
        examples: DeadLetterVerbs.verbs.map { name, verb in
            // Each has its own options: etl dlq VERB --help.
            "etl dlq \(name)\(String(repeating: " ", count: 8 - name.count)) \(verb.command.summary)"
        })
) { _ in throw UsageError("say what to do: etl dlq list|show|replay|discard; see 'etl dlq --help'") }

/// The options of every verb that works on one topic of dead letters.
enum LetterOptions {
    static let target = [
        CommonOptions.topology, CommonOptions.pipeline, CommonOptions.dir, CommonOptions.environment,
        Option("stage", "NAME", "the stage (or extractor) whose dead letters are meant"),
        Option("parked", nil, "the stage's parked ones instead: those that were replayed too often"),
        Option("topic", "TOPIC", "any topic of dead letters instead, also of Kafka Connect, Spring Kafka or Kafka Streams"),
        Option("bootstrap", "HOST:PORT", "the brokers, with --topic and without --topology"),
    ]
    /// Of those that move the position.
    static let position = [
        Option(
            "from-start", nil,
            "where the brokers keep no position (any more), begin at the oldest letter, which may have been dealt with before"),
        Option("offsets-retention", "DAYS", "for how long the brokers keep a position: offsets.retention.minutes, in days (7)"),
    ]
    static let filter = Option(
        "where", "CEL",
        "only those of which it is true: message, key, value, headers, topic, partition, offset, timestamp of the letter, and "
            + "dlq.code, dlq.step, dlq.topic … of what its headers say")
}

/// One topic of dead letters, found.
struct LetterTarget {
    let session: Session
    let log: any RecordLog
    let topic: String
    /// Nil: no stage of the topology is known to have written them.
    let stage: StagePlan?
    let extractor: ExtractorPlan?
    let isParked: Bool

    init(_ arguments: Arguments, _ command: Command) throws {
        let isNamed = arguments.value("topology") != nil || arguments.value("pipeline") != nil
        isParked = arguments.has("parked")
        if let topic = arguments.value("topic") {
            if arguments.value("stage") != nil { throw UsageError("--stage and --topic can't be given together") }
            if isParked { throw UsageError("--parked goes with --stage; name the topic of the parked ones with --topic") }
            guard !topic.isEmpty else { throw UsageError("--topic is empty") }
            if let servers = arguments.value("bootstrap") {
                if isNamed { throw UsageError("--bootstrap and --topology can't be given together") }
                session = Session(bootstrapServers: servers)
            } else {
                guard isNamed else { throw UsageError("--topic needs the brokers: --topology=FILE or --bootstrap=HOST:PORT") }
                session = try Self.session(arguments, command)
            }
            self.topic = topic
            let plan = session.plan
            stage = plan.stages.first { plan.deadLetterTopic(of: $0.name) == topic || plan.parkedTopic(of: $0.name) == topic }
            extractor = plan.extractors.first { plan.deadLetterTopic(of: $0.name) == topic }
        } else {
            if arguments.value("bootstrap") != nil { throw UsageError("--bootstrap goes with --topic") }
            session = try Self.session(arguments, command)
            let plan = session.plan
            let name = try arguments.required("stage", command)
            stage = plan.stage(named: name)
            extractor = plan.extractor(named: name)
            guard stage != nil || extractor != nil else {
                let names = plan.stages.map(\.name) + plan.extractors.map(\.name)
                throw UsageError(
                    "--stage=\(name): \(plan.name) has \(names.joined(separator: ", "))"
                        + (nearest(name, names).map { "; did you mean \($0)?" } ?? "")
                        + ". Dead letters of a stage that was renamed: --topic=\(plan.deadLetterTopic(of: name))")
            }
            if isParked, stage == nil { throw UsageError("--parked: extractors park nothing") }
            topic = isParked ? plan.parkedTopic(of: name) : plan.deadLetterTopic(of: name)
        }
        log = try session.openLog()
    }

    static func session(_ arguments: Arguments, _ command: Command) throws -> Session {
        let session = try Session(arguments, command)
        guard session.plan.kafka != nil else {
            throw ETLError(
                .topology, code: "topology.no_kafka",
                "\(session.plan.file) has no 'kafka:'; its dead letters live in memory and end with the process")
        }
        return session
    }

    func pending() throws(LogError) -> PendingLetters { try PendingLetters(of: topic, log: log, clock: SystemClock()) }

    /// What a replay or discarding has to know of where the topic and its position are.
    func plan(_ action: ReplayPlan.Action, _ arguments: Arguments) throws -> ReplayPlan {
        var plan = ReplayPlan(action: action, topic: topic)
        plan.filter = arguments.value("where")
        plan.limit = try arguments.integer("limit", in: 1...1_000_000_000).map(Int64.init)
        plan.servers = session.servers
        plan.parkedIsOurs = stage != nil
        plan.fromStart = arguments.has("from-start")
        if let days = try arguments.integer("offsets-retention", in: 1...36_500) {
            plan.positionRetentionMs = Int64(days) * 86_400_000
        }
        return plan
    }
}

extension Session {
    /// The brokers, for commands that messages name.
    var servers: String { plan.kafka?.bootstrapServers ?? "HOST:PORT" }
}

/// `1,234`
func grouped(_ number: Int64) -> String {
    var text = ""
    for (index, digit) in String(number.magnitude).reversed().enumerated() {
        if index > 0 && index % 3 == 0 { text.append(",") }
        text.append(digit)
    }
    return (number < 0 ? "-" : "") + String(text.reversed())
}

func counted(_ count: Int64, _ what: String) -> String { "\(grouped(count)) \(what)\(count == 1 ? "" : "s")" }

/// A JSON line, member by member.
struct JSONLine {
    private var text = "{"

    mutating func add(_ name: String, _ value: String) {
        start(name)
        appendJSONString(value, to: &text)
    }
    mutating func add(_ name: String, _ value: some BinaryInteger) { raw(name, String(value)) }
    /// JSON as it is.
    mutating func raw(_ name: String, _ json: String) {
        start(name)
        text += json
    }

    private mutating func start(_ name: String) {
        if text.utf8.count > 1 { text += "," }
        text += "\"\(name)\":"
    }

    var json: String { text + "}" }
}
