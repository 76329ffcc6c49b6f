/// A request, as far as this server's users care.
public struct HTTPRequest: Sendable, Equatable {
    public var method: String
    /// Without the query; percent escapes decoded.
    public var path: String
    /// In the order given, percent escapes decoded; a name without `=` has an empty value.
    public var query: [Parameter]
    /// The `Authorization` header; nil: there is none.
    public var authorization: String?

    public struct Parameter: Sendable, Equatable {
        public var name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    public init(method: String, path: String, query: [Parameter] = [], authorization: String? = nil) {
        self.method = method
        self.path = path
        self.query = query
        self.authorization = authorization
    }
}

/// What is answered to a request.
public struct HTTPResponse: Sendable, Equatable {
    public var status: Int
    public var contentType: String
    public var body: String
    /// Beside `Content-Type` and those the library sets.
    public var headers: [(name: String, value: String)] = []

    public init(_ status: Int, contentType: String = "application/json", _ body: String) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    public static func == (a: HTTPResponse, b: HTTPResponse) -> Bool {
        a.status == b.status && a.contentType == b.contentType && a.body == b.body
            && a.headers.elementsEqual(b.headers, by: ==)
    }
}

/// A secret that requests must bring as `Authorization: Bearer …` (RFC 6750).
public struct BearerToken: Sendable {
    private let secret: [UInt8]

    public init(_ secret: String) {
        self.secret = Array(secret.utf8)
    }

    /// Whether the header brings the token. The time it takes depends on the header's length only, not on how much of it is right.
    public func matches(_ authorization: String?) -> Bool {
        guard let authorization, authorization.utf8.count <= 8192 else { return false }
        let scheme = "bearer "
        guard authorization.utf8.count > scheme.utf8.count,
            authorization.prefix(scheme.count).lowercased() == scheme
        else { return false }
        let given = Array(authorization.utf8.dropFirst(scheme.utf8.count))
        var difference = UInt64(given.count ^ secret.count)
        for (index, byte) in given.enumerated() {
            // A secret of another length is compared too, with itself over and over, so that the length shows in no time.
            difference |= UInt64(byte ^ (secret.isEmpty ? 0 : secret[index % secret.count]))
        }
        return difference == 0 && !secret.isEmpty
    }
}
