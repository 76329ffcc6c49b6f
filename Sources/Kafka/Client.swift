internal import CRdkafka
internal import Glibc
internal import Log
internal import Synchronization

/// What a librdkafka instance said of itself, from any of its threads.
final class ClientVoice: Sendable {
    private struct State {
        var reasons: [String] = []
        var lastError: LogError?
        var isConnected = true
    }

    private let state = Mutex(State())
    private let log: (@Sendable (KafkaLogLine) -> Void)?

    init(log: (@Sendable (KafkaLogLine) -> Void)?) { self.log = log }

    /// The last error that librdkafka reported and deals with itself; nil since the last success.
    var lastError: LogError? { state.withLock { $0.lastError } }
    /// False from the report that no broker can be reached until something arrives again.
    var isConnected: Bool { state.withLock { $0.isConnected } }

    func line(level: Int32, facility: String, text: String) {
        if level <= 4, facility == "FAIL" || facility == "ERROR" {
            // "[thrd:…]: 127.0.0.1:9092/bootstrap: Connect to … failed: Connection refused (after 0ms in state CONNECT)"
            let reason = text.hasPrefix("[thrd:") ? text.split(separator: "]: ", maxSplits: 1).last.map(String.init) ?? text : text
            state.withLock {
                $0.reasons.removeAll { $0 == reason }
                $0.reasons.append(reason)
                if $0.reasons.count > 3 { $0.reasons.removeFirst() }
            }
        }
        log?(KafkaLogLine(level: level, facility: facility, text: text))
    }

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
        }
    }

    /// Why it couldn't connect, in librdkafka's words.
    var reason: String { state.withLock { $0.reasons.last ?? $0.lastError?.message ?? "no answer" } }
}

/// A librdkafka instance. Used by one thread at a time.
final class Client {
    let handle: OpaquePointer
    let state: UnsafeMutablePointer<etl_client>
    let voice: ClientVoice
    let servers: String
    private var isDestroyed = false
    var nextProbe = Deadline(0)
    /// It works again as far as known, but nobody asked.
    var isDoubtful = false

    init(
        _ type: rd_kafka_type_t, _ properties: consuming Properties, servers: String,
        log: (@Sendable (KafkaLogLine) -> Void)?
    ) throws(LogError) {
        voice = ClientVoice(log: log)
        self.servers = servers
        let context = Unmanaged.passRetained(voice)
        guard let state = etl_client_new(context.toOpaque()) else {
            context.release()
            throw LogError(.fatal, code: "log.fatal", "no memory for a Kafka client")
        }
        let conf = properties.take()
        rd_kafka_conf_set_opaque(conf, state)
        rd_kafka_conf_set_log_cb(conf) { handle, level, facility, text in
            guard let handle, let facility, let text, let voice = Client.voice(rd_kafka_opaque(handle)) else { return }
            voice.line(level: level, facility: String(cString: facility), text: String(cString: text))
        }
        rd_kafka_conf_set_error_cb(conf) { handle, code, text, opaque in
            guard let handle, let voice = Client.voice(opaque) else { return }
            var error = rd_kafka_resp_err_t(code)
            var reason = text.map { String(cString: $0) } ?? ""
            if error == RD_KAFKA_RESP_ERR__FATAL {
                var buffer = [CChar](repeating: 0, count: 512)
                error = rd_kafka_fatal_error(handle, &buffer, buffer.count)
                reason = string(buffer)
            }
            voice.report(KafkaErrors.error(error, "Kafka client \(String(cString: rd_kafka_name(handle)))", reason: reason))
        }
        if type == RD_KAFKA_CONSUMER { etl_conf_consumer(conf) } else { etl_conf_producer(conf) }
        var text = [CChar](repeating: 0, count: 512)
        guard let handle = rd_kafka_new(type, conf, &text, text.count) else {
            rd_kafka_conf_destroy(conf)
            etl_client_free(state)
            context.release()
            throw LogError(
                .configuration, code: "log.property_value", "Kafka's client can't be made with these properties: \(string(text))")
        }
        self.handle = handle
        self.state = state
    }

    private static func voice(_ opaque: UnsafeMutableRawPointer?) -> ClientVoice? {
        guard let context = opaque?.assumingMemoryBound(to: etl_client.self).pointee.context else { return nil }
        return Unmanaged<ClientVoice>.fromOpaque(context).takeUnretainedValue()
    }

    deinit { destroy(waitMs: 0) }

    /// Waits until a broker answers. Throws what keeps it from doing so.
    func connect(timeoutMs: Int64) throws(LogError) {
        let deadline = Deadline(timeoutMs)
        while true {
            var metadata: UnsafePointer<rd_kafka_metadata>?
            let error = rd_kafka_metadata(handle, 0, nil, &metadata, deadline.slice(500))
            if error.rawValue == 0 {
                rd_kafka_metadata_destroy(metadata)
                voice.succeeded()
                return
            }
            while rd_kafka_poll(handle, 0) > 0 {}
            if let said = voice.lastError, said.kind == .configuration { throw unreachable(said.kind, said.code, said.cause) }
            let (kind, code) = KafkaErrors.classify(error)
            if kind != .retriable || deadline.isOver {
                throw unreachable(kind, kind == .retriable ? "log.unreachable" : code, KafkaErrors.name(error))
            }
        }
    }

    /// That the brokers can't be reached, with librdkafka's reason.
    func unreachable(_ kind: LogError.Kind, _ code: String, _ cause: String) -> LogError {
        LogError(kind, code: code, "Kafka at \(servers) can't be reached: \(voice.reason)", cause: cause)
    }

    /// Destroys the instance on a thread of its own (librdkafka waits for its threads, which may be stuck in a name lookup),
    /// and waits for that at most `waitMs`.
    func destroy(waitMs: Int) {
        guard !isDestroyed else { return }
        isDestroyed = true
        etl_close_rebalances(handle, state)
        let remains = Remains(handle: handle, state: state)
        let work = Unmanaged.passRetained(remains)
        var thread = pthread_t()
        let failed = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Remains>.fromOpaque(argument).takeRetainedValue().destroy()
                return nil
            }, work.toOpaque())
        if failed != 0 { return }  // no thread to be had: the instance is left to the end of the process
        pthread_detach(thread)
        let deadline = Deadline(Int64(waitMs))
        while !remains.isGone.load(ordering: .acquiring), !deadline.isOver { pause(ms: 5) }
    }

    /// What is left of a client when nobody uses it any more.
    private final class Remains {
        let isGone = Atomic(false)
        let handle: OpaquePointer
        let state: UnsafeMutablePointer<etl_client>

        init(handle: OpaquePointer, state: UnsafeMutablePointer<etl_client>) {
            self.handle = handle
            self.state = state
        }

        func destroy() {
            rd_kafka_destroy(handle)
            if let context = state.pointee.context { Unmanaged<ClientVoice>.fromOpaque(context).release() }
            etl_client_free(state)
            isGone.store(true, ordering: .releasing)
        }
    }
}

/// A point in time until which something is tried. Monotonic.
struct Deadline {
    private let end: Int64

    init(_ timeoutMs: Int64) { end = Self.now() &+ timeoutMs }

    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    var isOver: Bool { Self.now() >= end }
    var remainingMs: Int64 { max(0, end - Self.now()) }
    /// What remains, at most `limit`, at least 1.
    func slice(_ limit: Int64) -> Int32 { Int32(max(1, min(limit, remainingMs))) }
}
