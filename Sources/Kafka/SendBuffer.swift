// Hot path: per record.
internal import CRdkafka
internal import Log

/// Sorts a batch by topic and partition (stable: order within each stays) and hands it to librdkafka in long runs, since a
/// change of partition from record to record costs more than the rest of sending.
struct SendBuffer: ~Copyable {
    var topics: [OpaquePointer] = []
    private let bucketCount: Int
    /// By topic: its first bucket, and its number of partitions.
    private let first: UnsafeMutablePointer<Int32>
    private let partitions: UnsafeMutablePointer<Int32>
    private let topicCount: Int32
    /// By bucket: where its next record goes.
    private let positions: UnsafeMutablePointer<UInt32>
    /// By bucket: whether a record of it has been acknowledged.
    private let isOpen: UnsafeMutablePointer<Bool>
    private var messages: UnsafeMutablePointer<rd_kafka_message_t>
    private var capacity = 1024

    init(partitionCounts: [Int32]) {
        topicCount = Int32(partitionCounts.count)
        first = .allocate(capacity: max(partitionCounts.count, 1))
        partitions = .allocate(capacity: max(partitionCounts.count, 1))
        var buckets: Int32 = 0
        for (i, count) in partitionCounts.enumerated() {
            first[i] = buckets
            partitions[i] = count
            buckets += count
        }
        bucketCount = Int(buckets)
        positions = .allocate(capacity: max(bucketCount, 1))
        isOpen = .allocate(capacity: max(bucketCount, 1))
        isOpen.initialize(repeating: false, count: max(bucketCount, 1))
        messages = .allocate(capacity: capacity)
    }

    deinit {
        first.deallocate()
        partitions.deallocate()
        positions.deallocate()
        isOpen.deallocate()
        messages.deallocate()
    }

    mutating func closeTopics() {
        for topic in topics { rd_kafka_topic_destroy(topic) }
        topics = []
    }

    /// Puts the batch into `messages` in the order of topics and partitions. Returns the index of a record whose partition
    /// doesn't exist; nil: all do.
    mutating func sort(_ records: UnsafeBufferPointer<OutputRecord>) -> Int? {
        if records.count > capacity { grow(records.count) }
        positions.update(repeating: 0, count: bucketCount)
        for i in 0..<records.count {
            let topic = records[i].topic
            let partition = records[i].partition
            guard topic >= 0, topic < topicCount, partition >= 0, partition < partitions[Int(topic)] else { return i }
            positions[Int(first[Int(topic)] + partition)] += 1
        }
        var sum: UInt32 = 0
        for bucket in 0..<bucketCount {
            let count = positions[bucket]
            positions[bucket] = sum
            sum += count
        }
        for i in 0..<records.count {
            let bucket = Int(first[Int(records[i].topic)] + records[i].partition)
            let message = messages + Int(positions[bucket])
            positions[bucket] += 1
            message.initialize(to: rd_kafka_message_t())
            message.pointee.partition = records[i].partition
            message.pointee.payload = UnsafeMutableRawPointer(mutating: records[i].value.baseAddress)
            message.pointee.len = records[i].value.count
            message.pointee.key = UnsafeMutableRawPointer(mutating: records[i].key.baseAddress)
            message.pointee.key_len = records[i].key.count
            message.pointee.offset = Int64(i)  // where its headers are; produce doesn't look at it
        }
        return nil
    }

    /// Hands everything over; blocks while librdkafka's queue is full. Records that it refuses are remembered as failed.
    func produce(_ client: Client, _ records: UnsafeBufferPointer<OutputRecord>) {
        produce(client, records, 0..<records.count)
    }

    /// Hands over the first record of each partition that none was written to yet. False: there is none.
    ///
    /// A broker that knows nothing of a producer takes any sequence number for its first. So where the first of several requests on
    /// their way is refused (the partition was just made, its leader isn't ready) and the second isn't, the first is taken for a
    /// repetition when it comes again: it is acknowledged and lost. In transactions brokers look (KIP-890, from 3.6 on).
    @inline(never)
    func produceFirsts(_ client: Client, _ records: UnsafeBufferPointer<OutputRecord>) -> Bool {
        var found = false
        forEachBucket { bucket, range in
            guard !isOpen[bucket] else { return }
            found = true
            produce(client, records, range.lowerBound..<(range.lowerBound + 1))
        }
        return found
    }

    /// Hands over what stands behind the firsts, once they are acknowledged.
    @inline(never)
    func produceOthers(_ client: Client, _ records: UnsafeBufferPointer<OutputRecord>) {
        forEachBucket { bucket, range in
            produce(client, records, (isOpen[bucket] ? range.lowerBound : range.lowerBound + 1)..<range.upperBound)
            isOpen[bucket] = true
        }
    }

    /// The sorted batch's partitions and where their records stand in it.
    private func forEachBucket(_ body: (Int, Range<Int>) -> Void) {
        var start = 0
        for bucket in 0..<bucketCount {
            let end = Int(positions[bucket])
            if start < end { body(bucket, start..<end) }
            start = end
        }
    }

    private func produce(_ client: Client, _ records: UnsafeBufferPointer<OutputRecord>, _ range: Range<Int>) {
        var from = range.lowerBound
        while from < range.upperBound {
            let source = records[Int(messages[from].offset)]
            if source.headers.count > 0 {
                produceOne(client, messages + from, source)
                from += 1
                continue
            }
            var end = from + 1
            while end < range.upperBound, records[Int(messages[end].offset)].topic == source.topic,
                records[Int(messages[end].offset)].headers.count == 0
            { end += 1 }
            produceRun(client, topics[Int(source.topic)], from: from, count: end - from)
            from = end
        }
    }

    private func produceRun(_ client: Client, _ topic: OpaquePointer, from: Int, count: Int) {
        let run = messages + from
        let taken = rd_kafka_produce_batch(
            topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_PARTITION | RD_KAFKA_MSG_F_COPY, run, Int32(count))
        if Int(taken) != count { finishRun(client, topic, run, count) }
    }

    /// Goes on with those that weren't taken. After the first that finds the queue full librdkafka takes none of the call, so
    /// the order stays.
    @inline(never)
    private func finishRun(
        _ client: Client, _ topic: OpaquePointer, _ run: UnsafeMutablePointer<rd_kafka_message_t>, _ count: Int
    ) {
        var left = count
        while true {
            var full = 0
            for i in 0..<left {
                let error = run[i].err
                if error == RD_KAFKA_RESP_ERR__QUEUE_FULL {
                    run[full] = run[i]
                    run[full].err = RD_KAFKA_RESP_ERR_NO_ERROR
                    full += 1
                } else if error.rawValue != 0 {
                    refuse(client, topic, run[i], error)
                }
            }
            left = full
            if left == 0 { return }
            rd_kafka_poll(client.handle, 100)  // waits for reports, which make room
            rd_kafka_produce_batch(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_PARTITION | RD_KAFKA_MSG_F_COPY, run, Int32(left))
        }
    }

    @inline(never)
    private func produceOne(
        _ client: Client, _ message: UnsafeMutablePointer<rd_kafka_message_t>, _ source: OutputRecord
    ) {
        let topic = topics[Int(source.topic)]
        let headers = rd_kafka_headers_new(source.headers.count)
        for header in source.headers {
            _ = rd_kafka_header_add(
                headers, header.name.baseAddress?.assumingMemoryBound(to: CChar.self), header.name.count,
                header.value.baseAddress, header.value.count)
        }
        while true {
            let error = etl_produce(
                client.handle, topic, source.partition, message.pointee.key, message.pointee.key_len,
                message.pointee.payload, message.pointee.len, headers, nil)
            if error.rawValue == 0 { return }
            if error == RD_KAFKA_RESP_ERR__QUEUE_FULL {
                rd_kafka_poll(client.handle, 100)
                continue
            }
            rd_kafka_headers_destroy(headers)
            refuse(client, topic, message.pointee, error)
            return
        }
    }

    /// librdkafka won't report on this record: it is done, and has failed.
    @inline(never)
    private func refuse(
        _ client: Client, _ topic: OpaquePointer, _ message: rd_kafka_message_t, _ error: rd_kafka_resp_err_t
    ) {
        etl_remember_failure(
            client.state, error, rd_kafka_topic_name(topic), message.partition, message.len + message.key_len,
            rd_kafka_err2str(error))
    }

    @inline(never)
    private mutating func grow(_ wanted: Int) {
        messages.deallocate()
        capacity = max(wanted, capacity * 2)
        messages = .allocate(capacity: capacity)
    }
}
