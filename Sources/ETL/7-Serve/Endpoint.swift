package import HTTPServer

/// What a process answers over HTTP. Runs on the server's thread; looks at counters, waits for nobody.
///
/// With a token, everything but the bare yes or no of `/health/…` asks for it. Without one, nothing can be changed: a page in a
/// browser on this host could send a POST too.
package struct Endpoint: Sendable {
    private let run: Run
    private let token: BearerToken?
    private let version: String

    package init(run: Run, token: String?, version: String) {
        self.run = run
        self.token = token.map { BearerToken($0) }
        self.version = version
    }

    package func answer(_ request: HTTPRequest) -> HTTPResponse {
        let mayRead = token?.matches(request.authorization) ?? true
        switch request.path {
        case "/health/live":
            return reading(request) {
                HTTPResponse(run.hasFailed ? 503 : 200, "{\"status\":\"\(run.hasFailed ? "failed" : "live")\"}\n")
            }
        case "/health/ready": return reading(request) { ready(withReasons: mayRead) }
        case "/metrics", "/status", "/resume", "/": break
        default:
            guard mayRead else { return unauthorized }
            return error(
                404,
                "there is no \(request.path.prefix(100)); there are /metrics, /health/live, /health/ready, /status and POST /resume"
            )
        }
        guard mayRead else { return unauthorized }
        switch request.path {
        case "/metrics":
            return reading(request) { HTTPResponse(200, contentType: Exposition.contentType, run.metrics(version: version)) }
        case "/resume": return resume(request)
        default: return reading(request) { HTTPResponse(200, run.status) }
        }
    }

    private func reading(_ request: HTTPRequest, _ answer: () -> HTTPResponse) -> HTTPResponse {
        guard request.method == "GET" || request.method == "HEAD" else { return notAllowed("GET") }
        return answer()
    }

    private func ready(withReasons: Bool) -> HTTPResponse {
        let reasons = run.notReady
        var text = "{\"status\":\"\(reasons.isEmpty ? "ready" : "not_ready")\""
        if withReasons {
            text += ",\"reasons\":["
            for (index, reason) in reasons.enumerated() {
                if index > 0 { text += "," }
                appendJSONString(reason, to: &text)
            }
            text += "]"
        }
        return HTTPResponse(reasons.isEmpty ? 200 : 503, text + "}\n")
    }

    /// POST /resume?stage=NAME[&partition=N]
    private func resume(_ request: HTTPRequest) -> HTTPResponse {
        guard request.method == "POST" else { return notAllowed("POST") }
        guard token != nil else { return error(403, "set http.token in the topology: without a token nothing can be changed") }
        var stage: String?
        var partition: Int32?
        for parameter in request.query {
            switch parameter.name {
            case "stage": stage = parameter.value
            case "partition":
                guard let number = Int32(parameter.value), number >= 0 else {
                    return error(400, "partition=\(parameter.value.prefix(100)) is no partition's number")
                }
                partition = number
            default: return error(400, "unknown parameter '\(parameter.name.prefix(100))'; there are stage and partition")
            }
        }
        let stages = run.parts.filter { $0.reads != nil }
        guard let stage else { return error(400, "name the stage: POST /resume?stage=NAME") }
        guard let part = stages.first(where: { $0.counters.name == stage }) else {
            return error(
                404, "no stage '\(stage.prefix(100))' runs here; there are \(stages.map(\.counters.name).joined(separator: ", "))")
        }
        let released = part.telemetry.paused.resume(partition)
        if !released.isEmpty {
            run.journal.emit(
                PartitionsResumed(stage: stage, topic: part.reads ?? "", partitions: released, asked: "POST /resume"))
        }
        return HTTPResponse(200, "{\"resumed\":[\(released.map(String.init).joined(separator: ","))]}\n")
    }

    private var unauthorized: HTTPResponse {
        var response = error(401, "send the header Authorization: Bearer TOKEN with the token of http.token")
        response.headers = [("WWW-Authenticate", "Bearer")]
        return response
    }

    private func notAllowed(_ method: String) -> HTTPResponse {
        var response = error(405, "use \(method)")
        response.headers = [("Allow", method == "GET" ? "GET, HEAD" : method)]
        return response
    }

    private func error(_ status: Int, _ message: String) -> HTTPResponse {
        var text = "{\"error\":"
        appendJSONString(message, to: &text)
        return HTTPResponse(status, text + "}\n")
    }
}

extension HTTPPlan {
    /// Starts answering for `run`; says where. Nobody's request holds up a stage.
    package func start(for run: Run, version: String) throws(ETLError) -> HTTPServer {
        if let refusal { throw ETLError(.topology, code: "http.open", refusal) }
        var options = HTTPServer.Options(host: listen.host, port: listen.port)
        if let tls {
            options.certificate = try pem(tls.certificate, "http.tls.certificate")
            options.key = try pem(tls.key, "http.tls.key")
        }
        let endpoint = Endpoint(run: run, token: token, version: version)
        do {
            let server = try HTTPServer(options) { endpoint.answer($0) }
            var bound = listen
            bound.port = server.port
            run.journal.emit(Listening(address: bound.description, isSecure: tls != nil))
            return server
        } catch {
            if error.isOfTLS, let tls {
                throw ETLError(
                    .topology, code: "http.tls",
                    "http.tls: certificate '\(tls.certificate)' and key '\(tls.key)' can't be used: \(error.message)")
            }
            throw ETLError(
                .failed, code: "http.listen",
                "can't listen on \(listen): \(error.message); choose another address with --http")
        }
    }

    private func pem(_ path: String, _ key: String) throws(ETLError) -> String {
        switch readFile(path, limit: 1 << 20) {
        case .failure(let error):
            throw ETLError(.topology, code: "http.tls", "\(key): '\(path)' can't be read: \(error.reason)")
        case .success(let bytes):
            let text = String(decoding: bytes, as: UTF8.self)
            guard text.contains("-----BEGIN ") else {
                throw ETLError(.topology, code: "http.tls", "\(key): '\(path)' is no PEM file: it has no line -----BEGIN …")
            }
            return text
        }
    }
}

package struct Listening: Event {
    package static let name = "http.listening"
    package var address: String
    package var isSecure: Bool
    package var level: LoggingPlan.Level { .info }
    package var message: String { "metrics, health and status are at \(isSecure ? "https" : "http")://\(address)" }
    package var fields: [(String, FieldValue)] { [("address", .string(address)), ("tls", .bool(isSecure))] }
}
