import Foundation
import Kafka
import Log
import Testing
import TestServices

/// Whoever sets a login or TLS up gets one thing wrong first: each is said within seconds, by name, without a secret.
@Suite struct SecurityTests {
    /// What passwords are in these tests; none may ever be shown.
    static let secrets = ["hunter2-secret", "etl-secret", "nobody-secret", "admin-secret"]

    enum Broker: Sendable { case plain, secured, mutual }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var broker: Broker
        /// CA, CERT, KEY and the like stand for the broker's files.
        var properties: [String: String]
        var code: String
        var words: [String]

        init(_ name: String, _ broker: Broker, _ properties: [String: String], _ code: String, _ words: String...) {
            (testDescription, self.broker, self.properties, self.code, self.words) = (name, broker, properties, code, words)
        }
    }

    private static func log(_ broker: Broker, _ properties: [String: String], timeoutMs: Int64 = 5000) throws -> KafkaLog {
        let cluster =
            switch broker {
            case .plain: try KafkaBroker.shared()
            case .secured: try KafkaBroker.secured()
            case .mutual: try KafkaBroker.mutual()
            }
        let files = [
            "CA": "ca.pem", "CERT": "client.pem", "KEY": "client.key", "OTHER": "stranger.pem", "OTHERKEY": "stranger.key",
        ]
        return try KafkaLog(
            bootstrapServers: cluster.bootstrap, properties: properties.mapValues { files[$0].map(cluster.certificate) ?? $0 },
            connectTimeoutMs: timeoutMs)
    }

    private static func login(_ user: String, _ password: String, mechanism: String = "PLAIN") -> [String: String] {
        [
            "security.protocol": "sasl_ssl", "sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password,
            "ssl.ca.location": "CA",
        ]
    }

    private static func tls(_ more: [String: String]) -> [String: String] {
        ["security.protocol": "ssl", "ssl.ca.location": "CA"].merging(more) { _, new in new }
    }

    static let refusals = [
        Case(
            "wrong password", .secured, login("etl", "hunter2-secret"), "log.authentication", "login of user etl", "sasl.password"),
        Case("unknown user", .secured, login("who", "hunter2-secret"), "log.authentication", "login of user who", "sasl.username"),
        Case(
            "a mechanism it doesn't take", .secured, login("etl", "etl-secret", mechanism: "SCRAM-SHA-512"), "log.authentication",
            "SCRAM-SHA-512", "PLAIN,SCRAM-SHA-256"),
        Case("no login", .secured, tls([:]), "log.authentication", "asks for a login", "sasl_ssl"),
        Case(
            "login where there is none", .plain,
            [
                "security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.username": "etl",
                "sasl.password": "etl-secret",
            ], "log.authentication", "asks for no login", "security.protocol: plaintext"),
        Case("plaintext to TLS", .secured, [:], "log.tls", "speaks TLS", "sasl_ssl"),
        Case(
            "TLS to plaintext", .plain, ["security.protocol": "ssl"], "log.tls", "speaks plaintext", "security.protocol: plaintext"),
        Case(
            "wrong CA", .secured, login("etl", "etl-secret").merging(["ssl.ca.location": "OTHER"]) { _, new in new }, "log.tls",
            "isn't signed by a CA of ssl.ca.location"),
        Case(
            "wrong host name", .mutual, tls(["ssl.certificate.location": "CERT", "ssl.key.location": "KEY"]), "log.tls",
            "another host than '127.0.0.1'", "subjectAltName"),
        Case(
            "no client certificate", .mutual, tls(["ssl.endpoint.identification.algorithm": "none"]), "log.tls",
            "asks for a client certificate", "ssl.certificate.location"),
        Case(
            "another's client certificate", .mutual,
            tls([
                "ssl.endpoint.identification.algorithm": "none", "ssl.certificate.location": "OTHER",
                "ssl.key.location": "OTHERKEY",
            ]), "log.tls", "refuses the client certificate"),
    ]

    @Test(arguments: refusals) func aRefusedConnectionIsSaidToBe(_ row: Case) throws {
        let log = try Self.log(row.broker, row.properties)
        let start = Date()
        let error = logError { _ = try log.describe(topics: ["t"]) }
        #expect(error?.kind == .configuration, "\(String(describing: error))")
        #expect(error?.code == row.code, "\(String(describing: error))")
        for word in row.words { #expect(error?.message.contains(word) == true, "\(word): \(error?.message ?? "")") }
        for secret in Self.secrets { #expect(error?.message.contains(secret) == false) }
        #expect(Date().timeIntervalSince(start) < 30, "librdkafka would try for ever")
    }

    /// Otherwise a host name that is a slip away passes for a wrong CA, as in librdkafka's own words.
    @Test func aClientCertificateLetsIn() throws {
        let log = try Self.log(
            .mutual,
            Self.tls([
                "ssl.endpoint.identification.algorithm": "none", "ssl.certificate.location": "CERT", "ssl.key.location": "KEY",
            ]))
        #expect(try log.describe(topics: ["none"]) == [nil])
    }

    /// On a librdkafka that can, the login works (and the user may not do much); on an older one it is said what to do.
    @Test func scram() throws {
        let log = try Self.log(.secured, Self.login("etl", "etl-secret", mechanism: "SCRAM-SHA-256"))
        let error = logError { _ = try log.describe(topics: ["none"]) }
        if KafkaLog.scramAdvice == nil {
            #expect(error?.code == "log.denied", "\(String(describing: error))")
        } else {
            #expect(error?.code == "log.authentication")
            #expect(
                error?.message.contains("2.6.1") == true && error?.message.contains("LD_LIBRARY_PATH") == true,
                "\(error?.message ?? "")")
        }
        let wrong = try Self.log(.secured, Self.login("etl", "hunter2-secret", mechanism: "SCRAM-SHA-256"))
        #expect(logError { _ = try wrong.describe(topics: ["none"]) }?.code == "log.authentication")
    }

    // MARK: ACLs

    private static func denied(_ what: String, _ word: String, _ body: () throws -> Void) {
        let start = Date()
        let error = logError(body)
        #expect(error?.kind == .configuration, "\(what): \(String(describing: error))")
        #expect(error?.code == "log.denied", "\(what): \(String(describing: error))")
        #expect(error?.message.contains(word) == true, "\(what): \(error?.message ?? "")")
        #expect(error?.message.contains("kafka-acls.sh --add --allow-principal User:") == true, "\(what): \(error?.message ?? "")")
        #expect(Date().timeIntervalSince(start) < 30, "\(what)")
    }

    /// A broker hears of a new ACL a moment after the tool that made it has ended: what an answer gives once it doesn't speak of
    /// `before`, the right that was missing.
    private static func granted<T>(_ before: String, _ body: () throws -> T) throws -> T {
        let deadline = Date().addingTimeInterval(20)
        while true {
            do {
                return try body()
            } catch let error as LogError where error.code == "log.denied" && error.message.contains(before) && Date() < deadline {
                usleep(20_000)  // between two looks at the condition
            }
        }
    }

    @Test func whoMayNothingIsToldWhatIsMissing() throws {
        let admin = try Self.log(.secured, Self.login("admin", "admin-secret"))
        let nobody = try Self.log(.secured, Self.login("nobody", "nobody-secret"))
        let topic = try newTopic(admin)
        Self.denied("describe", "user nobody may not DESCRIBE topic \(topic)") { _ = try nobody.describe(topics: [topic]) }
        Self.denied("reader", "user nobody may not READ topic \(topic)") { _ = try nobody.makeReader(topic: topic) }
        Self.denied("producer", "user nobody may not WRITE topic \(topic)") {
            _ = try nobody.makeProducer(ProducerOptions(topics: [topic], transactionalId: nil))
        }
        Self.denied("consumer", "user nobody may not READ topic \(topic)") {
            _ = try nobody.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: Listener()))
        }
        let outcome = try nobody.create(topics: [NewTopic(name: topic + ".new", partitions: 1)])
        guard case .failed(let error) = outcome.first else { throw ServiceError("\(outcome)") }
        #expect(error.code == "log.denied" && error.message.contains("user nobody may not CREATE topic \(topic).new"), "\(error)")
    }

    /// Rights one after the other: each missing one is named where it is needed first, and none makes a call wait for ever.
    @Test func eachMissingRightIsNamed() throws {
        let broker = try KafkaBroker.secured()
        let admin = try Self.log(.secured, Self.login("admin", "admin-secret"))
        let etl = try Self.log(.secured, Self.login("etl", "etl-secret"))
        let topic = try newTopic(admin)
        func allow(_ arguments: String...) throws {
            try broker.allow("etl", arguments[0], arguments[1], arguments[2], arguments[3])
        }
        try allow("--operation", "Describe", "--topic", topic)
        let reader = try Self.granted("DESCRIBE topic") { try etl.makeReader(topic: topic) }
        Self.denied("read", "user etl may not READ topic \(topic)") { try reader.read(partition: 0, from: 0, to: 1) { _ in true } }
        Self.denied("group", "user etl may not READ group \(topic)") {
            let consumer = try etl.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: Listener()))
            try consumer.read { _, _ in false }
        }
        Self.denied("offsets", "user etl may not READ group \(topic)") { _ = try etl.committedOffsets(group: topic, topic: topic) }
        Self.denied("transactions", "user etl may not WRITE transactional id \(topic)") {
            _ = try etl.makeProducer(ProducerOptions(topics: [topic], transactionalId: topic))
        }
        try allow("--operation", "Read", "--group", topic)
        _ = try Self.granted("READ group") { try etl.committedOffsets(group: topic, topic: topic) }
        Self.denied("topic", "user etl may not READ topic \(topic)") {
            let consumer = try etl.makeConsumer(ConsumerOptions(topic: topic, group: topic, listener: Listener()))
            defer { consumer.close() }
            try consumer.read { _, _ in false }
        }
        try allow("--operation", "Write", "--transactional-id", topic)
        let producer = try Self.granted("WRITE transactional id") {
            try etl.makeProducer(ProducerOptions(topics: [topic], transactionalId: topic))
        }
        defer { producer.close() }
        Self.denied("send", "user etl may not WRITE topic \(topic)") {
            try producer.begin()
            try producer.send("x")
            try producer.commit()
        }
    }

    /// Live checks ask for each right, and leave nothing behind.
    @Test func inspectionFindsMissingRightsAndChangesNothing() throws {
        let broker = try KafkaBroker.secured()
        let admin = try Self.log(.secured, Self.login("admin", "admin-secret"))
        let topic = try newTopic(admin)
        try broker.allow("etl", "--operation", "Describe", "--topic", topic)
        let inspection = try KafkaInspection(try Self.log(.secured, Self.login("etl", "etl-secret")))
        defer { inspection.close() }
        #expect(try Self.granted("DESCRIBE topic") { try inspection.describe(topic, writing: false) }?.partitions == 1)
        Self.denied("read", "READ topic \(topic)") { try inspection.read(topic) }
        Self.denied("commit", "READ group \(topic)") { try inspection.commit(group: topic, topic: topic) }
        Self.denied("transact", "WRITE transactional id \(topic)") { try inspection.transact(topic) }
        // A librdkafka that can't ask says so.
        var couldAsk = true
        let error = logError { couldAsk = try inspection.write(topic) }
        #expect(error != nil || !couldAsk)
        #expect(
            error == nil || error?.message.contains("user etl may not WRITE topic \(topic)") == true, "\(String(describing: error))"
        )

        let all = try KafkaInspection(admin)
        defer { all.close() }
        try all.read(topic)
        try all.commit(group: topic, topic: topic)
        try all.transact(topic)
        _ = try all.write(topic)
        #expect(try admin.committedOffsets(group: topic, topic: topic) == [nil])
        #expect(try admin.writtenOffsets(topic: topic).map(\.end) == [0])
    }
}
