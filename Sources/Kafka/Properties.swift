internal import CRdkafka
internal import Log

/// Names and values of librdkafka's configuration, checked as they are set.
/// Source: librdkafka's CONFIGURATION.md; its aliases work too.
struct Properties: ~Copyable {
    private(set) var conf: OpaquePointer?

    /// What exactly-once delivery rests on: nobody may set these otherwise.
    static let required: [(name: String, value: String, why: String, of: Role)] = [
        ("enable.auto.commit", "false", "offsets are committed with the records they belong to, never by a clock", .consumer),
        ("enable.auto.offset.store", "false", "offsets are committed with the records they belong to", .consumer),
        ("isolation.level", "read_committed", "records of aborted transactions must not be read", .consumer),
        ("auto.offset.reset", "error", "a lost position must stop the stage, not start it again somewhere", .consumer),
        (
            "enable.partition.eof", "true", "the end of a partition moves the committed offset past what a reader doesn't see",
            .consumer
        ),
        ("allow.auto.create.topics", "false", "a topic made by reading it would have the wrong number of partitions", .consumer),
        ("enable.idempotence", "true", "a retried send must not write its records twice", .producer),
        ("acks", "-1", "a record that only some replicas have can be lost (-1 is 'all')", .producer),
    ]

    /// Set from elsewhere in the topology.
    static let elsewhere: [String: String] = [
        "bootstrap.servers": "give it as bootstrap_servers",
        "metadata.broker.list": "give it as bootstrap_servers",
        "group.id": "it is made from the names of topology and stage",
        "transactional.id": "it is made from the names of topology, stage and instance",
        "transaction.timeout.ms": "it is set with the stage's delivery",
    ]

    enum Role { case consumer, producer }

    init() { conf = rd_kafka_conf_new() }

    deinit { if let conf { rd_kafka_conf_destroy(conf) } }

    /// Hands the configuration over: rd_kafka_new owns it when it succeeds.
    mutating func take() -> OpaquePointer? {
        defer { conf = nil }
        return conf
    }

    /// Sets one of our own; where this librdkafka doesn't know it, it does without.
    func tune(_ name: String, _ value: some CustomStringConvertible) {
        _ = rd_kafka_conf_set(conf, name, value.description, nil, 0)
    }

    /// Sets one that has to be.
    func set(_ name: String, _ value: String) throws(LogError) {
        var text = [CChar](repeating: 0, count: 512)
        let result = rd_kafka_conf_set(conf, name, value, &text, text.count)
        guard result != RD_KAFKA_CONF_OK else { return }
        let known = result != RD_KAFKA_CONF_UNKNOWN
        let reason = Self.isSecret(name) ? "its value (not shown) isn't one it can have" : string(text)
        let quoted = Self.isSecret(name) ? "set" : "'\(value)'"
        throw LogError(
            .configuration, code: known ? "log.property_value" : "log.property_unknown",
            known
                ? "Kafka property \(name) can't be \(quoted): \(reason)"
                : "Kafka property \(name) isn't known to librdkafka \(KafkaLog.libraryVersion); see its CONFIGURATION.md")
    }

    /// Applies the user's properties over ours, and checks that what must hold still does.
    func apply(_ properties: [String: String], for role: Role) throws(LogError) {
        for (name, value) in properties.sorted(by: { $0.key < $1.key }) {
            if let instead = Self.elsewhere[name] {
                throw LogError(
                    .configuration, code: "log.property_forbidden", "Kafka property \(name) can't be set here: \(instead)")
            }
            try set(name, value)
        }
        // Read back rather than compared by name, so that aliases are seen too.
        for rule in Self.required where rule.of == role {
            guard let value = get(rule.name), value != rule.value else { continue }
            throw LogError(
                .configuration, code: "log.property_forbidden",
                "Kafka property \(rule.name) can't be \(value), it must stay \(rule.value): \(rule.why)")
        }
    }

    func setRequired(for role: Role) throws(LogError) {
        for rule in Self.required where rule.of == role { try set(rule.name, rule.value) }
    }

    func get(_ name: String) -> String? {
        var text = [CChar](repeating: 0, count: 1024)
        var size = text.count
        guard rd_kafka_conf_get(conf, name, &text, &size) == RD_KAFKA_CONF_OK else { return nil }
        return string(text)
    }

    static func isSecret(_ name: String) -> Bool {
        name.hasPrefix("sasl.") || name.hasSuffix(".password") || name.hasSuffix(".key") || name.hasSuffix(".pem")
            || name.contains("secret")
    }
}

/// The text of a C buffer, up to its zero.
func string(_ buffer: [CChar]) -> String {
    buffer.withUnsafeBufferPointer { bytes in
        String(decoding: UnsafeRawBufferPointer(bytes).prefix { $0 != 0 }, as: UTF8.self)
    }
}
