internal import CRdkafka
public import Log

/// How a client presents itself to brokers: what messages about refused connections name. Holds no password.
struct ClientSettings: Sendable, Equatable {
    /// `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
    var securityProtocol = "plaintext"
    var mechanism = ""
    /// Of the login; empty: there is none by name.
    var user = ""
    var hasCertificate = false

    init() {}

    /// As librdkafka has them, aliases and defaults resolved.
    init(_ properties: borrowing Properties) {
        securityProtocol = properties.get("security.protocol") ?? "plaintext"
        mechanism = properties.get("sasl.mechanisms") ?? ""
        if usesLogin { user = properties.get("sasl.username") ?? "" }
        for name in ["ssl.certificate.location", "ssl.keystore.location", "ssl.certificate.pem"] {
            if properties.get(name)?.isEmpty == false { hasCertificate = true }
        }
    }

    var usesLogin: Bool { securityProtocol.hasPrefix("sasl_") }
    var usesTLS: Bool { securityProtocol.hasSuffix("ssl") }

    /// For sentences: "user etl", or "this client" where the broker names it by its certificate.
    var who: String { user.isEmpty ? "this client" : "user \(user)" }
}

extension KafkaLog {
    /// What to do about SCRAM with the librdkafka that runs; nil: nothing, it can. Before 2.6.1 it sends the broker's nonce
    /// back twice, which Kafka 4 refuses (librdkafka's CHANGELOG, 2.6.1).
    public static var scramAdvice: String? { scramAdvice(version: rd_kafka_version()) }

    static func scramAdvice(version: Int32) -> String? {
        guard version < 0x0206_0100 else { return nil }
        return "librdkafka \(libraryVersion) can't log in to Kafka 4 by SCRAM: put the librdkafka.so.1 of version 2.6.1 or newer "
            + "on LD_LIBRARY_PATH, or use PLAIN over TLS"
    }

    /// What librdkafka has against a property; nil: nothing. Values of secrets aren't shown. Connects to nothing.
    public static func problem(withProperty name: String, value: String) -> LogError? {
        do throws(LogError) {
            try Properties().set(name, value)
            return nil
        } catch {
            return error
        }
    }
}
