import Foundation
import Postgres
import TestServices
import Testing

/// Connections by TLS and the ways in which they fail: each a matter of configuration, not of waiting, and never with a password.
@Suite(.serialized) struct TLSTests {
    private func failure(_ url: String) -> PostgresError? {
        do { _ = try Connection(url: url, applicationName: "x") } catch { return error }
        return nil
    }

    private func expectTLS(_ url: String, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation) {
        let error = failure(url)
        #expect(
            error?.kind == .configuration && error?.isOfTLS == true, "\(String(describing: error))", sourceLocation: sourceLocation)
        for word in words {
            #expect(error?.message.contains(word) == true, "\(word): \(error?.message ?? "")", sourceLocation: sourceLocation)
        }
        #expect(error?.description.contains("etl-secret") == false, sourceLocation: sourceLocation)
    }

    @Test func passwordOverVerifiedTLS() throws {
        let server = try PostgresServer.own(host: "127.0.0.1")
        defer { server.remove() }
        let verified = "?sslmode=verify-full&sslrootcert=\(server.folder)/tls/ca.pem"
        let connection = try Connection(url: server.url() + verified, applicationName: "x")
        #expect(try connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")[0].rows == [["t"]])
        let wrong = failure(server.url(password: "hunter2-secret") + verified)
        #expect(wrong?.kind == .configuration && wrong?.sqlstate == "28P01" && wrong?.description.contains("hunter2") == false)
        let unknown = failure(server.url(user: "who") + verified)
        #expect(unknown?.kind == .configuration && unknown?.sqlstate == "28P01")
        expectTLS(server.url() + "?sslmode=verify-full&sslrootcert=\(server.folder)/none.pem", "none.pem", "sslrootcert=FILE")
        expectTLS(
            server.url() + "?sslmode=verify-full&sslrootcert=\(server.folder)/tls/client.pem", "certificate verify failed",
            "sslrootcert")
        expectTLS(server.url() + "?sslmode=full", "verify-full")
    }

    @Test func clientCertificateAndAnotherHost() throws {
        let server = try PostgresServer.own(method: "cert", host: "db.example")
        defer { server.remove() }
        let files = "\(server.folder)/tls"
        let url = "postgres://etl@127.0.0.1:\(server.port)/etl?sslrootcert=\(files)/ca.pem"
        let certificate = "&sslcert=\(files)/client.pem&sslkey=\(files)/client.key"
        #expect(failure("\(url)&sslmode=verify-ca\(certificate)") == nil)
        expectTLS("\(url)&sslmode=verify-full\(certificate)", "db.example", "does not match host name \"127.0.0.1\"", "verify-ca")
        let missing = failure("\(url)&sslmode=verify-ca")
        #expect(
            missing?.kind == .configuration && missing?.message.contains("client certificate") == true,
            "\(String(describing: missing))")
        let plaintext = failure("postgres://etl@127.0.0.1:\(server.port)/etl?sslmode=disable")
        #expect(plaintext?.kind == .configuration && plaintext?.message.contains("no encryption") == true)
    }

    @Test func md5AndAServerWithoutTLS() throws {
        let server = try PostgresServer.own(method: "md5")
        defer { server.remove() }
        #expect(failure(server.url()) == nil)
        #expect(failure(server.url(password: "hunter2-secret"))?.sqlstate == "28P01")
        expectTLS(server.url() + "?sslmode=require", "does not support SSL", "turn on ssl")
    }
}
