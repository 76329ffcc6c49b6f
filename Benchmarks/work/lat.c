// lat IN OUT RATE SECONDS: produces orders to IN at RATE a second (linger 0), reads OUT as read_committed, prints percentiles of
// the milliseconds from produce to visible, matched by order_id. The first three seconds and the last are left out. Both topics
// have 6 partitions. With IN = OUT: the floor of the tool itself.
#include "kafka.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { PARTITIONS = 6, WARM_S = 3 };
static const char *bootstrap, *out;
static int64_t *sent, *seen;
static long total, base;
static atomic_long got;
static atomic_int ready, over;

static void *reader(void *unused) {
    (void)unused;
    rd_kafka_conf_t *conf = conf_for(bootstrap);
    set(conf, "group.id", "lat");
    set(conf, "isolation.level", "read_committed");
    set(conf, "fetch.wait.max.ms", "100");
    set(conf, "fetch.min.bytes", "1");
    set(conf, "fetch.error.backoff.ms", "1");
    set(conf, "enable.auto.commit", "false");
    rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int partition = 0; partition < PARTITIONS; partition++) {
        rd_kafka_topic_partition_list_add(list, out, partition)->offset = RD_KAFKA_OFFSET_END;
    }
    rd_kafka_assign(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_poll_set_consumer(consumer);
    usleep(500000); // until its fetches stand at the ends
    ready = 1;
    while (!over) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 50);
        if (!message) continue;
        int64_t now = nanoseconds();
        char *id = message->err ? NULL : memmem(message->payload, message->len, "\"o-", 3);
        long index = id ? atol(id + 3) - base : -1;
        if (index >= 0 && index < total && !seen[index]) {
            seen[index] = now;
            got++;
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return NULL;
}

static void offer(const char *in, long rate) {
    rd_kafka_conf_t *conf = conf_for(bootstrap);
    set(conf, "linger.ms", "0");
    set(conf, "acks", "1");
    set(conf, "partitioner", "murmur2_random");
    set(conf, "socket.nagle.disable", "true");
    rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, conf);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, in, NULL);
    int64_t start = nanoseconds(), step = 1000000000LL / rate;
    for (long i = 0; i < total; i++) {
        int64_t wait = start + i * step - nanoseconds();
        if (wait > 0) nanosleep(&(struct timespec){0, wait}, NULL);
        char key[32], value[400];
        int key_size = snprintf(key, sizeof key, "c-%06ld", i * 7919 % 100000);
        int size =
            snprintf(value, sizeof value,
                     "{\"order_id\":\"o-%09ld\",\"customer_id\":\"%s\",\"ts\":\"2026-01-01T00:00:00.000Z\",\"country\":\"DE\","
                     "\"currency\":\"EUR\",\"sku\":\"SKU-11895\",\"quantity\":2,\"unit_price\":309.12,\"status\":\"paid\","
                     "\"email\":\"user%s@example.com\"}",
                     base + i, key, key + 2);
        sent[i] = nanoseconds();
        if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value, (size_t)size, key, (size_t)key_size, NULL)) {
            fail(rd_kafka_err2str(rd_kafka_last_error()));
        }
        if (!(i & 63)) rd_kafka_poll(producer, 0);
    }
    rd_kafka_flush(producer, 5000);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 5) fail("lat IN OUT RATE SECONDS");
    long rate = atol(argv[3]);
    bootstrap = getenv("BOOTSTRAP");
    out = argv[2];
    total = rate * atol(argv[4]);
    if (total <= rate * (WARM_S + 1)) fail("lat: too short, the first three seconds and the last don't count");
    sent = calloc((size_t)total, sizeof *sent);
    seen = calloc((size_t)total, sizeof *seen);
    base = 500000000 + (nanoseconds() / 1000000 % 400000) * 1000; // an earlier run's orders aren't taken for this one's
    pthread_t thread;
    pthread_create(&thread, NULL, reader, NULL);
    while (!ready) usleep(1000);
    offer(argv[1], rate);
    for (int i = 0; i < 100 && got < total; i++) usleep(50000);
    over = 1;
    pthread_join(thread, NULL);

    int64_t *delays = malloc((size_t)total * sizeof *delays);
    long count = 0, missing = 0;
    for (long i = rate * WARM_S; i < total - rate; i++) {
        if (seen[i]) delays[count++] = seen[i] - sent[i];
        else missing++;
    }
    if (!count) fail("lat: not one record came out");
    qsort(delays, (size_t)count, sizeof *delays, compare);
    printf("n=%ld missing=%ld p50=%.2f p90=%.2f p99=%.2f p999=%.2f max=%.2f ms\n", count, missing, (double)delays[count / 2] / 1e6,
           (double)delays[count * 9 / 10] / 1e6, (double)delays[count * 99 / 100] / 1e6, (double)delays[count * 999 / 1000] / 1e6,
           (double)delays[count - 1] / 1e6);
    return 0;
}
