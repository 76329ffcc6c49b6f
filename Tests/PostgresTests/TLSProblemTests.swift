import Testing

@testable import Postgres

/// Connection errors of libpq that have no SQLSTATE, by its words: TLS that is set up wrongly stops, everything else is tried again.
@Suite struct TLSProblemTests {
    static let rows: [(words: String, advice: String?)] = [
        ("server certificate for \"db.example\" does not match host name \"127.0.0.1\"", "sslmode=verify-ca"),
        ("root certificate file \"/etc/none.pem\" does not exist", "sslrootcert=FILE"),
        ("SSL error: certificate verify failed", "signed the server's certificate"),
        ("server does not support SSL, but SSL was required", "turn on ssl"),
        ("private key file \"/etc/client.key\" has group or world access", "readable by its owner only"),
        ("could not load private key file \"/etc/client.key\": no start line", "sslkey"),
        ("could not read certificate file \"/etc/client.pem\": no start line", "sslrootcert, sslcert and sslkey"),
        ("SSL error: tlsv1 alert unknown ca", "refuses the client certificate"),
        ("SSL error: sslv3 alert bad certificate", "sslrootcert, sslcert and sslkey"),
        ("SSL error: sslv3 alert handshake failure", "refuses the client certificate"),
        ("SSL error: tlsv13 alert no application protocol", "sslcert and sslkey"),
        ("invalid sslmode value: \"full\"", "verify-full"),
        // The server or the way to it is away: no matter of TLS, whatever the connection would have used.
        ("connection to server at \"127.0.0.1\", port 5432 failed: Connection refused", nil),
        ("could not translate host name \"db.example\" to address: Name or service not known", nil),
        ("connection to server at \"10.0.0.1\", port 5432 failed: No route to host", nil),
        ("server closed the connection unexpectedly", nil), ("SSL SYSCALL error: EOF detected", nil),
        ("SSL SYSCALL error: Connection reset by peer", nil), ("SSL connection has been closed unexpectedly", nil),
        ("timeout expired", nil), ("", nil),
    ]

    @Test(arguments: rows.indices) func isTLSToBlame(_ index: Int) {
        let row = Self.rows[index]
        let advice = TLSProblem.advice(row.words)
        #expect((advice == nil) == (row.advice == nil), "\(row.words): \(advice ?? "nil")")
        if let expected = row.advice { #expect(advice?.contains(expected) == true, "\(row.words): \(advice ?? "nil")") }
    }
}
