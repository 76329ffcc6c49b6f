extension PlanBuilder {
    func circuitBreaker(_ written: CircuitBreakerSection?) -> CircuitBreakerPlan {
        CircuitBreakerPlan(
            failures: CircuitBreakerSection.failures.value(written?.failures),
            openMs: CircuitBreakerSection.openMs.value(written?.openMs))
    }

    func http(_ written: Written<HTTPSection>) -> HTTPPlan? {
        let section = written.value
        let text = HTTPSection.listen.value(section.listen)
        guard let listen = ListenAddress(text) else {
            reader.report(
                "value.range", "`\(reader.shown(text))` in `listen` is no host:port",
                at: section.listen?.position ?? written.position, "write 127.0.0.1:9090, or 0.0.0.0:9090 for every interface")
            return nil
        }
        var plan = HTTPPlan(
            listen: listen, token: section.token?.value, insecure: HTTPSection.insecure.value(section.insecure))
        if let tls = section.tls?.value, let certificate = tls.certificate?.value, let key = tls.key?.value {
            plan.tls = HTTPPlan.TLS(
                certificate: absolutePath(certificate, from: directory), key: absolutePath(key, from: directory))
        }
        let position = section.listen?.position ?? written.position
        if let refusal = plan.refusal { reader.report("http.open", refusal, at: position) }
        if let token = section.token, token.value.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F }) {
            // RFC 6750, section 2.1: what a header can carry.
            reader.report("value.range", "`token` may only have printable ASCII characters without spaces", at: token.position)
        } else if let token = section.token, token.value.utf8.count < 16 {
            reader.report(
                "http.token_short", "`token` has less than 16 characters and can be guessed", at: token.position,
                "make one with `openssl rand -hex 24`", severity: .warning)
        }
        if !listen.isLoopback, plan.token != nil, plan.tls == nil {
            reader.report(
                "http.plain", "`token` crosses the network in clear text", at: position, "set `tls`", severity: .warning)
        }
        return plan
    }
}
