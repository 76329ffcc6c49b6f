internal import CRdkafka
internal import Log

/// librdkafka's list of partitions, destroyed with this value.
struct PartitionList: ~Copyable {
    let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(capacity: Int = 8) {
        pointer = rd_kafka_topic_partition_list_new(Int32(clamping: capacity))
    }

    /// Takes a list over.
    init(owning pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) { self.pointer = pointer }

    init(topic: String, _ partitions: some Sequence<Int32>) {
        self.init()
        for partition in partitions { rd_kafka_topic_partition_list_add(pointer, topic, partition) }
    }

    init(topic: String, _ offsets: some Sequence<PartitionOffset>) {
        self.init()
        for at in offsets { rd_kafka_topic_partition_list_add(pointer, topic, at.partition).pointee.offset = at.offset }
    }

    deinit { rd_kafka_topic_partition_list_destroy(pointer) }

    var elements: UnsafeMutableBufferPointer<rd_kafka_topic_partition_t> {
        UnsafeMutableBufferPointer(start: pointer.pointee.elems, count: Int(pointer.pointee.cnt))
    }

    var partitions: [Int32] { elements.map(\.partition) }

    /// The first element's error that there is.
    var firstError: (error: rd_kafka_resp_err_t, partition: Int32)? {
        for element in elements where element.err.rawValue != 0 { return (element.err, element.partition) }
        return nil
    }
}
