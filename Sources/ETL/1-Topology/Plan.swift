/// A topology with nothing left to resolve: every name looked up, every default filled in, every path absolute,
/// every variable and secret replaced. What the engine runs. Made by `PlanBuilder` from a `Topology` (the YAML as written).
public struct Plan: Sendable {
    public var name: String
    public var description: String
    /// The file it came from, absolute.
    public var file: String
    public var commitIntervalMs: Int
    /// Budget of one process for prefetch, batches, send queues and lookups.
    public var memoryMB: Int
    /// Nil: the in-memory log.
    public var kafka: KafkaPlan?
    public var logging: LoggingPlan
    public var retry: RetryPlan
    public var deadLetter: DeadLetterPlan
    /// In the order written, then the dead-letter topic of each stage and extractor that can have one, with the parked one beside
    /// each stage's, then the checkpoint topic.
    public var topics: [TopicPlan]
    public var lookups: [LookupPlan]
    public var extractors: [ExtractorPlan]
    /// In the order records meet them: a stage stands after those that write the topic it reads.
    public var stages: [StagePlan]
    /// What no log line, error or answer may show.
    public var secrets = Secrets()
    public var circuitBreaker = CircuitBreakerPlan()
    /// Nil: nothing is shown over HTTP.
    public var http: HTTPPlan?

    /// The consumer group of a stage.
    public func group(of stage: StagePlan) -> String { "etl.\(name).\(stage.name)" }
    /// The topic extractors keep their checkpoints in.
    public var checkpointTopic: String { "\(name).checkpoints" }
    public func deadLetterTopic(of stageOrExtractor: String) -> String { "\(name).\(stageOrExtractor).dlq" }
    /// Where a stage's dead letters go that were replayed too often.
    public func parkedTopic(of stage: String) -> String { "\(name).\(stage).parked" }
    public func topic(named name: String) -> TopicPlan? { topics.first { $0.name == name } }
    public func stage(named name: String) -> StagePlan? { stages.first { $0.name == name } }
    public func extractor(named name: String) -> ExtractorPlan? { extractors.first { $0.name == name } }
}

extension Plan {
    /// A cluster and every default: for commands that work on topics no topology names.
    package static func empty(bootstrapServers: String) -> Plan {
        Plan(
            name: "etl", description: "", file: "", commitIntervalMs: Topology.commitIntervalMs.value(nil),
            memoryMB: Topology.memoryMB.value(nil),
            kafka: KafkaPlan(bootstrapServers: bootstrapServers, properties: [:], consumerProperties: [:], producerProperties: [:]),
            logging: LoggingPlan(level: .warning, format: .automatic),
            retry: RetryPlan(
                initialMs: RetrySection.initialMs.value(nil), maxMs: RetrySection.maxMs.value(nil),
                multiplier: RetrySection.multiplier.value(nil), fullJitter: RetrySection.fullJitter.value(nil)),
            deadLetter: DeadLetterPlan(
                maxRate: DeadLetterSection.maxRate.value(nil), window: DeadLetterSection.window.value(nil),
                maxAttempts: DeadLetterSection.maxAttempts.value(nil)),
            topics: [], lookups: [], extractors: [], stages: [])
    }
}

/// The brokers, and how to talk to them.
public struct KafkaPlan: Sendable {
    public var bootstrapServers: String
    /// librdkafka properties for every client, then for consumers and for producers only.
    public var properties: [String: String]
    public var consumerProperties: [String: String]
    public var producerProperties: [String: String]
    /// Of `bootstrap_servers`, and of the properties that say how to log in.
    public var position = SourcePosition.nowhere
    public var securityPosition = SourcePosition.nowhere
}

/// What is logged, and in which form.
public struct LoggingPlan: Sendable {
    public enum Level: String, Sendable, CaseIterable { case debug, info, warning, error }
    /// `automatic`: text on a terminal, else JSON.
    public enum Format: String, Sendable, CaseIterable { case automatic, json, text }
    public var level: Level
    public var format: Format
}

/// Exponential backoff with full jitter.
public struct RetryPlan: Sendable {
    public var initialMs: Int
    public var maxMs: Int
    public var multiplier: Double
    public var fullJitter: Bool
}

/// When failing records pause a partition, and how often a record is tried.
public struct DeadLetterPlan: Sendable {
    /// Share of failures among the last `window` records of a partition above which the stage pauses it.
    public var maxRate: Double
    public var window: Int
    public var maxAttempts: Int
}

/// A topic the topology needs.
public struct TopicPlan: Sendable, Equatable {
    /// What the topic is for: decides who may lack it and how it is made.
    public enum Role: Sendable, Equatable { case data, deadLetter, parked, checkpoint }
    /// The short name in the topology; for dead-letter and checkpoint topics the full one.
    public var alias: String
    public var name: String
    public var partitions: Int32
    /// -1: the broker's default.
    public var replication: Int32
    public var properties: [String: String]
    public var role: Role
    /// Whether `partitions` was written in the topology (then a topic with another count is an error, else a remark).
    public var partitionsWritten: Bool
    /// Of its name; of a dead-letter topic, its stage's or extractor's.
    public var position = SourcePosition.nowhere
}

/// How a stage delivers, and why.
public enum Delivery: String, Sendable, CaseIterable {
    case exactlyOnce = "exactly_once"
    case atLeastOnce = "at_least_once"
}

/// A table that records are joined to.
public struct LookupPlan: Sendable {
    public enum Source: Sendable {
        /// A CSV file with a header; `columns` types some of its columns, the others are strings.
        case csv(path: String, columns: [String: ColumnType])
    }
    public var name: String
    /// The column records are looked up by.
    public var key: String
    public var source: Source
    public var position: SourcePosition
}

/// The types a CSV column can be read as.
public enum ColumnType: String, Sendable, CaseIterable {
    case string, int, double, decimal, bool, timestamp, date, json
}

/// A source of records, and the topic it writes.
public struct ExtractorPlan: Sendable {
    public var name: String
    /// Full name of the topic it writes.
    public var to: String
    /// Of each record; nil: no key.
    public var key: ExpressionPlan?
    public var csv: CSVPlan
    public var position: SourcePosition
}

/// CSV files (RFC 4180), and how to read them.
public struct CSVPlan: Sendable {
    public enum OnBadRow: String, Sendable, CaseIterable { case deadLetter = "dead_letter", stop }
    /// Glob, absolute.
    public var path: String
    public var delimiter: UInt8
    public var quote: UInt8
    /// False: `columns` names them, in order.
    public var header: Bool
    /// Fields equal to one of these (unquoted) are null.
    public var nullValues: [String]
    /// In the order written.
    public var columns: [(name: String, type: ColumnType)]
    public var onBadRow: OnBadRow
}

/// A stage: the topic it reads, what it does to each record, and where that goes.
public struct StagePlan: Sendable {
    public var name: String
    /// Full name of the topic it reads.
    public var from: String
    public var threads: Int
    public var delivery: Delivery
    public var steps: [StepPlan]
    public var ending: Ending
    public var position: SourcePosition

    public enum Ending: Sendable {
        /// Full name of the topic it writes.
        case topic(String)
        case postgres(PostgresPlan)
    }
}

/// An expression as written, and where: `position` is its first character in the YAML file.
public struct ExpressionPlan: Sendable, Equatable {
    public var source: String
    public var position: SourcePosition
    /// Where its pieces stand, for `position(at:)`; empty: all of it stands at `position`, on one line.
    public var runs: [Run]

    public init(source: String, position: SourcePosition, runs: [Run] = []) {
        self.source = source
        self.position = position
        self.runs = runs
    }
}

/// A place in a file a person wrote; line and column count from 1.
public struct SourcePosition: Sendable, Equatable, Comparable, CustomStringConvertible {
    public var file: String
    public var line: Int
    public var column: Int

    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    public var description: String { "\(file):\(line):\(column)" }
    public static func < (a: Self, b: Self) -> Bool { (a.file, a.line, a.column) < (b.file, b.line, b.column) }
}

/// One step of a stage, in the order written. `name` tells it apart in dead letters and metrics: the check's own name, else
/// `<kind>_<n>`, n counting the steps of that kind in the stage from 1.
public struct StepPlan: Sendable {
    public enum OnFailure: String, Sendable, CaseIterable { case deadLetter = "dead_letter", drop, warn }
    public enum OnMissing: String, Sendable, CaseIterable { case deadLetter = "dead_letter", keep, drop }

    public enum Kind: Sendable {
        case validate(fields: [FieldRule])
        case validateSchema(SchemaPlan)
        case check(name: String, expression: ExpressionPlan, onFailure: OnFailure)
        case filter(ExpressionPlan)
        case lookup(table: String, key: ExpressionPlan, alias: String, onMissing: OnMissing)
        /// Dotted target path and value, in the order written; each sees what those before it set.
        case set([(path: [String], value: ExpressionPlan)])
        case remove([[String]])
        case keep([[String]])
        case rename([(from: [String], to: [String])])
        case rekey(ExpressionPlan)
    }

    public var name: String
    public var kind: Kind
    public var position: SourcePosition
}

/// A JSON Schema that records must be valid against, and all it refers to: read once, so that every thread compiles the same.
public struct SchemaPlan: Sendable {
    /// As written in the topology.
    public var path: String
    /// Absolute, `file:///…`.
    public var uri: String
    public var text: [UInt8]
    /// Other files it refers to, by URI.
    public var documents: [String: [UInt8]]
    /// Whether `format` is a rule rather than a remark.
    public var assertsFormat: Bool
}

/// A rule of `validate: {fields: …}`: JSON Schema's keywords of the same meaning, on one dotted path.
public struct FieldRule: Sendable {
    public enum JSONType: String, Sendable, CaseIterable { case string, integer, number, boolean, object, array }
    public var path: [String]
    public var type: JSONType?
    /// The path must be there (null counts as there). Default true.
    public var required: Bool
    /// Null is allowed. Default false.
    public var nullable: Bool
    /// Bounds as written: compared exactly, as decimals.
    public var minimum: String?
    public var maximum: String?
    public var exclusiveMinimum: String?
    public var exclusiveMaximum: String?
    public var minLength: Int?
    public var maxLength: Int?
    /// RE2; matches anywhere in the string unless anchored.
    public var pattern: String?
    /// Allowed values, as JSON text.
    public var allowed: [String]?
    public var position: SourcePosition
}

/// The Postgres table a loader fills.
public struct PostgresPlan: Sendable {
    public enum Mode: String, Sendable, CaseIterable { case append, upsert }
    public enum ExtraFields: String, Sendable, CaseIterable { case deadLetter = "dead_letter", ignore }
    /// A libpq connection string or URL. A secret: never shown.
    public var url: String
    /// May be qualified: `sales.orders`.
    public var table: String
    public var mode: Mode
    public var keys: [String]
    /// Empty: the table's columns, by name.
    public var columns: [String]
    public var extraFields: ExtraFields
    /// A jsonb column that takes the fields no column has; nil: none.
    public var extraColumn: String?
    public var batchRows: Int
    public var batchMs: Int
    public var connections: Int
    public var places = Places()

    /// Where its parts are written.
    public struct Places: Sendable {
        public var url = SourcePosition.nowhere
        public var table = SourcePosition.nowhere
        public var mode = SourcePosition.nowhere
        /// Each name's.
        public var keys: [String: SourcePosition] = [:]
        public var columns: [String: SourcePosition] = [:]
        public var extraColumn = SourcePosition.nowhere
    }
}
