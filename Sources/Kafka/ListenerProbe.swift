internal import Glibc

/// Asks a listener that a client can't talk to which language it speaks. librdkafka can't tell: a broker that is spoken to in
/// TLS where it expects none, or the other way round, closes the connection without a word, as one that goes down does.
enum ListenerProbe {
    enum Language: Equatable { case tls, plaintext }

    /// Of the first of these servers that takes a connection; nil: none does, or it speaks neither.
    static func language(of servers: String, timeoutMs: Int64) -> (language: Language, server: String)? {
        let deadline = Deadline(timeoutMs)
        for server in servers.split(separator: ",").map({ $0.filter { $0 != " " } }) where !deadline.isOver {
            guard let colon = server.lastIndex(of: ":") else { continue }
            let host = server[..<colon].filter { $0 != "[" && $0 != "]" }
            let port = String(server[server.index(after: colon)...])
            // TLS records begin with their type: a handshake (22) or an alert (21). RFC 8446, section 5.1.
            if let byte = answer(host, port, to: clientHello, deadline)?.first, byte == 22 || byte == 21 { return (.tls, server) }
            if let reply = answer(host, port, to: apiVersions, deadline), reply.count >= 8, Array(reply[4..<8]) == correlationId {
                return (.plaintext, server)
            }
        }
        return nil
    }

    private static let correlationId: [UInt8] = [0x65, 0x74, 0x6C, 0x31]
    /// Kafka's protocol guide: size, ApiVersions (18) version 0, correlation id, null client id.
    private static let apiVersions: [UInt8] = [0, 0, 0, 10, 0, 18, 0, 0] + correlationId + [0xFF, 0xFF]
    /// TLS 1.2's ClientHello (RFC 5246, section 7.4.1.2) with one cipher suite and no extensions: any server answers, if only
    /// with an alert.
    private static let clientHello: [UInt8] =
        [22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3] + [UInt8](repeating: 0x65, count: 32) + [0, 0, 2, 0xC0, 0x2F, 1, 0]

    /// The first bytes that come back; nil: none in time.
    private static func answer(_ host: String, _ port: String, to request: [UInt8], _ deadline: Deadline) -> [UInt8]? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, port, &hints, &found) == 0, let first = found else { return nil }
        defer { freeaddrinfo(first) }
        var next: UnsafeMutablePointer<addrinfo>? = first
        while let address = next, !deadline.isOver {
            if let bytes = exchange(address.pointee, request, deadline) { return bytes }
            next = address.pointee.ai_next
        }
        return nil
    }

    private static func exchange(_ address: addrinfo, _ request: [UInt8], _ deadline: Deadline) -> [UInt8]? {
        let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.ai_family, address.ai_socktype | flags, address.ai_protocol)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        if connect(descriptor, address.ai_addr, address.ai_addrlen) != 0, errno != EINPROGRESS { return nil }
        guard wait(descriptor, POLLOUT, deadline),
            send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count, wait(descriptor, POLLIN, deadline)
        else { return nil }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count > 0 ? Array(buffer[..<count]) : nil
    }

    private static func wait(_ descriptor: Int32, _ event: Int32, _ deadline: Deadline) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        while !deadline.isOver {
            let ready = poll(&entry, 1, deadline.slice(1000))
            if ready > 0 { return entry.revents & Int16(event) != 0 }
            if ready < 0, errno != EINTR { return false }
        }
        return false
    }
}
