/// Why a connection by TLS failed, where trying again won't help. libpq says it in words only (no SQLSTATE: the server hasn't
/// spoken yet); they are those of fe-secure-openssl.c and fe-secure-common.c, in English since this process sets no locale.
enum TLSProblem {
    private static let rows: [(words: String, advice: String)] = [
        (
            "does not match host name",
            "connect by a name that stands in the server's certificate, or verify only the CA: sslmode=verify-ca"
        ),
        ("root certificate file", "write sslrootcert=FILE with the server's CA in the url"),
        ("certificate verify failed", "sslrootcert in the url must name the CA that signed the server's certificate"),
        ("does not support SSL", "turn on ssl at the server; sslmode in the url asks for it"),
        ("private key file", "sslkey in the url must name the key of sslcert, readable by its owner only"),
        ("certificate", "check sslrootcert, sslcert and sslkey in the url"),
        ("SSL error: tlsv1 alert", "the server refuses the client certificate, or has no TLS version in common"),
        ("SSL error: sslv3 alert", "the server refuses the client certificate, or has no TLS version in common"),
        ("SSL error: tlsv13 alert", "the server refuses the client certificate, or asks for one: sslcert and sslkey in the url"),
        ("sslmode", "it is one of disable, allow, prefer, require, verify-ca, verify-full"),
    ]

    /// What to do about a connection error of these words; nil: it isn't TLS that failed, or not for good.
    static func advice(_ words: String) -> String? { rows.first { words.contains($0.words) }?.advice }
}
