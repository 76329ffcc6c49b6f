internal import CPostgres

/// A libpq connection string or URL: checked before use, and kept out of everything shown.
/// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
struct ConnectionString {
    let text: String
    /// What must not appear in a message: the password as libpq reads it and as it is written.
    private let secrets: [String]

    init(_ text: String) throws(PostgresError) {
        self.text = text
        var written: String?
        if let scheme = Self.schemeEnd(text) {
            let rest = text[scheme...]
            let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
            let ats = authority.filter { $0 == "@" }.count
            // A password with a bare @, /, ? or # makes libpq take a part of it for the host or port, and quote it in its errors.
            let hidden = ats == 0 && authority.contains(":") && rest.dropFirst(authority.count).contains("@")
            if ats > 1 || hidden { throw Self.malformed }
            if let at = authority.firstIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") {
                written = String(authority[authority.index(after: colon)..<at])
            }
        }
        guard let options = PQconninfoParse(text, nil) else { throw Self.malformed }
        defer { PQconninfoFree(options) }
        var found: [String] = written.map { [$0] } ?? []
        var option = options
        while let keyword = option.pointee.keyword {
            let name = String(cString: keyword)
            if name == "password" || name == "sslpassword", let value = option.pointee.val { found.append(String(cString: value)) }
            option += 1
        }
        secrets = found.filter { !$0.isEmpty }
    }

    /// The message with every secret replaced.
    func redacted(_ message: String) -> String {
        var result = message
        for secret in secrets { result = replacing(secret, in: result) }
        return result
    }

    private func replacing(_ secret: String, in text: String) -> String {
        let bytes = Array(text.utf8)
        let wanted = Array(secret.utf8)
        var result: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at...].starts(with: wanted) {
                result += Array("***".utf8)
                at += wanted.count
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func schemeEnd(_ text: String) -> String.Index? {
        for scheme in ["postgres://", "postgresql://"] where text.hasPrefix(scheme) {
            return text.index(text.startIndex, offsetBy: scheme.count)
        }
        return nil
    }

    private static var malformed: PostgresError {
        PostgresError(
            .configuration,
            "The Postgres url can't be parsed (it isn't shown, for it holds a password). Write "
                + "postgres://user:password@host:5432/database or host=… user=… password=… dbname=…, and in a URL percent-encode "
                + "the characters @ : / ? # % of user and password (%40 %3A %2F %3F %23 %25)")
    }
}
