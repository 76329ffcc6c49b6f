import Foundation

/// A real Kafka for tests: `scripts/kafka` of this package, or the script that ETL_KAFKA_SCRIPT names.
public final class KafkaBroker: Sendable {
    public let bootstrap: String
    public let directory: String

    /// One broker for the whole test process, started by whoever asks first and destroyed when the process ends.
    public static func shared() throws -> KafkaBroker { try of(sharedResult) }

    /// One that wants TLS and a login, and has ACLs: users admin, etl and nobody, as scripts/kafka says.
    public static func secured() throws -> KafkaBroker { try of(securedResult) }
    /// One that wants a client certificate, and whose own is for the host broker.example.
    public static func mutual() throws -> KafkaBroker { try of(mutualResult) }

    private static let sharedResult = Result { try forAll("", []) }
    private static let securedResult = Result { try forAll(".secured", ["--sasl", "--tls"]) }
    private static let mutualResult = Result { try forAll(".mutual", ["--mtls", "--tls-host", "broker.example"]) }

    private static func of(_ result: Result<KafkaBroker, any Error>) throws -> KafkaBroker {
        ProcessEnd.comeFirst()
        return try result.get()
    }

    private static func forAll(_ name: String, _ arguments: [String]) throws -> KafkaBroker {
        removeLeftovers()
        let broker = try KafkaBroker(directory: "\(leftovers)\(getpid())\(name)", arguments: arguments)
        ProcessEnd.add { broker.destroy() }
        return broker
    }

    private static let leftovers = "\(NSTemporaryDirectory())/etl-test-kafka."

    /// A broker (or several) of one's own; `destroy` it.
    public init(directory: String, arguments: [String] = []) throws {
        self.directory = directory
        let output = try Self.run(["start", "--dir", directory] + arguments)
        guard let line = output.split(separator: "\n").first(where: { $0.hasPrefix("bootstrap=") }) else {
            throw ServiceError("'kafka start' didn't print bootstrap=: \(output)")
        }
        bootstrap = String(line.dropFirst("bootstrap=".count))
    }

    public func crash(_ id: Int = 1) throws { try Self.run(["crash", directory, "\(id)"]) }
    public func restart(_ id: Int = 1) throws { try Self.run(["restart", directory, "\(id)"]) }
    public func pause(_ id: Int = 1) throws { try Self.run(["pause", directory, "\(id)"]) }
    public func resume(_ id: Int = 1) throws { try Self.run(["resume", directory, "\(id)"]) }
    public func destroy() { _ = try? Self.run(["destroy", directory]) }

    /// One of the stock tools, e.g. `configs`, with the bootstrap servers already given.
    @discardableResult
    public func tool(_ name: String, _ arguments: String...) throws -> String { try tool(name, arguments) }

    @discardableResult
    public func tool(_ name: String, _ arguments: [String]) throws -> String {
        try Self.run([name, "--bootstrap-server", bootstrap] + arguments)
    }

    /// A certificate or key that `start` made: `ca.pem`, `client.pem`, `client.key`, `stranger.pem`, `stranger.key`.
    public func certificate(_ name: String) -> String { "\(directory)/tls/\(name)" }

    /// Allows a user something on a broker of `secured`, in the words of kafka-acls.sh.
    public func allow(_ user: String, _ arguments: String...) throws { try allow(user, arguments) }

    public func allow(_ user: String, _ arguments: [String]) throws {
        try acls(["--add", "--allow-principal", "User:\(user)"] + arguments)
    }

    /// Takes back what anybody was allowed on these resources by their names, not by a prefix.
    public func disallow(_ resources: [String]) throws { try acls(["--remove", "--force"] + resources) }

    /// Denies it, whatever else allows it; `remove`: no longer.
    public func deny(_ user: String, _ arguments: [String], remove: Bool = false) throws {
        try acls((remove ? ["--remove", "--force"] : ["--add"]) + ["--deny-principal", "User:\(user)"] + arguments)
    }

    private func acls(_ words: [String]) throws {
        try Self.run(["acls", "--bootstrap-server", bootstrap, "--command-config", try adminProperties()] + words)
    }

    private func adminProperties() throws -> String {
        let path = "\(directory)/admin.properties"
        let login = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"admin\" password=\"admin-secret\";"
        let lines = [
            "security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", "sasl.jaas.config=\(login)", "ssl.truststore.type=PEM",
            "ssl.truststore.location=\(certificate("ca.pem"))",
        ]
        try lines.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    /// A topic name nobody else uses.
    public static func uniqueName(_ what: String) -> String { "\(what).\(UUID().uuidString.prefix(8).lowercased())" }

    @discardableResult
    private static func run(_ words: [String]) throws -> String {
        try ServiceScript("kafka", variable: "ETL_KAFKA_SCRIPT").run(words)
    }

    /// Brokers of test processes that were killed.
    private static func removeLeftovers() {
        let folder = NSTemporaryDirectory()
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            guard name.hasPrefix("etl-test-kafka."),
                let pid = Int32(name.dropFirst("etl-test-kafka.".count).prefix { $0.isNumber }), kill(pid, 0) != 0
            else { continue }
            _ = try? run(["destroy", "\(folder)/\(name)"])
        }
    }
}
