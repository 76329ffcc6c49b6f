internal import CRdkafka
public import Log

/// A line of librdkafka's own log.
public struct KafkaLogLine: Sendable {
    /// syslog's: 3 error, 4 warning, 6 info, 7 debug.
    public var level: Int32
    /// librdkafka's short name for what the line is about, e.g. `FAIL`.
    public var facility: String
    public var text: String
}

/// Apache Kafka, by librdkafka (2.0.2 or newer). Any thread may use it; what it makes belongs to one thread at a time.
public final class KafkaLog: RecordLog {
    let servers: String
    let properties: [String: String]
    let consumerProperties: [String: String]
    let producerProperties: [String: String]
    let log: (@Sendable (KafkaLogLine) -> Void)?
    /// How long it tries to reach a broker before it says that it can't.
    let connectTimeoutMs: Int64
    let inquirers = Inquirers()

    /// Checks the properties; connects to nothing yet.
    /// - Parameters:
    ///   - bootstrapServers: host:port, separated by commas.
    ///   - properties: librdkafka's (its CONFIGURATION.md) for every client; the next two for one kind, over these.
    ///     They win over this module's tuning, but not over what delivery guarantees rest on.
    ///   - log: gets librdkafka's log lines, on librdkafka's threads; nil: they go nowhere.
    /// - Throws: `log.property_unknown`, `log.property_value`, `log.property_forbidden`; values of secrets aren't shown.
    public init(
        bootstrapServers: String, properties: [String: String] = [:], consumerProperties: [String: String] = [:],
        producerProperties: [String: String] = [:], connectTimeoutMs: Int64 = 5000,
        log: (@Sendable (KafkaLogLine) -> Void)? = nil
    ) throws(LogError) {
        servers = bootstrapServers
        self.properties = properties
        self.consumerProperties = consumerProperties
        self.producerProperties = producerProperties
        self.connectTimeoutMs = connectTimeoutMs
        self.log = log
        if servers.allSatisfy({ $0 == " " || $0 == "," }) {
            throw LogError(
                .configuration, code: "log.property_value", "bootstrap_servers is empty: name at least one broker as host:port")
        }
        _ = try consumerConfiguration(clientId: "etl", memoryBytes: 64 << 20)
        _ = try producerConfiguration(clientId: "etl", memoryBytes: 64 << 20)
    }

    /// The version of the librdkafka that runs, e.g. `2.0.2`.
    public static var libraryVersion: String { String(cString: rd_kafka_version_str()) }

    public func makeConsumer(_ options: ConsumerOptions) throws(LogError) -> any LogConsumer {
        try KafkaConsumer(self, options)
    }

    public func makeProducer(_ options: ProducerOptions) throws(LogError) -> any LogProducer {
        try KafkaProducer(self, options)
    }

    public func makeReader(topic: String) throws(LogError) -> any LogReader {
        try KafkaReader(self, topic: topic)
    }

    private func commonConfiguration(clientId: String) throws(LogError) -> Properties {
        let result = Properties()
        try result.set("bootstrap.servers", servers)
        try result.set("client.id", clientId)
        result.tune("log_level", 4)
        result.tune("log.connection.close", false)  // idle connections are closed by brokers all the time
        result.tune("socket.keepalive.enable", true)
        // A request is written whole; what is held back of it until an acknowledgment comes only comes later (off by default in
        // newer versions).
        result.tune("socket.nagle.disable", true)
        result.tune("reconnect.backoff.max.ms", 2000)
        // From 2.11.0 on, librdkafka forgets the brokers it knew when all are away, and starts again from the bootstrap servers.
        // Requests to a group's coordinator then go to one it forgot and are never answered: 2.16.1's
        // rd_kafka_send_offsets_to_transaction doesn't return any more after an outage of some 30 s.
        result.tune("metadata.recovery.strategy", "none")
        return result
    }

    func consumerConfiguration(
        clientId: String, memoryBytes: Int, patienceMs: Int32 = 0, group: String? = nil
    ) throws(LogError) -> Properties {
        let result = try commonConfiguration(clientId: clientId)
        let memory = max(memoryBytes, 1 << 20)
        result.tune("queued.min.messages", 1_000_000)
        // The limit counts keys and values; around each the client keeps about twice as much again where records are small.
        // More than 16 MB makes nothing faster: what is taken soon after it came is still in the processor's caches.
        result.tune("queued.max.messages.kbytes", min(memory / (3 << 10), 16_384))
        if patienceMs > 0 {
            result.tune("fetch.min.bytes", 256 << 10)
            result.tune("fetch.wait.max.ms", patienceMs)
        }
        result.tune("fetch.max.bytes", min(max(memory / 2, 1 << 20), 52_428_800))
        result.tune("fetch.message.max.bytes", min(max(memory / 8, 64 << 10), 1 << 20))
        result.tune("receive.message.max.bytes", 1_000_000_000)  // a record may be larger than any of the above
        result.tune("fetch.queue.backoff.ms", 10)  // from 2.2.0 on; before, a full queue costs a second
        result.tune("fetch.error.backoff.ms", 200)
        result.tune("check.crcs", true)
        // A reader that is at its end hears of its topic's deletion only here. The default, 5 minutes, looks like a hang.
        result.tune("topic.metadata.refresh.interval.ms", 10_000)
        // Cooperative rebalancing has faults before 2.10.0 that lose or double assignments.
        result.tune("partition.assignment.strategy", rd_kafka_version() >= 0x020a_0000 ? "cooperative-sticky" : "range")
        try result.setRequired(for: .consumer)
        try result.apply(properties, for: .consumer)
        try result.apply(consumerProperties, for: .consumer)
        if let group { try result.set("group.id", group) }
        return result
    }

    func producerConfiguration(
        clientId: String, memoryBytes: Int, patienceMs: Int32 = 20, limits: ClosedRange<Int>? = nil,
        transactionalId: String? = nil, transactionTimeoutMs: Int32 = 0
    ) throws(LogError) -> Properties {
        let result = try commonConfiguration(clientId: clientId)
        // Full batches are cheap ones; whoever has nothing to wait for flushes.
        result.tune("linger.ms", patienceMs)
        // What is delivered is known from the send queue; a report for each record costs a quarter of copying it.
        result.tune("delivery.report.only.error", true)
        // A record's framing isn't counted exactly; 2 KB leave room for it.
        result.tune("batch.size", limits.map { min(max($0.lowerBound - 2048, 1), 1_000_000) } ?? 1_000_000)
        result.tune("batch.num.messages", 10_000)
        result.tune("queue.buffering.max.messages", 1_000_000)
        // A record larger than the whole send queue would wait for room in it for ever.
        let queueBytes = max(memoryBytes, 1 << 20, min(limits?.upperBound ?? 0, 100_000_000) + 65_536)
        result.tune("queue.buffering.max.kbytes", min(queueBytes >> 10, 2_147_483_647))
        result.tune("message.max.bytes", 100_000_000)  // the topic's limit rules
        // Outside transactions, whose timeout counts there: the default, 5 minutes, is as long as a sender may be held up by a full
        // queue before anybody hears of it.
        if transactionalId == nil { result.tune("message.timeout.ms", 30_000) }
        try result.setRequired(for: .producer)
        try result.apply(properties, for: .producer)
        try result.apply(producerProperties, for: .producer)
        if let transactionalId {
            try result.set("transactional.id", transactionalId)
            try result.set("transaction.timeout.ms", String(transactionTimeoutMs))
        }
        return result
    }
}
