// fill TOPIC < "key<TAB>value" lines: produces every line, idempotently. BOOTSTRAP names the broker. Status 1 if one was lost.
#include "kafka.h"
#include <string.h>

static long failed;

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk, (void)opaque;
    if (message->err) failed++;
}

int main(int argc, char **argv) {
    if (argc != 2) fail("fill TOPIC");
    rd_kafka_conf_t *conf = conf_for(getenv("BOOTSTRAP"));
    set(conf, "enable.idempotence", "true");
    set(conf, "linger.ms", "20");
    set(conf, "batch.size", "1000000");
    set(conf, "message.max.bytes", "1000000");
    set(conf, "queue.buffering.max.messages", "500000");
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, conf);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    long count = 0;
    while ((length = getline(&line, &capacity, stdin)) > 0) {
        if (line[length - 1] == '\n') length--;
        char *tab = memchr(line, '\t', (size_t)length), *value = tab ? tab + 1 : line;
        size_t key_size = tab ? (size_t)(tab - line) : 0;
        for (;;) {
            rd_kafka_resp_err_t error = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(argv[1]), RD_KAFKA_V_KEY(line, key_size),
                                                          RD_KAFKA_V_VALUE(value, (size_t)(line + length - value)),
                                                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
            if (!error) break;
            if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail(rd_kafka_err2str(error));
            rd_kafka_poll(producer, 50);
        }
        if (!(++count & 0xfff)) rd_kafka_poll(producer, 0);
    }
    rd_kafka_flush(producer, 120000);
    failed += rd_kafka_outq_len(producer);
    rd_kafka_destroy(producer);
    printf("%ld produced, %ld failed\n", count, failed);
    return failed != 0;
}
