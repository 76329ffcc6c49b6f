// w1 IN OUT N: copies N records, key, value and partition unchanged, with an idempotent producer, then commits. About the least
// work that does it on librdkafka: a batch call to read, a batch call to write, no checks of the records.
#include "../work/kafka.h"
#include <string.h>

enum { BATCH = 1000 };
static long failed;

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk, (void)opaque;
    if (message->err) failed++;
}

static rd_kafka_t *consumer(const char *in) {
    char group[64];
    snprintf(group, sizeof group, "w1-%lld", (long long)nanoseconds());
    rd_kafka_conf_t *conf = conf_for(getenv("BOOTSTRAP"));
    set(conf, "group.id", group);
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.auto.offset.store", "false");
    set(conf, "fetch.min.bytes", "262144");
    set(conf, "fetch.wait.max.ms", "50");
    set(conf, "queued.min.messages", "200000");
    set(conf, "queued.max.messages.kbytes", "65536");
    set(conf, "check.crcs", "false");
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, in, RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return rk;
}

static rd_kafka_t *producer(void) {
    rd_kafka_conf_t *conf = conf_for(getenv("BOOTSTRAP"));
    set(conf, "enable.idempotence", "true");
    set(conf, "acks", "all");
    set(conf, "linger.ms", "20");
    set(conf, "batch.size", "1000000");
    set(conf, "batch.num.messages", "10000");
    set(conf, "queue.buffering.max.messages", "200000");
    set(conf, "queue.buffering.max.kbytes", "131072");
    set(conf, "delivery.report.only.error", "true");
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    return client(RD_KAFKA_PRODUCER, conf);
}

static void send_all(rd_kafka_t *rk, rd_kafka_topic_t *topic, rd_kafka_message_t *records, int left) {
    for (;;) {
        int sent = rd_kafka_produce_batch(topic, 0, RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_PARTITION, records, left);
        if (sent == left) return;
        int waiting = 0;
        for (int i = 0; i < left; i++) {
            if (!records[i].err) continue;
            if (records[i].err != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail(rd_kafka_err2str(records[i].err));
            records[waiting++] = records[i];
        }
        left = waiting;
        rd_kafka_poll(rk, 10);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) fail("w1 IN OUT N");
    long wanted = atol(argv[3]), got = 0;
    rd_kafka_t *from = consumer(argv[1]), *to = producer();
    rd_kafka_topic_t *topic = rd_kafka_topic_new(to, argv[2], NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(from);
    static rd_kafka_message_t *read[BATCH], written[BATCH];
    while (got < wanted) {
        ssize_t size = rd_kafka_consume_batch_queue(queue, 100, read, BATCH);
        int count = 0;
        for (ssize_t i = 0; i < size; i++) {
            rd_kafka_message_t *m = read[i];
            if (m->err) continue;
            written[count++] = (rd_kafka_message_t){
                .payload = m->payload, .len = m->len, .key = m->key, .key_len = m->key_len, .partition = m->partition};
        }
        got += count;
        if (count) send_all(to, topic, written, count);
        for (ssize_t i = 0; i < size; i++) rd_kafka_message_destroy(read[i]);
        rd_kafka_poll(to, 0);
    }
    rd_kafka_flush(to, 60000);
    rd_kafka_topic_partition_list_t *positions = NULL;
    rd_kafka_assignment(from, &positions);
    rd_kafka_position(from, positions);
    rd_kafka_commit(from, positions, 0);
    rd_kafka_topic_partition_list_destroy(positions);
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(from);
    rd_kafka_destroy(from);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(to);
    return failed != 0;
}
