/// When a service counts as away, and how often it is tried then.
public struct CircuitBreakerPlan: Sendable, Equatable {
    /// So many failures in a row open the circuit.
    public var failures = 5
    public var openMs = 10_000

    public init(failures: Int = 5, openMs: Int = 10_000) {
        self.failures = failures
        self.openMs = openMs
    }
}

/// What a process shows of itself over HTTP, where, and to whom.
public struct HTTPPlan: Sendable {
    /// PEM files, absolute.
    public struct TLS: Sendable {
        public var certificate: String
        public var key: String
    }
    public var listen: ListenAddress
    /// Nil: none is asked for. A secret: never shown.
    public var token: String?
    /// Whether listening beyond this host without a token is meant.
    public var insecure = false
    public var tls: TLS?

    public init(listen: ListenAddress, token: String? = nil, insecure: Bool = false) {
        self.listen = listen
        self.token = token
        self.insecure = insecure
    }

    /// Why it may not be started like this; nil: it may.
    public var refusal: String? {
        guard !listen.isLoopback, token == nil, !insecure else { return nil }
        return "\(listen) can be reached from other hosts, and everybody could read what is there: set `http.token`, "
            + "or `insecure: true` if the network is closed otherwise"
    }
}

/// host:port to listen on.
public struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// A name or an address; IPv6 without its brackets.
    public var host: String
    /// 0: any free one.
    public var port: UInt16

    /// `127.0.0.1:9090`, `localhost:0`, `[::]:9090`; nil: it is no such text.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...].utf8
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, !host.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F || $0 == 0x5B || $0 == 0x5D }) else {
            return nil
        }
        self.host = String(host)
        self.port = port
    }

    /// Whether only this host can reach it. RFC 5735: all of 127.0.0.0/8; RFC 4291: ::1.
    public var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension HTTPPlan: CustomStringConvertible, CustomReflectable {
    public var description: String { "HTTP on \(listen)" }
    public var customMirror: Mirror { Mirror(self, children: ["listen": listen.description]) }
}
