// Topics, for the checker. BOOTSTRAP names the broker.
//   kadm create PARTITIONS TOPIC…
//   kadm delete TOPIC…
//   kadm partitions TOPIC…  TOPIC and how many of its partitions have a leader
//   kadm count TOPIC…       TOPIC, the records that a read_committed consumer sees, and their values' bytes
#include "kafka.h"
#include <string.h>

enum { TOPICS = 256 };

static int partitions(rd_kafka_t *rk, const char *name) {
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    const struct rd_kafka_metadata *metadata;
    int count = 0;
    if (!rd_kafka_metadata(rk, 0, topic, &metadata, 5000)) {
        for (int i = 0; i < metadata->topics[0].partition_cnt; i++) count += metadata->topics[0].partitions[i].leader >= 0;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
    return count;
}

static void count(rd_kafka_t *rk, const char *topic) {
    int open = partitions(rk, topic);
    long records = 0, bytes = 0;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(open);
    for (int partition = 0; partition < open; partition++) rd_kafka_topic_partition_list_add(list, topic, partition)->offset = 0;
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    while (open > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 10000);
        if (!message) break;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) open--;
        else if (!message->err) records++, bytes += (long)message->len;
        rd_kafka_message_destroy(message);
    }
    printf("%s %ld %ld\n", topic, records, bytes);
}

static int create_or_delete(rd_kafka_t *rk, int creating, int partition_count, char **names, int count) {
    char error[256];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_NewTopic_t *new_topics[TOPICS];
    rd_kafka_DeleteTopic_t *old_topics[TOPICS];
    for (int i = 0; i < count; i++) {
        if (creating) new_topics[i] = rd_kafka_NewTopic_new(names[i], partition_count, 1, error, sizeof error);
        else old_topics[i] = rd_kafka_DeleteTopic_new(names[i]);
    }
    if (creating) rd_kafka_CreateTopics(rk, new_topics, (size_t)count, NULL, queue);
    else rd_kafka_DeleteTopics(rk, old_topics, (size_t)count, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 60000);
    if (!event) return 1;
    size_t size = 0;
    const rd_kafka_topic_result_t **results =
        creating ? rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &size)
                 : rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &size);
    int failed = 0;
    for (size_t i = 0; i < size; i++) {
        if (!rd_kafka_topic_result_error(results[i])) continue;
        fprintf(stderr, "%s: %s\n", rd_kafka_topic_result_name(results[i]), rd_kafka_topic_result_error_string(results[i]));
        failed = 1;
    }
    return failed;
}

int main(int argc, char **argv) {
    if (argc < 3 || argc - 3 >= TOPICS) fail("kadm create PARTITIONS|delete|partitions|count TOPIC…");
    rd_kafka_conf_t *conf = conf_for(getenv("BOOTSTRAP"));
    set(conf, "group.id", "kadm");
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "enable.auto.commit", "false");
    set(conf, "isolation.level", "read_committed");
    set(conf, "enable.partition.eof", "true");
    set(conf, "allow.auto.create.topics", "false");
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(rk);
    if (!strcmp(argv[1], "create")) return create_or_delete(rk, 1, atoi(argv[2]), argv + 3, argc - 3);
    if (!strcmp(argv[1], "delete")) return create_or_delete(rk, 0, 0, argv + 2, argc - 2);
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[1], "partitions")) printf("%s %d\n", argv[i], partitions(rk, argv[i]));
        else count(rk, argv[i]);
    }
    return 0;
}
