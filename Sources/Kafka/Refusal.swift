internal import Log

/// Why a broker and this client don't come together, where trying again won't help. librdkafka tries again all the same, for
/// ever, and says why in words only; the words are those of librdkafka 2.0 to 2.16, Kafka's brokers and OpenSSL 3.
struct Refusal: Equatable {
    var code: String
    /// Said of the broker: "refuses the login of user etl: …".
    var message: String
    /// When it was said first, without a success since.
    var sinceMs: Int64

    private struct Row {
        let words: String
        let code: String
        let message: @Sendable (_ settings: ClientSettings, _ reason: String) -> String
    }

    /// In the order they are looked for.
    private static let rows: [Row] = [
        Row(words: "Unsupported SASL mechanism", code: "log.authentication") { settings, reason in
            let offered = after("supported mechanisms:", reason).map { "; it takes\($0)" } ?? ""
            return "doesn't take sasl.mechanism \(settings.mechanism)\(offered)"
        },
        Row(words: "not valid in current SASL state", code: "log.authentication") { settings, _ in
            "asks for no login on this listener: write security.protocol: \(settings.usesTLS ? "ssl" : "plaintext"), "
                + "or name the port of a listener with SASL"
        },
        Row(words: "SASL", code: "log.authentication") { settings, reason in
            let said = after("SASL authentication error:", reason)?.drop { $0 == " " } ?? reason[...]
            let scram = settings.mechanism.hasPrefix("SCRAM") ? KafkaLog.scramAdvice.map { ". \($0)" } : nil
            return "refuses the login of \(settings.who) by \(settings.mechanism): \(said)"
                + (scram ?? "; check sasl.username and sasl.password")
        },
        // Java's brokers say "bad certificate" where a client has none; others "certificate required" (RFC 8446, section 6.2).
        Row(words: "alert bad certificate", code: "log.tls", message: certificateRefused),
        Row(words: "alert certificate required", code: "log.tls", message: certificateRefused),
        Row(words: "alert certificate unknown", code: "log.tls", message: certificateRefused),
        Row(words: "alert unknown ca", code: "log.tls", message: certificateRefused),
        Row(words: "alert certificate expired", code: "log.tls", message: certificateRefused),
        Row(words: "alert certificate revoked", code: "log.tls", message: certificateRefused),
        Row(words: "alert handshake failure", code: "log.tls", message: noCommonTLS),
        Row(words: "alert protocol version", code: "log.tls", message: noCommonTLS),
        Row(words: "unsupported protocol", code: "log.tls", message: noCommonTLS),
        Row(words: "certificate verify failed", code: "log.tls") { _, _ in
            "has a certificate that can't be verified: check that ssl.ca.location names the CA that signed it"
        },
    ]

    /// What a line of librdkafka's log says about it; nil: nothing, or that it may pass by itself.
    init?(_ reason: String, _ settings: ClientSettings, nowMs: Int64) {
        // A broker that goes down in the middle of a handshake is no refusal.
        if reason.contains("Disconnected") || reason.contains("Timed out") || reason.contains("timed out") { return nil }
        guard let row = Self.rows.first(where: { reason.contains($0.words) }) else { return nil }
        code = row.code
        message = row.message(settings, reason)
        sinceMs = nowMs
    }

    init(code: String, message: String, sinceMs: Int64) {
        self.code = code
        self.message = message
        self.sinceMs = sinceMs
    }

    func error(servers: String) -> LogError {
        LogError(
            .configuration, code: code, "Kafka at \(servers) \(message)", cause: code == "log.tls" ? "_SSL" : "_AUTHENTICATION")
    }

    private static let certificateRefused: @Sendable (ClientSettings, String) -> String = { settings, reason in
        guard settings.hasCertificate else {
            return "asks for a client certificate: set ssl.certificate.location and ssl.key.location"
        }
        let said = reason.firstRange(of: "alert ").map { String(reason[$0.upperBound...].prefix { $0 != ":" }) } ?? "refused"
        return "refuses the client certificate of ssl.certificate.location (\(said)): is it signed by a CA that the broker "
            + "trusts, and still valid?"
    }

    private static let noCommonTLS: @Sendable (ClientSettings, String) -> String = { _, reason in
        "has no TLS version or cipher in common with this client: check ssl.cipher.suites and the broker's "
            + "ssl.enabled.protocols"
    }

    private static func after(_ words: String, _ text: String) -> Substring? {
        text.firstRange(of: words).map { text[$0.upperBound...] }
    }

    /// Why OpenSSL didn't take a broker's certificate. Numbers: OpenSSL's x509_vfy.h, X509_STORE_CTX_get_error(3).
    static func certificate(_ error: Int32, depth: Int32, broker: String) -> String {
        let which = depth == 0 ? "the certificate" : "a CA's certificate"
        let why =
            switch error {
            case 62, 64:
                "the certificate is for another host than '\(host(of: broker))': connect by a name that stands in its "
                    + "subjectAltName"
            case 2, 18, 19, 20, 21: "\(which) isn't signed by a CA of ssl.ca.location"
            case 9: "\(which) isn't valid yet: check the clocks"
            case 10: "\(which) has expired"
            case 23: "\(which) is revoked"
            case 3, 12: "the revocation list of ssl.crl.location is missing or has expired"
            case 26: "\(which) isn't made for this purpose (extended key usage)"
            case 66, 67, 68: "\(which) has a key or signature too weak for this client"
            default: "\(which) can't be verified (X509 error \(error))"
            }
        return "has a certificate that isn't accepted: \(why)"
    }

    /// `ssl://host:9093/bootstrap` → `host`.
    private static func host(of broker: String) -> Substring {
        var rest = broker.firstRange(of: "://").map { broker[$0.upperBound...] } ?? broker[...]
        rest = rest.prefix { $0 != "/" }
        return rest.lastIndex(of: ":").map { rest[..<$0] } ?? rest
    }
}
