internal import Log
internal import Synchronization

/// What a librdkafka instance said of itself, from any of its threads.
final class ClientVoice: Sendable {
    private struct State {
        var reasons: [String] = []
        var lastError: LogError?
        var isConnected = true
        var refusal: Refusal?
        /// Why the last broker's certificate wasn't accepted: the log line that follows says only that it wasn't.
        var certificate: String?
        /// The last lines handed on, and when.
        var handedOn: [(text: String, atMs: Int64)] = []
    }

    private let state = Mutex(State())
    private let settings: ClientSettings
    private let log: (@Sendable (KafkaLogLine) -> Void)?

    init(_ settings: ClientSettings, log: (@Sendable (KafkaLogLine) -> Void)?) {
        self.settings = settings
        self.log = log
    }

    /// The last error that librdkafka reported and deals with itself; nil since the last success.
    var lastError: LogError? { state.withLock { $0.lastError } }
    /// False from the report that no broker can be reached until something arrives again.
    var isConnected: Bool { state.withLock { $0.isConnected } }
    /// That brokers refuse this client, where nothing succeeded since.
    var refusal: Refusal? { state.withLock { $0.refusal } }

    func line(level: Int32, facility: String, text: String) {
        // "[thrd:…]: 127.0.0.1:9092/bootstrap: Connect to … failed: Connection refused (after 0ms in state CONNECT)"
        let reason = text.hasPrefix("[thrd:") ? text.split(separator: "]: ", maxSplits: 1).last.map(String.init) ?? text : text
        let isFailure = level <= 4 && (facility == "FAIL" || facility == "ERROR")
        let nowMs = Deadline.now()
        let isNews = state.withLock { state in
            if isFailure { note(reason, nowMs, &state) }
            // Said again at each of its attempts, up to twenty times a second.
            let core = Self.withoutTimes(reason)
            state.handedOn.removeAll { nowMs - $0.atMs >= 10_000 }
            if state.handedOn.contains(where: { $0.text == core }) { return false }
            if state.handedOn.count == 16 { state.handedOn.removeFirst() }
            state.handedOn.append((core, nowMs))
            return true
        }
        if isNews { log?(KafkaLogLine(level: level, facility: facility, text: text)) }
    }

    private func note(_ reason: String, _ nowMs: Int64, _ state: inout State) {
        state.reasons.removeAll { $0 == reason }
        state.reasons.append(reason)
        if state.reasons.count > 3 { state.reasons.removeFirst() }
        guard var refusal = Refusal(Self.withoutTimes(reason), settings, nowMs: nowMs) else { return }
        if reason.contains("certificate verify failed"), let certificate = state.certificate { refusal.message = certificate }
        refusal.sinceMs = state.refusal?.sinceMs ?? nowMs
        state.refusal = refusal
    }

    /// "… (after 303ms in state AUTH_REQ, 1 identical error(s) suppressed)" without the end.
    private static func withoutTimes(_ reason: String) -> String {
        guard reason.hasSuffix(")"), let end = reason.ranges(of: " (after ").last else { return reason }
        return String(reason[..<end.lowerBound])
    }

    func certificateRefused(_ message: String) { state.withLock { $0.certificate = message } }

    func report(_ error: LogError) {
        state.withLock {
            $0.lastError = error
            if error.code == "log.unreachable" { $0.isConnected = false }
        }
    }

    func succeeded() {
        state.withLock {
            $0.lastError = nil
            $0.isConnected = true
            $0.reasons = []
            $0.refusal = nil
            $0.certificate = nil
        }
    }

    /// Why it couldn't connect, in librdkafka's words.
    var reason: String { state.withLock { $0.reasons.last ?? $0.lastError?.message ?? "no answer" } }
}
