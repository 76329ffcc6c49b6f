// How a process deals with services that are away, and what it shows of itself.

struct CircuitBreakerSection: Sendable {
    static let failures = DefaultKey(
        "failures", .integer(1...1000), default: 5, "So many failures in a row open the circuit of a service.")
    static let openMs = DefaultKey(
        "open_ms", .integer(1...3_600_000), default: 10_000, "How long an open circuit rests before the service is tried again.")

    static let type = ObjectType(
        "`circuit_breaker`", "When a service counts as away: stages pause, keep their partitions, and try it now and then.",
        [failures.field, openMs.field]
    ) { CircuitBreakerSection($0) }

    var failures: Written<Int>?
    var openMs: Written<Int>?

    init(_ keys: MappingReader) {
        failures = keys[Self.failures]
        openMs = keys[Self.openMs]
    }
}

struct HTTPSection: Sendable {
    static let listen = DefaultKey(
        "listen", .text, default: "127.0.0.1:0", "host:port; port 0: a free one, named in the log. --http overrides.")
    static let token = Key(
        "token", .text, secret: true,
        "Asked for as `Authorization: Bearer …`. Absent: whoever reaches the port may read, and nobody may resume a stage.")
    static let insecure = DefaultKey(
        "insecure", .boolean, default: false, "Listens beyond this host without a token; for networks that are closed otherwise.")
    static let tls = Key("tls", .object(HTTPTLSSection.type), "HTTPS instead of HTTP.")

    static let type = ObjectType(
        "`http`", "Metrics, health and status over HTTP.", [listen.field, token.field, insecure.field, tls.field]
    ) { HTTPSection($0) }

    var listen: Written<String>?
    var token: Written<String>?
    var insecure: Written<Bool>?
    var tls: Written<HTTPTLSSection>?

    init(_ keys: MappingReader) {
        listen = keys[Self.listen]
        token = keys[Self.token]
        insecure = keys[Self.insecure]
        tls = keys[Self.tls]
    }
}

struct HTTPTLSSection: Sendable {
    static let certificate = Key(
        "certificate", .text, required: true, "A PEM file with the certificate and its chain; relative to the topology.")
    static let key = Key("key", .text, required: true, "A PEM file with the private key; relative to the topology.")

    static let type = ObjectType("`tls`", "The server's certificate.", [certificate.field, key.field]) { HTTPTLSSection($0) }

    var certificate: Written<String>?
    var key: Written<String>?

    init(_ keys: MappingReader) {
        certificate = keys[Self.certificate]
        key = keys[Self.key]
    }
}
