internal import CRdkafka
internal import Log

extension Client {
    /// The lowest and the highest `max.message.bytes` among topics; nil where it may not be asked for, or nobody answers in time.
    ///
    /// librdkafka makes batches of up to batch.size whatever the topic takes, and a broker refuses one that is too large with
    /// all its records, however small they are.
    func messageLimits(of topics: [String], timeoutMs: Int32) -> ClosedRange<Int>? {
        guard let queue = rd_kafka_queue_new(handle) else { return nil }
        defer { rd_kafka_queue_destroy(queue) }
        guard let options = rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS) else { return nil }
        defer { rd_kafka_AdminOptions_destroy(options) }
        _ = rd_kafka_AdminOptions_set_request_timeout(options, timeoutMs, nil, 0)
        var resources = Set(topics).sorted().map { rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, $0) }
        defer { for resource in resources { rd_kafka_ConfigResource_destroy(resource) } }
        rd_kafka_DescribeConfigs(handle, &resources, resources.count, options, queue)
        guard let event = rd_kafka_queue_poll(queue, timeoutMs + 1000) else { return nil }
        defer { rd_kafka_event_destroy(event) }
        guard rd_kafka_event_error(event).rawValue == 0, let result = rd_kafka_event_DescribeConfigs_result(event) else {
            return nil
        }
        var count = 0
        guard let found = rd_kafka_DescribeConfigs_result_resources(result, &count) else { return nil }
        var limits: ClosedRange<Int>?
        for index in 0..<count {
            var entryCount = 0
            guard let entries = rd_kafka_ConfigResource_configs(found[index], &entryCount) else { continue }
            for entry in 0..<entryCount where string(rd_kafka_ConfigEntry_name(entries[entry])) == "max.message.bytes" {
                guard let limit = Int(string(rd_kafka_ConfigEntry_value(entries[entry]))) else { continue }
                limits = min(limits?.lowerBound ?? limit, limit)...max(limits?.upperBound ?? limit, limit)
            }
        }
        return limits
    }
}
