import Synchronization
import Testing

@testable import Kafka

/// What of librdkafka's log is a refusal that somebody must mend, and what passes by itself: taken for one another, a stage stops
/// at a broker's restart, or tries for ever.
@Suite struct RefusalTests {
    private static let login = settings("sasl_ssl")

    private static func settings(_ securityProtocol: String, hasCertificate: Bool = false) -> ClientSettings {
        var settings = ClientSettings()
        settings.securityProtocol = securityProtocol
        settings.mechanism = "PLAIN"
        settings.user = "etl"
        settings.hasCertificate = hasCertificate
        return settings
    }

    @Test(arguments: [
        ("SASL authentication error: Authentication failed: Invalid username or password", "refuses the login of user etl"),
        (
            "Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert number 42",
            "asks for a client certificate"
        ),
        (
            "Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate required: SSL alert number 116",
            "asks for a client"
        ),
        (
            "SSL handshake failed: error:0A000410:SSL routines::sslv3 alert handshake failure: SSL alert number 40",
            "no TLS version or cipher"
        ),
        ("SSL handshake failed: error:0A000086:SSL routines::certificate verify failed", "can't be verified"),
        ("Disconnected: verify that security.protocol is correctly configured, broker might require SASL authentication", ""),
        ("SSL handshake failed: Disconnected", ""), ("Connect to ipv4#127.0.0.1:1 failed: Connection refused", ""),
        ("SSL handshake failed: error:0A000126:SSL routines::unexpected eof while reading", ""),
        ("SaslHandshakeRequest failed: Local: Timed out", ""), ("SASL authentication error: Timed out in AUTH_REQ", ""),
    ])
    func wordsAreSorted(_ row: (words: String, said: String)) {
        let refusal = Refusal("sasl_ssl://h:1/bootstrap: \(row.words)", Self.login, nowMs: 1)
        #expect((refusal == nil) == row.said.isEmpty)
        if !row.said.isEmpty { #expect(refusal?.message.contains(row.said) == true, "\(refusal?.message ?? "")") }
    }

    @Test(arguments: [
        (Int32(62), "another host than 'h'"), (64, "another host"), (20, "ssl.ca.location"), (10, "expired"), (9, "clocks"),
        (999, "999"),
    ])
    func certificatesAreExplained(_ row: (error: Int32, said: String)) {
        #expect(Refusal.certificate(row.error, depth: 0, broker: "sasl_ssl://h:9093/1").contains(row.said))
    }

    /// How long it has lasted counts from the first of a row; a success ends the row. Repeated lines are handed on once.
    @Test func aRefusalLastsUntilSomethingSucceeds() {
        let lines = Mutex<[String]>([])
        let voice = ClientVoice(Self.login) { line in lines.withLock { $0.append(line.text) } }
        func refuse(_ after: Int) {
            voice.line(
                level: 3, facility: "FAIL",
                text: "[thrd:x]: h:1/1: SASL authentication error: no (after \(after)ms in state AUTH_REQ)")
        }
        refuse(300)
        let first = voice.refusal?.sinceMs
        refuse(301)
        #expect(first != nil && voice.refusal?.sinceMs == first)
        #expect(lines.withLock { $0.count } == 1)
        voice.line(level: 3, facility: "FAIL", text: "[thrd:x]: h:1/1: Connect to h failed: refused (after 1ms in state CONNECT)")
        #expect(voice.refusal != nil, "a broker that is down has not let anybody in")
        voice.succeeded()
        #expect(voice.refusal == nil)
    }

    @Test func scramAdviceIsForOldVersions() {
        #expect(KafkaLog.scramAdvice(version: 0x0200_02ff)?.contains("2.6.1") == true)
        #expect(KafkaLog.scramAdvice(version: 0x0206_01ff) == nil)
        #expect(KafkaLog.scramAdvice(version: 0x0210_00ff) == nil)
    }
}
