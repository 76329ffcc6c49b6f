import CRdkafka
import Testing

/// The callback that answers by itself while a client is being closed.
@Suite struct RebalanceCallbackTests {
    /// librdkafka has no protocol to tell of once the group is taken down, as of a client that never had one.
    @Test(arguments: [RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS])
    func aGroupThatIsGoneIsNoCrash(_ change: rd_kafka_resp_err_t) throws {
        let handle = try #require(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nil, 0))
        defer { rd_kafka_destroy(handle) }
        #expect(rd_kafka_rebalance_protocol(handle) == nil)
        let list = rd_kafka_topic_partition_list_new(1)
        defer { rd_kafka_topic_partition_list_destroy(list) }
        var client = etl_client()
        client.closing = 1
        etl_rebalance_cb(handle, change, list, &client)
        #expect(client.rebalance_count == 0)
    }
}
