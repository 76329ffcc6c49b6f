internal import Kafka
internal import Log

/// The cluster: servers and client properties, checked as far as can be without connecting.
extension PlanBuilder {
    func kafka(_ written: KafkaSection) -> KafkaPlan? {
        checkServers(written.bootstrapServers)
        checkSecurity(written.properties?.value ?? [])
        var plan = KafkaPlan(
            bootstrapServers: written.bootstrapServers?.value ?? "",
            properties: clientProperties(written.properties),
            consumerProperties: clientProperties(written.consumerProperties),
            producerProperties: clientProperties(written.producerProperties))
        plan.position = written.bootstrapServers?.position ?? topology.position
        plan.securityPosition = written.properties?.keyPosition ?? plan.position
        return plan
    }

    private func checkServers(_ written: Written<String>?) {
        guard let written else { return }
        for server in written.value.split(separator: ",", omittingEmptySubsequences: false) {
            let trimmed = server.filter { $0 != " " }
            let port = trimmed.split(separator: ":").last.flatMap { Int($0) }
            let hasPort = trimmed.contains(":") && !trimmed.hasSuffix("]")
            if trimmed.isEmpty || (hasPort && !(1...65_535).contains(port ?? 0)) {
                let shown = reader.secrets.contains(written.value) ? Secrets.mask : reader.shown(server)
                reader.report(
                    "value.range", "`\(shown)` in `bootstrap_servers` is no host:port",
                    at: written.position, "write host:port,host:port")
            }
        }
    }

    /// What the engine sets itself, since its guarantees rest on it.
    private static let ownProperties: Set<String> = [
        "bootstrap.servers", "metadata.broker.list", "group.id", "transactional.id", "enable.idempotence", "enable.auto.commit",
        "auto.commit.enable", "enable.auto.offset.store", "isolation.level", "auto.offset.reset", "enable.partition.eof",
    ]

    private func clientProperties(_ written: Written<[Named<String>]>?) -> [String: String] {
        var result = dictionary(written)
        for property in written?.value ?? [] {
            if Self.ownProperties.contains(property.name) {
                let place = property.name == "bootstrap.servers" ? "write it as `kafka.bootstrap_servers`" : "remove it"
                reader.report(
                    "property.reserved", "`\(property.name)` is set by the engine, its guarantees rest on it",
                    at: property.position, place)
            } else if namesFile(property.name), !property.value.value.isEmpty {
                result[property.name] = file(of: property)
            } else if let problem = KafkaLog.problem(withProperty: property.name, value: property.value.value) {
                let isUnknown = problem.code == "log.property_unknown"
                reader.report(
                    isUnknown ? "property.unknown" : "property.value", problem.message,
                    at: isUnknown ? property.position : property.value.position)
            }
        }
        return result
    }

    // MARK: Security

    /// `ssl.ca.location`, `ssl.certificate.location`, `ssl.key.location`, `ssl.keystore.location`, `ssl.crl.location` and so on.
    private func namesFile(_ property: String) -> Bool {
        property.hasPrefix("ssl.") && property.hasSuffix(".location") || property == "sasl.kerberos.keytab"
    }

    /// The file's absolute path: what is relative starts at the topology. It may come only where the stage runs.
    private func file(of property: Named<String>) -> String {
        let written = property.value.value
        // librdkafka's word for: look in the usual places.
        if property.name == "ssl.ca.location", written == "probe" { return written }
        let path = absolutePath(written, from: directory)
        let shown = reader.shown(written)
        switch fileKind(path) {
        case .file: break
        // CA certificates may lie in a folder, by their hashes.
        case .directory where property.name == "ssl.ca.location": break
        case .directory:
            reader.report("file.missing", "`\(shown)` is a folder, not a file", at: property.value.position, severity: .warning)
        case .missing:
            reader.report(
                "file.missing", "no file `\(shown)`", at: property.value.position, "it would be \(reader.shown(path))",
                severity: .warning)
        case .unreadable:
            reader.report(
                "file.missing", "file `\(shown)` can't be read", at: property.value.position, "check its permissions",
                severity: .warning)
        }
        return path
    }

    /// What librdkafka takes without a word and a broker then refuses, or what doesn't protect as it seems to.
    private func checkSecurity(_ properties: [Named<String>]) {
        func property(_ names: String...) -> Named<String>? { properties.last { names.contains($0.name) } }
        func text(_ names: String...) -> String? { properties.last { names.contains($0.name) }?.value.value }
        func warn(_ code: String, _ message: String, _ position: SourcePosition, _ suggestion: String) {
            reader.report(code, message, at: position, suggestion, severity: .warning)
        }
        let written = property("security.protocol")
        let securityProtocol = (written?.value.value ?? "plaintext").lowercased()
        let mechanism = property("sasl.mechanism", "sasl.mechanisms")
        let login = properties.first { $0.name.hasPrefix("sasl.") }
        if let login, !securityProtocol.hasPrefix("sasl_") {
            warn(
                "kafka.login_unused", "`\(login.name)` has no effect with `security.protocol: \(reader.shown(securityProtocol))`",
                login.position, "write `security.protocol: sasl_ssl`")
        }
        if let certificate = properties.first(where: { $0.name.hasPrefix("ssl.") }), !securityProtocol.hasSuffix("ssl") {
            warn(
                "kafka.tls_unused",
                "`\(certificate.name)` has no effect with `security.protocol: \(reader.shown(securityProtocol))`",
                certificate.position, "write `security.protocol: \(securityProtocol.hasPrefix("sasl_") ? "sasl_ssl" : "ssl")`")
        }
        if let written, securityProtocol.hasPrefix("sasl_") {
            if mechanism == nil {
                warn(
                    "kafka.mechanism_missing", "without `sasl.mechanism` the login is by Kerberos (GSSAPI)", written.position,
                    "write `sasl.mechanism: PLAIN` or SCRAM-SHA-256, whichever the brokers take")
            } else if ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"].contains(mechanism?.value.value),
                let missing = ["sasl.username", "sasl.password"].first(where: { text($0) == nil })
            {
                reader.report(
                    "key.missing", "`\(missing)` is missing for `sasl.mechanism: \(mechanism?.value.value ?? "")`",
                    at: mechanism?.position ?? written.position)
            }
        }
        if let mechanism, mechanism.value.value.hasPrefix("SCRAM"), let advice = KafkaLog.scramAdvice {
            warn("kafka.scram_library", "the login by \(mechanism.value.value) may fail", mechanism.value.position, advice)
        }
        let unverified = property("enable.ssl.certificate.verification").flatMap { $0.value.value == "false" ? $0 : nil }
        let anyHost = property("ssl.endpoint.identification.algorithm").flatMap { $0.value.value == "none" ? $0 : nil }
        if let open = unverified ?? anyHost {
            warn(
                "kafka.tls_unverified", "with `\(open.name): \(open.value.value)` anyone on the way can pose as the broker",
                open.value.position, "name the brokers' CA in `ssl.ca.location` and connect by the names in their certificates")
        }
    }
}
