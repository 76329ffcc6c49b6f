import HTTPServer
import Log
import Testing

@testable import ETL

/// Who may see and change what.
@Suite struct EndpointTests {
    static func endpoint(token: String?) -> (Endpoint, Run) {
        let run = MetricsTests.run([StageMemberTests.stage(.exactlyOnce)])
        return (Endpoint(run: run, token: token, version: "1"), run)
    }

    struct Row: CustomTestStringConvertible {
        var method: String
        var path: String
        var query: [(String, String)] = []
        var header: String?
        var token: String? = "sesame-sesame-sesame"
        var status: Int
        var says = ""
        var testDescription: String { "\(method) \(path) \(query) \(header ?? "no token")" }
    }
    static let bearer = "Bearer sesame-sesame-sesame"

    @Test(arguments: [
        Row(method: "GET", path: "/metrics", header: bearer, status: 200, says: "# TYPE etl_records_received_total counter"),
        Row(method: "HEAD", path: "/metrics", header: bearer, status: 200),
        Row(method: "GET", path: "/metrics", status: 401, says: "Authorization: Bearer"),
        Row(method: "GET", path: "/metrics", header: "Bearer wrong", status: 401),
        Row(method: "GET", path: "/metrics", token: nil, status: 200),
        Row(method: "DELETE", path: "/metrics", header: bearer, status: 405),
        Row(method: "GET", path: "/status", header: bearer, status: 200, says: "\"name\": \"s\""),
        Row(method: "GET", path: "/", header: bearer, status: 200, says: "\"topology\": \"t\""),
        Row(method: "GET", path: "/status", status: 401),
        Row(method: "GET", path: "/nothing", header: bearer, status: 404, says: "there is no /nothing"),
        Row(method: "GET", path: "/nothing", status: 401),
        Row(method: "GET", path: "/health/live", status: 200, says: "live"),
        // Yes or no is for everybody, why only for those with the token.
        Row(method: "GET", path: "/health/ready", status: 503, says: "{\"status\":\"not_ready\"}"),
        Row(method: "GET", path: "/health/ready", header: bearer, status: 503, says: "0 of 1 members have joined"),
        Row(method: "POST", path: "/health/ready", header: bearer, status: 405),
        Row(method: "POST", path: "/resume", query: [("stage", "s")], header: bearer, status: 200, says: "{\"resumed\":[]}"),
        Row(method: "POST", path: "/resume", query: [("stage", "s"), ("partition", "0")], header: bearer, status: 200),
        Row(method: "GET", path: "/resume", query: [("stage", "s")], header: bearer, status: 405, says: "use POST"),
        Row(method: "POST", path: "/resume", query: [("stage", "s")], status: 401),
        // Where everybody may read, nobody may change.
        Row(method: "POST", path: "/resume", query: [("stage", "s")], token: nil, status: 403, says: "http.token"),
        Row(method: "POST", path: "/resume", header: bearer, status: 400, says: "stage=NAME"),
        Row(method: "POST", path: "/resume", query: [("stage", "x")], header: bearer, status: 404, says: "there are s"),
        Row(method: "POST", path: "/resume", query: [("stage", "s"), ("partition", "-1")], header: bearer, status: 400, says: "partition=-1"),
        Row(method: "POST", path: "/resume", query: [("stage", "s"), ("partition", "x")], header: bearer, status: 400, says: "partition=x"),
        Row(method: "POST", path: "/resume", query: [("stagge", "s")], header: bearer, status: 400, says: "unknown parameter 'stagge'"),
    ])
    func answers(_ row: Row) {
        let (endpoint, _) = Self.endpoint(token: row.token)
        let request = HTTPRequest(
            method: row.method, path: row.path, query: row.query.map { HTTPRequest.Parameter(name: $0.0, value: $0.1) },
            authorization: row.header)
        let response = endpoint.answer(request)
        #expect(response.status == row.status)
        #expect(response.body.contains(row.says), "\(response.body)")
        if row.status == 401 { #expect(!response.body.contains("sesame")) }
    }

    @Test func readyMeansJoinedAndNoCircuitOpen() {
        let (endpoint, run) = Self.endpoint(token: nil)
        func ready() -> HTTPResponse { endpoint.answer(HTTPRequest(method: "GET", path: "/health/ready")) }
        run.parts[0].telemetry.setJoined(true, thread: 0)
        #expect(ready().status == 200)
        for _ in 0..<5 { run.parts[0].telemetry.kafka.failed("broker 1 is gone", nowMs: 0) }
        #expect(ready().status == 503 && ready().body.contains("kafka is away (circuit open): broker 1 is gone"))
        run.parts[0].telemetry.kafka.succeeded(nowMs: 1)
        #expect(ready().status == 200)
    }

    @Test func resumeLetsGo() {
        let (endpoint, run) = Self.endpoint(token: "sesame-sesame-sesame")
        let paused = run.parts[0].telemetry.paused
        for partition in [0, 2, 5] as [Int32] {
            paused.add(.init(partition: partition, offset: 9, failures: 6, window: 10, code: "c", reason: "r"))
        }
        func resume(_ query: [HTTPRequest.Parameter]) -> String {
            endpoint.answer(HTTPRequest(method: "POST", path: "/resume", query: query, authorization: Self.bearer)).body
        }
        let stage = HTTPRequest.Parameter(name: "stage", value: "s")
        #expect(resume([stage, .init(name: "partition", value: "2")]) == "{\"resumed\":[2]}\n")
        #expect(resume([stage]) == "{\"resumed\":[0,5]}\n")
        #expect(paused.isEmpty)
    }
}

@Suite struct ListenAddressTests {
    @Test(arguments: [
        ("127.0.0.1:0", "127.0.0.1", 0, true), ("127.1.2.3:9", "127.1.2.3", 9, true), ("localhost:9090", "localhost", 9090, true),
        ("[::1]:1", "::1", 1, true), ("0.0.0.0:80", "0.0.0.0", 80, false), ("[::]:80", "::", 80, false), ("127.0.0:80", "127.0.0", 80, false),
        ("127.0.0.1.example.com:80", "127.0.0.1.example.com", 80, false), ("pod-1:65535", "pod-1", 65_535, false),
        ("127.0.0.999:1", "127.0.0.999", 1, false),
    ] as [(String, String, UInt16, Bool)])
    func reads(_ text: String, _ host: String, _ port: UInt16, _ isLoopback: Bool) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.host == host && address.port == port && address.isLoopback == isLoopback)
        #expect(address.description == text)
    }

    @Test(arguments: ["", ":", ":80", "host", "host:", "host:x", "host:-1", "host:+1", "host:65536", "::1:80", "[::1]", "[]:1", "[a]:1", "a b:1", "a\n:1"])
    func refuses(_ text: String) { #expect(ListenAddress(text) == nil) }

    /// Beyond this host only with a token, or where that is said to be meant.
    @Test(arguments: [
        ("127.0.0.1:0", nil, false, true), ("0.0.0.0:0", nil, false, false), ("0.0.0.0:0", "token", false, true),
        ("0.0.0.0:0", nil, true, true),
    ] as [(String, String?, Bool, Bool)])
    func refusal(_ text: String, _ token: String?, _ insecure: Bool, _ isFine: Bool) throws {
        let plan = HTTPPlan(listen: try #require(ListenAddress(text)), token: token, insecure: insecure)
        #expect((plan.refusal == nil) == isFine)
    }
}

@Suite struct ResumeRequestTests {
    @Test(arguments: [
        ("resume/s", "s", nil), ("resume/s/0", "s", 0), ("resume/enrich/17", "enrich", 17),
    ] as [(String, String, Int32?)])
    func reads(_ key: String, _ stage: String, _ partition: Int32?) throws {
        let found = try #require(ResumeRequest.parse(key))
        #expect(found.stage == stage && found.partition == partition)
        #expect(ResumeRequest.key(stage: stage, partition: partition) == key)
    }

    @Test(arguments: ["", "resume", "resume/", "resume//1", "resume/s/x", "resume/s/", "resume/s/1/2", "stop/s", "resume/s/99999999999"])
    func ignores(_ key: String) { #expect(ResumeRequest.parse(key) == nil) }
}
