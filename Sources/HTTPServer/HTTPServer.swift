internal import CMicrohttpd
internal import Glibc
internal import Synchronization

/// A small HTTP/1.1 server (libmicrohttpd) for a few short answers. One thread of its own calls the handler, one request at a time.
public final class HTTPServer: Sendable {
    public struct Options: Sendable {
        /// A name or an address.
        public var host: String
        /// 0: any free one.
        public var port: UInt16
        /// PEM text; nil: no TLS.
        public var certificate: String?
        public var key: String?
        /// Open at once; what comes beyond waits or is refused.
        public var connections = 32
        /// A connection on which nothing happens for so long is closed.
        public var timeoutSeconds = 10
        /// A request's line and headers must fit, else 431 or 414 is answered.
        public var headerBytes = 16 << 10
        /// A longer body is answered with 413. Bodies are read and ignored.
        public var bodyBytes = 4096

        public init(host: String, port: UInt16) {
            self.host = host
            self.port = port
        }
    }

    /// Why it couldn't be started.
    public struct Failure: Error, Equatable, Sendable {
        public var message: String
        /// The certificate or key is to blame, not the address.
        public var isOfTLS = false
    }

    /// The port it listens on.
    public let port: UInt16
    private let box: Box
    /// Only `stop` takes it.
    private let daemon: Mutex<Handle?>

    /// Unchecked: an opaque pointer that libmicrohttpd lets any thread stop once.
    private struct Handle: @unchecked Sendable {
        let daemon: OpaquePointer
        let texts: [UnsafeMutablePointer<CChar>]
    }

    /// What the library's thread needs.
    fileprivate final class Box: Sendable {
        let handler: @Sendable (HTTPRequest) -> HTTPResponse
        let bodyBytes: Int
        let words = Mutex("")

        init(_ handler: @escaping @Sendable (HTTPRequest) -> HTTPResponse, bodyBytes: Int) {
            self.handler = handler
            self.bodyBytes = bodyBytes
        }
    }

    /// Of one request, between the calls that bring its body.
    fileprivate final class Progress {
        var bodyBytes = 0
    }

    /// Listens, and answers by `handler`, which must not block: it holds up every other request.
    /// - Throws: `Failure` where the address can't be had or the certificate not be used.
    public init(_ options: Options, handler: @escaping @Sendable (HTTPRequest) -> HTTPResponse) throws(Failure) {
        let address = try Self.resolve(options.host, options.port)
        defer { freeaddrinfo(address) }
        box = Box(handler, bodyBytes: options.bodyBytes)
        let context = Unmanaged.passRetained(box)
        let certificate = options.certificate.flatMap { strdup($0) }
        let key = options.key.flatMap { strdup($0) }
        let limits = etl_http_limits(
            connections: UInt32(options.connections), timeout_seconds: UInt32(options.timeoutSeconds),
            memory_bytes: options.headerBytes)
        errno = 0
        let started = etl_http_start(
            address.pointee.ai_addr, address.pointee.ai_family == AF_INET6 ? 1 : 0, limits, certificate, key,
            { answer($0, $1, $2, $3, $6, $7) }, { _, _, state, _ in forget(state) }, { keep($0, $1, $2) }, context.toOpaque())
        guard let started else {
            let reason = errno == 0 ? "" : String(cString: strerror(errno))
            let words = box.words.withLock { $0 }
            for text in [certificate, key] { free(text) }
            context.release()
            // TLS is set up once the address is had, so its words come only where the address is fine.
            throw Failure(
                message: [words, reason].filter { !$0.isEmpty }.joined(separator: ": "),
                isOfTLS: options.certificate != nil && words.contains("TLS"))
        }
        port = etl_http_port(started)
        daemon = Mutex(Handle(daemon: started, texts: [certificate, key].compactMap(\.self)))
    }

    deinit { stop() }

    /// Finishes the answer in hand and closes every connection. Any thread but the handler's.
    public func stop() {
        guard
            let handle = daemon.withLock({ handle in
                defer { handle = nil }
                return handle
            })
        else { return }
        MHD_stop_daemon(handle.daemon)
        for text in handle.texts { free(text) }
        Unmanaged.passUnretained(box).release()
    }

    private static func resolve(_ host: String, _ port: UInt16) throws(Failure) -> UnsafeMutablePointer<addrinfo> {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &found)
        guard status == 0, let found else { throw Failure(message: "\(host): \(String(cString: gai_strerror(status)))") }
        return found
    }
}

// MARK: Called by the library, on its thread

/// First with the headers, then with each part of the body, then once more when all is there.
private func answer(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?, _ url: UnsafePointer<CChar>?,
    _ method: UnsafePointer<CChar>?, _ size: UnsafeMutablePointer<Int>?, _ state: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let context, let connection, let url, let method, let size, let state else { return .NO }
    let box = Unmanaged<HTTPServer.Box>.fromOpaque(context).takeUnretainedValue()
    guard let held = state.pointee else {
        // A body that says it will be too large is refused before it comes.
        let length = MHD_lookup_connection_value(connection, .HEADER_KIND, "Content-Length").map { String(cString: $0) }
        if let length, Int(length).map({ $0 > box.bodyBytes }) ?? true {
            return send(HTTPResponse(413, "{\"error\":\"the body is larger than \(box.bodyBytes) bytes\"}\n"), connection)
        }
        state.pointee = Unmanaged.passRetained(HTTPServer.Progress()).toOpaque()
        return .YES
    }
    let progress = Unmanaged<HTTPServer.Progress>.fromOpaque(held).takeUnretainedValue()
    if size.pointee > 0 {
        // Nothing here wants a body: it is counted and forgotten.
        progress.bodyBytes += size.pointee
        size.pointee = 0
        // In the middle of a body nothing can be answered: the connection is closed.
        return progress.bodyBytes <= box.bodyBytes ? .YES : .NO
    }
    let request = HTTPRequest(
        method: String(cString: method), path: String(cString: url), query: parameters(connection),
        authorization: MHD_lookup_connection_value(connection, .HEADER_KIND, "Authorization").map { String(cString: $0) })
    return send(box.handler(request), connection)
}

private func forget(_ state: UnsafeMutablePointer<UnsafeMutableRawPointer?>?) {
    guard let held = state?.pointee else { return }
    Unmanaged<HTTPServer.Progress>.fromOpaque(held).release()
    state?.pointee = nil
}

/// Keeps the library's first words, for the reason of a failed start; what clients do wrong later is theirs.
private func keep(_ context: UnsafeMutableRawPointer?, _ format: UnsafePointer<CChar>?, _ arguments: CVaListPointer?) {
    guard let context, let format, let arguments else { return }
    var text = [CChar](repeating: 0, count: 512)
    vsnprintf(&text, text.count, format, arguments)
    let words = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    var line = words.split(separator: "\n").joined(separator: " ")
    if line.hasSuffix(".") { line.removeLast() }
    Unmanaged<HTTPServer.Box>.fromOpaque(context).takeUnretainedValue().words.withLock { kept in
        if kept.utf8.count < 1000 { kept += (kept.isEmpty ? "" : "; ") + line }
    }
}

private func parameters(_ connection: OpaquePointer) -> [HTTPRequest.Parameter] {
    var found: [HTTPRequest.Parameter] = []
    withUnsafeMutablePointer(to: &found) { pointer in
        _ = MHD_get_connection_values(
            connection, .GET_ARGUMENT_KIND,
            { context, _, name, value in
                guard let list = context?.assumingMemoryBound(to: [HTTPRequest.Parameter].self), let name else { return .NO }
                list.pointee.append(
                    HTTPRequest.Parameter(name: String(cString: name), value: value.map { String(cString: $0) } ?? ""))
                return list.pointee.count < 100 ? .YES : .NO
            }, pointer)
    }
    return found
}

private func send(_ response: HTTPResponse, _ connection: OpaquePointer) -> MHD_Result {
    var body = response.body
    let made = body.withUTF8 { bytes in
        MHD_create_response_from_buffer(bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), .RESPMEM_MUST_COPY)
    }
    guard let made else { return .NO }
    defer { MHD_destroy_response(made) }
    MHD_add_response_header(made, "Content-Type", response.contentType)
    MHD_add_response_header(made, "Cache-Control", "no-store")
    for (name, value) in response.headers { MHD_add_response_header(made, name, value) }
    return MHD_queue_response(connection, UInt32(response.status), made)
}
