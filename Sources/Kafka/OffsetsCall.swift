internal import CRdkafka
internal import Glibc
internal import Log

/// Offsets on their way into a transaction: rd_kafka_send_offsets_to_transaction, called by a thread of its own.
///
/// The call keeps to its timeout only while brokers are connected. When they go away in its midst, librdkafka (2.0 to 2.16, at
/// least) waits for the group's coordinator to come back (rdkafka_coord.c, rd_kafka_coord_req_fsm), which nothing ends: no timeout,
/// no other call, and the instance can't be destroyed under it. Who waits here can leave and come back, or leave for good.
///
/// Unchecked: what changes is guarded by the monitor; the rest is only read, and librdkafka's calls may be made by any thread.
final class OffsetsCall: @unchecked Sendable {
    let offsets: [PartitionOffset]
    let group: String
    private let client: Client
    private let list: PartitionList
    private let metadata: OpaquePointer
    private let timeoutMs: Int32
    private let monitor = Monitor()
    private var isOver = false
    private var isAbandoned = false
    private var error: OpaquePointer?

    /// - Parameter metadata: the group's; taken over.
    init(_ client: Client, topic: String, _ offsets: [PartitionOffset], group: String, metadata: OpaquePointer, timeoutMs: Int32) {
        self.client = client
        self.offsets = offsets
        self.group = group
        self.metadata = metadata
        self.timeoutMs = timeoutMs
        list = PartitionList(topic: topic, offsets)
    }

    deinit {
        rd_kafka_consumer_group_metadata_destroy(metadata)
        if let error { rd_kafka_error_destroy(error) }
    }

    /// Once. Throws where the system has no thread to give.
    func start() throws(LogError) {
        let work = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let failed = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<OffsetsCall>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, work.toOpaque())
        guard failed == 0 else {
            work.release()
            throw LogError(
                .retriable, code: "log.busy",
                "no thread to add offsets of group \(group) to a transaction: \(String(cString: strerror(failed)))")
        }
        pthread_detach(thread)
    }

    private func run() {
        let error = rd_kafka_send_offsets_to_transaction(client.handle, list.pointer, metadata, timeoutMs)
        monitor.enter()
        self.error = error
        isOver = true
        let isAbandoned = isAbandoned
        monitor.notifyAll()
        monitor.leave()
        if isAbandoned { client.destroy(waitMs: 0) }
    }

    /// Waits for librdkafka's answer. False: there is none yet.
    func wait(ms: Int32) -> Bool {
        let endMs = Deadline.now() + Int64(ms)
        monitor.enter()
        defer { monitor.leave() }
        while !isOver, Deadline.now() < endMs { monitor.wait(untilMonotonicMs: endMs) }
        return isOver
    }

    /// What librdkafka answered, for the caller to destroy; nil: it is done. To be asked once, when `wait` has said true.
    func takeError() -> OpaquePointer? {
        monitor.enter()
        defer { monitor.leave() }
        defer { error = nil }
        return error
    }

    /// The producer is closed. True: librdkafka is still at it, and the client is destroyed when it isn't any more.
    func abandon() -> Bool {
        monitor.enter()
        defer { monitor.leave() }
        isAbandoned = !isOver
        return isAbandoned
    }
}
