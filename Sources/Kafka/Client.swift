internal import CRdkafka
internal import Glibc
internal import Log
internal import Synchronization

/// A librdkafka instance. Used by one thread at a time.
final class Client {
    let handle: OpaquePointer
    let state: UnsafeMutablePointer<etl_client>
    let voice: ClientVoice
    let servers: String
    let settings: ClientSettings
    private var isDestroyed = false
    var nextProbe = Deadline(0)
    /// It works again as far as known, but nobody asked.
    var isDoubtful = false

    init(
        _ type: rd_kafka_type_t, _ properties: consuming Properties, servers: String,
        log: (@Sendable (KafkaLogLine) -> Void)?
    ) throws(LogError) {
        settings = ClientSettings(properties)
        let isVerifying = properties.get("enable.ssl.certificate.verification") == "true"
        voice = ClientVoice(settings, log: log)
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
        if isVerifying { Self.explainCertificates(conf) }
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

    /// Whether a broker's certificate is accepted stays OpenSSL's to decide; this hears why not, which nothing else tells.
    private static func explainCertificates(_ conf: OpaquePointer?) {
        _ = rd_kafka_conf_set_ssl_cert_verify_cb(conf) { _, broker, _, error, depth, _, _, text, size, opaque in
            guard let error, error.pointee != 0 else { return 1 }
            let name = broker.map { String(cString: $0) } ?? ""
            let message = Refusal.certificate(error.pointee, depth: depth, broker: name)
            Client.voice(opaque)?.certificateRefused(message)
            if let text, size > 0 { strncpy(text, message, size - 1) }
            return 0
        }
    }

    private static func voice(_ opaque: UnsafeMutableRawPointer?) -> ClientVoice? {
        guard let context = opaque?.assumingMemoryBound(to: etl_client.self).pointee.context else { return nil }
        return Unmanaged<ClientVoice>.fromOpaque(context).takeUnretainedValue()
    }

    deinit { destroy(waitMs: 0) }

    /// Waits until a broker answers. Throws what keeps it from doing so: within a second or two where brokers refuse this
    /// client, else when the time is over.
    /// - Parameter topic: what to ask for, whether it exists or not; nil: one that each cluster has. A client that knows no topic
    ///   would be told of all there are, which takes brokers seconds where there are thousands, and hundreds of clients that start.
    func connect(asking topic: String? = nil, timeoutMs: Int64) throws(LogError) {
        let deadline = Deadline(timeoutMs)
        guard let object = rd_kafka_topic_new(handle, topic ?? "__consumer_offsets", nil) else {
            throw KafkaErrors.error(rd_kafka_last_error(), "connecting to Kafka at \(servers)")
        }
        defer { rd_kafka_topic_destroy(object) }
        while true {
            var metadata: UnsafePointer<rd_kafka_metadata>?
            let error = rd_kafka_metadata(handle, 0, object, &metadata, deadline.slice(500))
            if error.rawValue == 0 {
                rd_kafka_metadata_destroy(metadata)
                voice.succeeded()
                return
            }
            while rd_kafka_poll(handle, 0) > 0 {}
            if let refusal = voice.refusal { throw refusal.error(servers: servers) }
            let (kind, code) = KafkaErrors.classify(error)
            if kind != .retriable { throw unreachable(kind, code, KafkaErrors.name(error)) }
            if deadline.isOver {
                if let refusal = anotherLanguage() { throw refusal.error(servers: servers) }
                throw unreachable(kind, "log.unreachable", KafkaErrors.name(error))
            }
        }
    }

    /// Whether client and listener speak different protocols. Asked only where all attempts failed: a broker that goes down looks
    /// the same at first.
    private func anotherLanguage() -> Refusal? {
        let reason = voice.reason
        let isClosed = reason.contains("Disconnected") || reason.contains("Broken pipe")
        // UP: the broker has said its versions, then closed the connection at the first thing it was asked.
        if isClosed, reason.contains("in state UP"), !settings.usesLogin {
            return Refusal(
                code: "log.authentication",
                message: "closes the connection at the first request: it asks for a login. Write security.protocol: sasl_"
                    + "\(settings.usesTLS ? "ssl" : "plaintext"), sasl.mechanism, sasl.username and sasl.password", sinceMs: 0)
        }
        guard let (language, server) = ListenerProbe.language(of: servers, timeoutMs: 2000) else { return nil }
        if language == .tls, !settings.usesTLS {
            return Refusal(
                code: "log.tls",
                message: "can't be talked to in plaintext: \(server) speaks TLS. Write security.protocol: "
                    + (settings.usesLogin ? "sasl_ssl" : "ssl (or sasl_ssl, where it asks for a login)"), sinceMs: 0)
        }
        if language == .plaintext, settings.usesTLS {
            return Refusal(
                code: "log.tls",
                message: "can't be talked to in TLS: \(server) speaks plaintext. Name the port of a TLS listener, or write "
                    + "security.protocol: \(settings.usesLogin ? "sasl_plaintext" : "plaintext")", sinceMs: 0)
        }
        return nil
    }

    /// That brokers refuse this client, and have for longer than a restart or a change of passwords takes: it won't pass.
    var lastingRefusal: LogError? {
        guard let refusal = voice.refusal, Deadline.now() - refusal.sinceMs > 30_000 else { return nil }
        return refusal.error(servers: servers)
    }

    /// That the brokers can't be reached, with librdkafka's reason.
    func unreachable(_ kind: LogError.Kind, _ code: String, _ cause: String) -> LogError {
        LogError(kind, code: code, "Kafka at \(servers) can't be reached: \(voice.reason)", cause: cause)
    }

    /// What a request asks for, in this client's name.
    func rights(_ operation: String = "Describe", topic: String = "", group: String = "", transactionalId: String = "") -> Rights {
        Rights(settings: settings, operation: operation, topic: topic, group: group, transactionalId: transactionalId)
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

    static func now() -> Int64 { nowNs() / 1_000_000 }

    static func nowNs() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    var isOver: Bool { Self.now() >= end }
    var remainingMs: Int64 { max(0, end - Self.now()) }
    /// What remains, at most `limit`, at least 1.
    func slice(_ limit: Int64) -> Int32 { Int32(max(1, min(limit, remainingMs))) }
}
