/// The secrets a topology holds, so that no text that leaves the process shows one.
public struct Secrets: Sendable, CustomStringConvertible, CustomReflectable {
    static let mask = "***"
    /// Shorter ones aren't looked for within texts, where they would turn up by chance; between backticks they are.
    private static let shortestInText = 4

    /// Longest first, so that one inside another leaves no rest.
    private var values: [[UInt8]] = []

    public init() {}

    public mutating func insert(_ secret: String) {
        let bytes = Array(secret.utf8)
        guard !bytes.isEmpty, !values.contains(bytes) else { return }
        values.insert(bytes, at: values.firstIndex { $0.count < bytes.count } ?? values.count)
    }

    package mutating func formUnion(_ other: Secrets) {
        for value in other.values { insert(String(decoding: value, as: UTF8.self)) }
    }

    public func contains(_ text: String) -> Bool { values.contains(Array(text.utf8)) }

    /// The text with each secret masked.
    public func redact(_ text: String) -> String {
        var bytes = Array(text.utf8)
        for value in values {
            if value.count >= Self.shortestInText {
                bytes = replace(value, in: bytes, by: Array(Self.mask.utf8))
            } else {
                bytes = replace([0x60] + value + [0x60], in: bytes, by: Array("`\(Self.mask)`".utf8))
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    public var description: String { "\(values.count) secrets" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

private func replace(_ value: [UInt8], in bytes: [UInt8], by mask: [UInt8]) -> [UInt8] {
    guard let first = value.first, bytes.count >= value.count else { return bytes }
    var result: [UInt8] = []
    var at = 0
    while at < bytes.count {
        if bytes[at] == first, bytes[at...].starts(with: value) {
            result += mask
            at += value.count
        } else {
            result.append(bytes[at])
            at += 1
        }
    }
    return result
}

/// Whether a key or variable of this name most likely holds a secret: `sasl.password`, `API_TOKEN`.
func looksSecret(_ name: String) -> Bool {
    let name = name.lowercased()
    // The files keys lie in are no secrets, and neither is the page tokens come from.
    if name.hasSuffix("location") || name.hasSuffix("url") || name.hasSuffix("path") || name.hasSuffix("file") { return false }
    let words = [
        "password", "passwd", "secret", "token", "credential", "private_key", "private.key", "access_key", "api_key", "apikey",
        ".pem", "sasl.jaas",
    ]
    return words.contains { name.contains($0) }
}

/// A connection string, as URL or as libpq's `key=value` pairs, without its passwords.
public func withoutPassword(_ connection: String) -> String {
    guard let scheme = connection.firstRange(of: "://") else {
        return connection.split(separator: " ", omittingEmptySubsequences: false).map { hidePair($0) }.joined(separator: " ")
    }
    let rest = connection[scheme.upperBound...]
    let query = rest.firstIndex(of: "?") ?? rest.endIndex
    let pairs = rest[query...].dropFirst().split(separator: "&", omittingEmptySubsequences: false).map { hidePair($0) }
    var place = String(rest[..<query])
    if let at = place.lastIndex(of: "@"), let colon = place[..<at].firstIndex(of: ":") {
        place.replaceSubrange(place.index(after: colon)..<at, with: Secrets.mask)
    }
    return connection[..<scheme.upperBound] + place + (query == rest.endIndex ? "" : "?" + pairs.joined(separator: "&"))
}

private func hidePair(_ pair: Substring) -> String {
    guard let equals = pair.firstIndex(of: "="), looksSecret(String(pair[..<equals])) else { return String(pair) }
    return pair[...equals] + Secrets.mask
}
