import Foundation
import Glibc
import HTTPServer
import Synchronization
import TestServices
import Testing

/// A real server, asked by curl and by a socket that does what no client should.
@Suite(.timeLimit(.minutes(10))) struct ServerTests {
    private func server(_ change: (inout HTTPServer.Options) -> Void = { _ in }) throws -> HTTPServer {
        var options = HTTPServer.Options(host: "127.0.0.1", port: 0)
        change(&options)
        return try HTTPServer(options) { request in
            let query = request.query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
            var response = HTTPResponse(
                request.path == "/missing" ? 404 : 200, contentType: "text/plain",
                "\(request.method) \(request.path) [\(query)] \(request.authorization ?? "-")\n")
            response.headers = [("X-Own", "yes")]
            return response
        }
    }

    /// Sends bytes as they are and reads until the other side closes, or for `seconds`.
    private func raw(_ port: UInt16, _ text: String, seconds: Int = 10) -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard connected == 0 else { return "not connected" }
        var timeout = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        // The other side may have closed before all is sent.
        _ = Array(text.utf8).withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count <= 0 { return String(decoding: answer, as: UTF8.self) }
            answer += buffer[0..<count]
        }
    }

    @Test func answers() throws {
        let server = try server()
        let url = "http://127.0.0.1:\(server.port)"
        #expect(server.port != 0)
        #expect(curl("\(url)/a%20b?x=1&y=%26&z") == (200, "GET /a b [x=1&y=&&z=] -\n"))
        #expect(curl("-H", "Authorization: Bearer t", "\(url)/") == (200, "GET / [] Bearer t\n"))
        #expect(curl("\(url)/missing").status == 404)
        #expect(curl("-X", "POST", "-d", "some body", "\(url)/p") == (200, "POST /p [] -\n"))
        #expect(curl("-I", "\(url)/h").body.contains("X-Own: yes"))
        // One connection, several requests.
        #expect(curl("\(url)/1", "\(url)/2").body.contains("GET /2"))
        server.stop()
        #expect(curl("\(url)/").status == 0)
    }

    /// Whatever somebody sends, the next request is answered.
    @Test func badRequests() throws {
        let server = try server { $0.timeoutSeconds = 1 }
        let url = "http://127.0.0.1:\(server.port)"
        #expect(curl("-X", "POST", "-d", String(repeating: "x", count: 5000), "\(url)/").status == 413)
        // A length that is a lie or no number, a body in chunks without end, a header and a path that never end, no HTTP at all.
        let chunk = "800\r\n\(String(repeating: "x", count: 2048))\r\n"
        for (text, expected) in [
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", ["413", "400", ""]),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", ["413", "400", ""]),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", [""]),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(chunk)\(chunk)\(chunk)", ["413", ""]),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "y", count: 60_000))\r\n\r\n", ["431", "413", "400", ""]),
            ("GET /\(String(repeating: "p", count: 60_000)) HTTP/1.1\r\nHost: a\r\n\r\n", ["414", "431", "400", ""]),
            ("\u{16}\u{3}\u{1}hello, this is no HTTP\r\n\r\n", ["400", ""]), ("GET", [""]), ("", [""]),
        ] {
            let answer = raw(server.port, text)
            let status = answer.hasPrefix("HTTP/1.1 ") ? String(answer.dropFirst(9).prefix(3)) : ""
            #expect(expected.contains(status), "\(text.prefix(60)): \(answer.prefix(100))")
            #expect(curl("\(url)/still").status == 200)
        }
    }

    /// More connections than it takes: those beyond wait or are refused, the others go on, and when they are gone all is as before.
    @Test func connectionsAreLimited() throws {
        let server = try server {
            $0.connections = 4
            $0.timeoutSeconds = 2
        }
        let answers = Mutex<[String]>([])
        let threads = (0..<12).map { _ in
            Thread { [port = server.port] in
                let answer = raw(port, "GET /", seconds: 5)
                answers.withLock { $0.append(answer) }
            }
        }
        for thread in threads { thread.start() }
        while !threads.allSatisfy(\.isFinished) { sched_yield() }
        #expect(answers.withLock { $0.count } == 12)
        #expect(curl("http://127.0.0.1:\(server.port)/").status == 200)
    }

    @Test func tls() throws {
        let folder = NSTemporaryDirectory() + "/etl-tls.\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let made = system(
            "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 "
                + "-keyout \(folder)/key.pem -out \(folder)/cert.pem 2>/dev/null")
        #expect(made == 0)
        let (certificate, key) = (try String(contentsOfFile: folder + "/cert.pem", encoding: .utf8), try String(contentsOfFile: folder + "/key.pem", encoding: .utf8))
        let server = try server {
            $0.certificate = certificate
            $0.key = key
        }
        #expect(curl("--cacert", folder + "/cert.pem", "https://localhost:\(server.port)/x") == (200, "GET /x [] -\n"))
        #expect(curl("https://localhost:\(server.port)/x").status == 0, "a certificate nobody vouches for")
        #expect(curl("--cacert", folder + "/cert.pem", "--tls-max", "1.1", "https://localhost:\(server.port)/x").status == 0)
        #expect(curl("http://localhost:\(server.port)/x").status == 0, "no TLS")
        let bad = #expect(throws: HTTPServer.Failure.self) {
            try self.server { ($0.certificate, $0.key) = ("-----BEGIN nonsense", key) }
        }
        #expect(bad?.isOfTLS == true && bad?.message.contains("certificate") == true, "\(bad?.message ?? "")")
        // A sound certificate on an address that is taken.
        let taken = #expect(throws: HTTPServer.Failure.self) {
            try self.server { ($0.certificate, $0.key, $0.port) = (certificate, key, server.port) }
        }
        #expect(taken?.isOfTLS == false && taken?.message.contains("in use") == true, "\(taken?.message ?? "")")
    }

    @Test func aPortThatIsTaken() throws {
        let first = try server()
        let failure = #expect(throws: HTTPServer.Failure.self) { try server { $0.port = first.port } }
        #expect(failure?.message.contains("in use") == true && failure?.isOfTLS == false, "\(failure?.message ?? "")")
        #expect(throws: HTTPServer.Failure.self) { try server { $0.host = "no.such.host.invalid" } }
    }

    @Test func ipv6() throws {
        guard let server = try? server({ $0.host = "::1" }) else { return }  // a host without IPv6
        #expect(curl("-g", "http://[::1]:\(server.port)/six").status == 200)
    }
}
