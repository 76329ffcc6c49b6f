internal import CRdkafka
public import Log

/// What is asked of brokers outside any stage.
extension KafkaLog {
    /// A new connected client for questions; `ask` has kept ones. A consumer's: it can't make topics by asking for them.
    func inquirer(group: String? = nil, committed: Bool = true) throws(LogError) -> Client {
        let properties = try consumerConfiguration(clientId: "etl-admin", memoryBytes: 1 << 20, group: group)
        if !committed { try properties.set("isolation.level", "read_uncommitted") }
        // It lives too short to be idle: a connection that is closed is closed for a reason.
        properties.tune("log.connection.close", true)
        let client = try Client(RD_KAFKA_CONSUMER, properties, servers: servers, log: log)
        try client.connect(timeoutMs: connectTimeoutMs)
        return client
    }

    public func describe(topics: [String]) throws(LogError) -> [TopicDescription?] {
        try ask { client throws(LogError) in
            try topics.map { topic throws(LogError) in try client.describe(topic, timeoutMs: connectTimeoutMs) }
        }
    }

    public func offsets(topic: String) throws(LogError) -> [PartitionRange] {
        try ask { client throws(LogError) in try ranges(topic, client) }
    }

    public func writtenOffsets(topic: String) throws(LogError) -> [PartitionRange] {
        try ranges(topic, try inquirer(committed: false))
    }

    private func ranges(_ topic: String, _ client: Client) throws(LogError) -> [PartitionRange] {
        guard let description = try client.describe(topic, timeoutMs: connectTimeoutMs) else { throw missing(topic) }
        return try client.ranges(topic: topic, partitions: description.partitions, timeoutMs: 30_000)
    }

    public func committedOffsets(group: String, topic: String) throws(LogError) -> [Int64?] {
        try ask(group: group) { client throws(LogError) in
            guard let description = try client.describe(topic, timeoutMs: connectTimeoutMs) else { throw missing(topic) }
            return try client.committed(group: group, topic: topic, Array(0..<description.partitions), isMember: false)
        }
    }

    public func create(topics: [NewTopic]) throws(LogError) -> [TopicCreation] {
        if topics.isEmpty { return [] }
        return try ask { client throws(LogError) in try create(topics, client) }
    }

    private func create(_ topics: [NewTopic], _ client: Client) throws(LogError) -> [TopicCreation] {
        var outcomes: [TopicCreation?] = Array(repeating: nil, count: topics.count)
        var requests: [OpaquePointer?] = []
        defer { for request in requests { rd_kafka_NewTopic_destroy(request) } }
        for (index, topic) in topics.enumerated() {
            switch newTopic(topic) {
            case .success(let request): requests.append(request)
            case .failure(let error): outcomes[index] = .failed(error)
            }
        }
        if !requests.isEmpty {
            let results = try send(requests, client)
            for (index, topic) in topics.enumerated() where outcomes[index] == nil {
                outcomes[index] =
                    results[topic.name]
                    ?? .failed(LogError(.retriable, code: "log.timed_out", "creating topic \(topic.name): no answer for it"))
            }
        }
        return outcomes.compactMap(\.self)
    }

    private func newTopic(_ topic: NewTopic) -> Result<OpaquePointer, LogError> {
        var text = [CChar](repeating: 0, count: 512)
        guard let request = rd_kafka_NewTopic_new(topic.name, topic.partitions, topic.replication, &text, text.count) else {
            return .failure(LogError(.configuration, code: "log.invalid", "creating topic \(topic.name): \(string(text))"))
        }
        for (name, value) in topic.properties.sorted(by: { $0.key < $1.key }) {
            let error = rd_kafka_NewTopic_set_config(request, name, value)
            if error.rawValue != 0 {
                rd_kafka_NewTopic_destroy(request)
                return .failure(KafkaErrors.error(error, "creating topic \(topic.name) with \(name)=\(value)"))
            }
        }
        return .success(request)
    }

    /// Asks the controller, and waits until the topics can be seen.
    private func send(_ requests: [OpaquePointer?], _ client: Client) throws(LogError) -> [String: TopicCreation] {
        guard let queue = rd_kafka_queue_new(client.handle),
            let options = rd_kafka_AdminOptions_new(client.handle, RD_KAFKA_ADMIN_OP_CREATETOPICS)
        else {
            throw LogError(.fatal, code: "log.fatal", "no memory to create topics")
        }
        defer {
            rd_kafka_AdminOptions_destroy(options)
            rd_kafka_queue_destroy(queue)
        }
        _ = rd_kafka_AdminOptions_set_request_timeout(options, 20_000, nil, 0)
        _ = rd_kafka_AdminOptions_set_operation_timeout(options, 15_000, nil, 0)
        var requests = requests
        rd_kafka_CreateTopics(client.handle, &requests, requests.count, options, queue)
        guard let event = rd_kafka_queue_poll(queue, 30_000) else {
            throw LogError(.retriable, code: "log.timed_out", "creating topics on Kafka at \(servers): no answer within 30 s")
        }
        defer { rd_kafka_event_destroy(event) }
        let error = rd_kafka_event_error(event)
        if error.rawValue != 0 {
            throw KafkaErrors.error(
                error, "creating topics on Kafka at \(servers)", reason: string(rd_kafka_event_error_string(event)))
        }
        var count = 0
        guard let result = rd_kafka_event_CreateTopics_result(event), let list = rd_kafka_CreateTopics_result_topics(result, &count)
        else {
            throw LogError(.fatal, code: "log.fatal", "creating topics on Kafka at \(servers): an answer of another kind")
        }
        var outcomes: [String: TopicCreation] = [:]
        for index in 0..<count {
            let name = string(rd_kafka_topic_result_name(list[index]))
            let error = rd_kafka_topic_result_error(list[index])
            if error.rawValue == 0 {
                outcomes[name] = .created
            } else if error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS {
                outcomes[name] = .existed
            } else {
                outcomes[name] = .failed(
                    KafkaErrors.error(
                        error, "creating topic \(name)", reason: string(rd_kafka_topic_result_error_string(list[index])),
                        client.rights("Create", topic: name)))
            }
        }
        for (name, outcome) in outcomes where outcome == .created { try waitUntilVisible(name, client) }
        return outcomes
    }

    /// A topic just made is unknown to other brokers for a moment.
    private func waitUntilVisible(_ topic: String, _ client: Client) throws(LogError) {
        let deadline = Deadline(10_000)
        while try client.describe(topic, timeoutMs: connectTimeoutMs) == nil, !deadline.isOver { client.pause(ms: 50) }
    }
}

extension Client {
    /// First offset and end of each partition (ListOffsets as a read-committed client asks it answers with the last stable offset).
    /// One request for all partitions of a broker.
    func ranges(topic: String, partitions: Int32, timeoutMs: Int64) throws(LogError) -> [PartitionRange] {
        let deadline = Deadline(timeoutMs)
        let first = try listOffsets(topic, partitions, at: Int64(RD_KAFKA_OFFSET_BEGINNING), deadline)
        let end = try listOffsets(topic, partitions, at: Int64(RD_KAFKA_OFFSET_END), deadline)
        return (0..<partitions).map { PartitionRange(partition: $0, first: first[Int($0)], end: end[Int($0)]) }
    }

    /// In the order of partitions. `time` goes into the request as it is: a timestamp, or what the protocol has for both ends.
    private func listOffsets(_ topic: String, _ partitions: Int32, at time: Int64, _ deadline: Deadline) throws(LogError) -> [Int64]
    {
        if partitions == 0 { return [] }
        while true {
            let list = PartitionList(topic: topic, (0..<partitions).map { PartitionOffset(partition: $0, offset: time) })
            let error = rd_kafka_offsets_for_times(handle, list.pointer, deadline.slice(5000))
            let offsets = list.elements.map(\.offset)
            if error.rawValue == 0, list.firstError == nil, offsets.allSatisfy({ $0 >= 0 }) { return offsets }
            // An answer that leaves a partition out is none.
            let whole = error.rawValue == 0 ? RD_KAFKA_RESP_ERR__TIMED_OUT : error
            let (cause, partition) = list.firstError ?? (whole, -1)
            let place = partition < 0 ? "" : ", partition \(partition)"
            let failure = KafkaErrors.error(cause, "asking for the offsets of topic \(topic)\(place)", rights(topic: topic))
            if failure.kind != .retriable || deadline.isOver { throw failure }
            pause(ms: 50)
        }
    }
}

/// The text of a C string; empty where there is none.
func string(_ pointer: UnsafePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }
