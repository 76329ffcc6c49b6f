import Foundation
import Glibc
import TestServices
import Testing

/// A topology's `http:` as a process has it: TLS that is TLS, a token that is asked for, and what can't be listened with or on.
@Suite(.timeLimit(.minutes(10))) struct HTTPListenTests {
    static let token = "sesame-sesame-sesame"
    let folder = "\(NSTemporaryDirectory())/etl-listen.\(UUID().uuidString)"

    /// A pair in the folder, of a certificate for localhost and its key.
    private func certificate(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let made = system(
            "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 "
                + "-keyout \(folder)/\(name).key -out \(folder)/\(name).pem 2>/dev/null")
        try #require(made == 0, "openssl makes a certificate")
    }

    /// `etl run` in memory, of a topology with this `http:`.
    private func run(_ http: String, _ words: String...) throws -> CommandProcess {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, text) in [
            ("http_token", Self.token), ("rows.csv", "n\n1\n"), ("no.pem", "nothing of the kind\n"),
            (
                "t.yaml",
                """
                name: small
                http: {\(http)}
                topics: {raw: {name: small.raw}, out: {name: small.out}}
                extractors: {rows: {to: raw, csv: {path: rows.csv, columns: {n: int}}}}
                stages: {keep: {from: raw, to: out, steps: [{filter: message.n > 1}]}}
                """
            ),
        ] { try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8) }
        return try CommandProcess(
            .etl, ["run", "--topology=t.yaml"] + words, environment: ["ETL_SECRETS_DIR": folder], directory: folder)
    }

    private func remove() { try? FileManager.default.removeItem(atPath: folder) }

    @Test func servesByTLSToWhoHasTheToken() throws {
        defer { remove() }
        try certificate("own")
        try certificate("other")
        let process = try run(
            "listen: '127.0.0.1:0', token: '${secret:http_token}', tls: {certificate: own.pem, key: own.key}", "--follow")
        let deadline = Date().addingTimeInterval(30)
        var port: String?
        while port == nil, process.isRunning, Date() < deadline {
            port = process.errors.firstMatch(of: /"event":"http.listening".*https:\/\/127\.0\.0\.1:(\d+)/).map { String($0.1) }
            // A pause between two looks at the condition.
            usleep(5000)
        }
        let url = "https://localhost:\(try #require(port, "\(process.errors)"))"
        let own = ["--cacert", "\(folder)/own.pem"]
        let bearer = ["-H", "Authorization: Bearer \(Self.token)"]
        let metrics = curl(own + bearer + ["\(url)/metrics"])
        #expect(metrics.status == 200 && metrics.body.contains("etl_records_received_total"), "\(metrics)")
        #expect(curl(own + bearer + ["-X", "POST", "\(url)/resume?stage=keep"]).status == 200)
        #expect(curl(own + ["\(url)/metrics"]).status == 401, "no token")
        #expect(curl(own + ["-H", "Authorization: Bearer \(Self.token)x", "\(url)/metrics"]).status == 401)
        #expect(curl(own + ["\(url)/health/live"]).status == 200, "health needs none")
        #expect(curl(["--cacert", "\(folder)/other.pem", "\(url)/health/live"]).status == 0, "another's certificate")
        #expect(curl(["\(url)/health/live"]).status == 0, "a certificate nobody vouches for")
        #expect(curl([url.replacingOccurrences(of: "https", with: "http") + "/health/live"]).status == 0, "not in clear text")
        process.terminate()
        #expect(try process.wait() == 0, "\(process.errors)")
        #expect(!process.errors.contains(Self.token) && !process.output.contains(Self.token))
    }

    static let unusable: [(certificate: String, key: String, says: [String])] = [
        ("none.pem", "own.key", ["http.tls.certificate: '", "none.pem' can't be read: No such file"]),
        ("own.pem", "none.key", ["http.tls.key: '", "none.key' can't be read: No such file"]),
        ("no.pem", "own.key", ["http.tls.certificate: '", "no.pem' is no PEM file"]),
        ("own.pem", "no.pem", ["http.tls.key: '", "no.pem' is no PEM file"]),
        ("own.pem", "other.key", ["own.pem' and key '", "other.key' can't be used: ", "do not match"]),
        ("own.key", "own.pem", ["own.key' and key '", "own.pem' can't be used: "]),
    ]

    @Test func aCertificateOrKeyThatCantBeUsed() throws {
        defer { remove() }
        try certificate("own")
        try certificate("other")
        for row in Self.unusable {
            let process = try run("listen: '127.0.0.1:0', tls: {certificate: \(row.certificate), key: \(row.key)}")
            #expect(try process.wait() == 3, "\(row): \(process.errors)")
            #expect(process.errors.contains("[http.tls]"), "\(row): \(process.errors)")
            for says in row.says { #expect(process.errors.contains(says), "\(row): \(process.errors)") }
            #expect(!process.errors.contains("PRIVATE KEY"), "no key is shown")
        }
    }

    @Test func anAddressThatCantBeListenedOn() throws {
        defer { remove() }
        let (listener, taken) = Relay.listener()
        defer { close(listener) }
        try certificate("own")
        // 192.0.2.0/24 is kept for documentation (RFC 5737): no host has it.
        for (http, says) in [
            ("listen: '127.0.0.1:\(taken)'", "can't listen on 127.0.0.1:\(taken): "),
            ("listen: '127.0.0.1:\(taken)', tls: {certificate: own.pem, key: own.key}", "can't listen on 127.0.0.1:\(taken): "),
            ("listen: '192.0.2.1:0', insecure: true", "can't listen on 192.0.2.1:0: "),
        ] {
            let process = try run(http)
            #expect(try process.wait() == 1, "\(http): \(process.errors)")
            #expect(process.errors.contains("[http.listen]") && process.errors.contains(says), "\(http): \(process.errors)")
            #expect(process.errors.contains("--http"), "what to do: \(process.errors)")
        }
    }
}
