/// A topology as written: what was left out is nil, and everything knows its place.
struct Topology: Sendable {
    static let name = Key(
        "name", .name, required: true, "Part of the names of consumer groups, transactional ids and dead-letter topics.")
    static let description = Key("description", .text, "What the topology does, for people.")
    static let delivery = DefaultKey(
        "delivery", .choice, default: Delivery.exactlyOnce, "What every stage promises that doesn't say otherwise itself.")
    static let commitIntervalMs = DefaultKey(
        "commit_interval_ms", .integer(1...5000), default: 100,
        "How often transactions and offsets are committed. Output is readable one interval later.")
    static let memoryMB = DefaultKey(
        "memory_mb", .integer(16...1_048_576), default: 512, "Budget of one process: prefetch, batches, send queues, lookups.")
    static let environment = Key(
        "environment", .text, "Merges `<file>.<environment>.yaml` over this file where there is one; --env overrides.")
    static let kafka = Key("kafka", .object(KafkaSection.type), "The cluster. Absent: topics live in this process's memory.")
    static let logging = Key("logging", .object(LoggingSection.type), "Log lines.")
    static let retry = Key("retry", .object(RetrySection.type), "Pauses between attempts when a service is away.")
    static let circuitBreaker = Key(
        "circuit_breaker", .object(CircuitBreakerSection.type), "When a service counts as away.")
    static let http = Key("http", .object(HTTPSection.type), "Metrics, health and status over HTTP. Absent: no port is opened.")
    static let deadLetter = Key(
        "dead_letter", .object(DeadLetterSection.type), "When failed records stop a stage, and their replay.")
    static let topics = Key(
        "topics", .map(.object(TopicSection.type), named: true), "Short names of the topics, in the order records meet them.")
    static let lookups = Key("lookups", .map(.object(LookupSection.type), named: true), "Tables that stages join to records.")
    static let extractors = Key("extractors", .map(.object(ExtractorSection.type), named: true), "Sources that write into topics.")
    static let stages = Key(
        "stages", .map(.object(StageSection.type), named: true), "Consumers that read a topic and write the next, or a sink.")

    static let type = ObjectType(
        "the topology", "One pipeline: its topics, where records come from, what is done to them and where they go.",
        [
            name.field, description.field, delivery.field, commitIntervalMs.field, memoryMB.field, environment.field, kafka.field,
            logging.field, http.field, retry.field, circuitBreaker.field, deadLetter.field, topics.field, lookups.field,
            extractors.field, stages.field,
        ]
    ) { Topology($0) }

    var name: Written<String>?
    var description: Written<String>?
    var delivery: Written<Delivery>?
    var commitIntervalMs: Written<Int>?
    var memoryMB: Written<Int>?
    var kafka: Written<KafkaSection>?
    var logging: Written<LoggingSection>?
    var retry: Written<RetrySection>?
    var circuitBreaker: Written<CircuitBreakerSection>?
    var http: Written<HTTPSection>?
    var deadLetter: Written<DeadLetterSection>?
    var topics: Written<[Named<TopicSection>]>?
    var lookups: Written<[Named<LookupSection>]>?
    var extractors: Written<[Named<ExtractorSection>]>?
    var stages: Written<[Named<StageSection>]>?
    var position: SourcePosition

    init(_ keys: MappingReader) {
        position = keys.position
        name = keys[Self.name]
        description = keys[Self.description]
        delivery = keys[Self.delivery]
        commitIntervalMs = keys[Self.commitIntervalMs]
        memoryMB = keys[Self.memoryMB]
        // Which file to merge was decided before; here it is only checked.
        _ = keys[Self.environment]
        kafka = keys[Self.kafka]
        logging = keys[Self.logging]
        retry = keys[Self.retry]
        circuitBreaker = keys[Self.circuitBreaker]
        http = keys[Self.http]
        deadLetter = keys[Self.deadLetter]
        topics = keys[Self.topics]
        lookups = keys[Self.lookups]
        extractors = keys[Self.extractors]
        stages = keys[Self.stages]
    }
}

struct KafkaSection: Sendable {
    static let bootstrapServers = Key(
        "bootstrap_servers", .text, required: true, "host:port of one or more brokers, joined by commas.")
    static let properties = Key("properties", .properties, "librdkafka properties for every client.")
    static let consumerProperties = Key("consumer_properties", .properties, "librdkafka properties for consumers.")
    static let producerProperties = Key("producer_properties", .properties, "librdkafka properties for producers.")

    static let type = ObjectType(
        "`kafka`", "The cluster that topics, groups and transactions live in.",
        [bootstrapServers.field, properties.field, consumerProperties.field, producerProperties.field]
    ) { KafkaSection($0) }

    var bootstrapServers: Written<String>?
    var properties: Written<[Named<String>]>?
    var consumerProperties: Written<[Named<String>]>?
    var producerProperties: Written<[Named<String>]>?

    init(_ keys: MappingReader) {
        bootstrapServers = keys[Self.bootstrapServers]
        properties = keys[Self.properties]
        consumerProperties = keys[Self.consumerProperties]
        producerProperties = keys[Self.producerProperties]
    }
}

struct LoggingSection: Sendable {
    static let level = DefaultKey("level", .choice, default: LoggingPlan.Level.info, "The least level that is written.")
    static let format = DefaultKey(
        "format", .choice, default: LoggingPlan.Format.automatic,
        "JSON for machines, text for people; automatic: text on a terminal.")

    static let type = ObjectType("`logging`", "What is logged, and how.", [level.field, format.field]) { LoggingSection($0) }

    var level: Written<LoggingPlan.Level>?
    var format: Written<LoggingPlan.Format>?

    init(_ keys: MappingReader) {
        level = keys[Self.level]
        format = keys[Self.format]
    }
}

struct RetrySection: Sendable {
    static let initialMs = DefaultKey("initial_ms", .integer(1...3_600_000), default: 100, "The first pause.")
    static let maxMs = DefaultKey("max_ms", .integer(1...3_600_000), default: 30_000, "The longest pause.")
    static let multiplier = DefaultKey(
        "multiplier", .number(1...100), default: 2, "How much longer each pause is than the one before.")
    static let fullJitter = DefaultKey(
        "full_jitter", .boolean, default: true, "Each pause is random, between nothing and its length.")

    static let type = ObjectType(
        "`retry`", "Exponential backoff.", [initialMs.field, maxMs.field, multiplier.field, fullJitter.field]
    ) { RetrySection($0) }

    var initialMs: Written<Int>?
    var maxMs: Written<Int>?
    var multiplier: Written<Double>?
    var fullJitter: Written<Bool>?

    init(_ keys: MappingReader) {
        initialMs = keys[Self.initialMs]
        maxMs = keys[Self.maxMs]
        multiplier = keys[Self.multiplier]
        fullJitter = keys[Self.fullJitter]
    }
}

struct DeadLetterSection: Sendable {
    static let maxRate = DefaultKey(
        "max_rate", .number(0...1), default: 0.5,
        "The share of failures among a partition's last records above which the stage pauses it; 0: at the first, 1: never.")
    static let window = DefaultKey(
        "window", .integer(1...1_000_000), default: 1000,
        "How many last records that share is taken of. Less than `max_rate` of `window` failures never pause a partition.")
    static let maxAttempts = DefaultKey(
        "max_attempts", .integer(1...1000), default: 5, "How often a record may be replayed before it is parked.")

    static let type = ObjectType(
        "`dead_letter`", "Records that failed.", [maxRate.field, window.field, maxAttempts.field]
    ) { DeadLetterSection($0) }

    var maxRate: Written<Double>?
    var window: Written<Int>?
    var maxAttempts: Written<Int>?

    init(_ keys: MappingReader) {
        maxRate = keys[Self.maxRate]
        window = keys[Self.window]
        maxAttempts = keys[Self.maxAttempts]
    }
}

struct TopicSection: Sendable {
    static let name = Key("name", .text, required: true, "The topic's name in Kafka.")
    static let partitions = Key("partitions", .integer(1...100_000), "Default: that of the first topic, and of the first 6.")
    static let replication = DefaultKey(
        "replication", .integer(-1...32_767), default: -1, "Copies of each partition; -1: the broker's default.")
    static let properties = Key("properties", .properties, "Kafka's topic properties, set when it is created.")
    /// Of the first topic.
    static let defaultPartitions = 6

    static let type = ObjectType(
        "a topic", "A topic records pass through.", [name.field, partitions.field, replication.field, properties.field]
    ) { TopicSection($0) }

    var name: Written<String>?
    var partitions: Written<Int>?
    var replication: Written<Int>?
    var properties: Written<[Named<String>]>?

    init(_ keys: MappingReader) {
        name = keys[Self.name]
        partitions = keys[Self.partitions]
        replication = keys[Self.replication]
        properties = keys[Self.properties]
    }
}
