// What Swift can't call of librdkafka (unions, variadic functions), and the callbacks that run once for each message or
// inside librdkafka's own loops: they only write down what happened, in an etl_client, for Swift to read afterwards.
#ifndef CRDKAFKA_SHIM_H
#define CRDKAFKA_SHIM_H
#include <dlfcn.h>
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// A change of assignment that librdkafka announced and that hasn't been answered yet.
struct etl_rebalance {
    rd_kafka_resp_err_t err;
    rd_kafka_topic_partition_list_t *partitions;
};

// One librdkafka instance's opaque. Everything but `context` belongs to the thread that polls the instance.
struct etl_client {
    void *context; // Swift's object for log lines and errors, which come on any thread

    // Consumer.
    int waiting; // in rd_kafka_consumer_poll, where rd_kafka_yield loses nothing (in the batch call it may)
    int closing; // nobody will answer any more: the callback does
    struct etl_rebalance rebalances[16]; // librdkafka waits for each answer, so there is one at a time
    int rebalance_count;

    // Producer.
    int64_t failed; // failed reports since the failure was last cleared; what follows is of the first of them
    rd_kafka_resp_err_t failed_err;
    int32_t failed_partition;
    size_t failed_bytes;
    char failed_topic[256];
    char failed_reason[512];
};

static inline void etl_rebalance_cb(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *partitions,
                                    void *opaque) {
    struct etl_client *client = (struct etl_client *)opaque;
    if (client->closing || client->rebalance_count == 16) {
        // NULL where the group is being taken down: the assignment goes with it.
        const char *protocol = rd_kafka_rebalance_protocol(rk);
        if (!protocol || strcmp(protocol, "COOPERATIVE") != 0) rd_kafka_assign(rk, NULL);
        else {
            rd_kafka_error_t *error = err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? rd_kafka_incremental_assign(rk, partitions)
                                                                                  : rd_kafka_incremental_unassign(rk, partitions);
            if (error) rd_kafka_error_destroy(error);
        }
        return;
    }
    struct etl_rebalance *r = &client->rebalances[client->rebalance_count++];
    r->err = err;
    r->partitions = rd_kafka_topic_partition_list_copy(partitions);
    if (client->waiting) rd_kafka_yield(rk);
}

static inline void etl_remember_failure(struct etl_client *client, rd_kafka_resp_err_t err, const char *topic, int32_t partition,
                                        size_t bytes, const char *reason) {
    if (client->failed++) return;
    client->failed_err = err;
    client->failed_partition = partition;
    client->failed_bytes = bytes;
    strncpy(client->failed_topic, topic ? topic : "", sizeof client->failed_topic - 1);
    strncpy(client->failed_reason, reason ? reason : "", sizeof client->failed_reason - 1);
}

static inline void etl_delivery_cb(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
    struct etl_client *client = (struct etl_client *)opaque;
    (void)rk;
    if (m->err)
        etl_remember_failure(client, m->err, rd_kafka_topic_name(m->rkt), m->partition, m->len + m->key_len,
                             rd_kafka_err2str(m->err));
}

static inline struct etl_client *etl_client_new(void *context) {
    struct etl_client *client = (struct etl_client *)calloc(1, sizeof *client);
    if (!client) return NULL;
    client->context = context;
    return client;
}

static inline void etl_client_free(struct etl_client *client) {
    for (int i = 0; i < client->rebalance_count; i++) rd_kafka_topic_partition_list_destroy(client->rebalances[i].partitions);
    free(client);
}

// Takes the oldest unanswered change out; the caller owns its list.
static inline struct etl_rebalance etl_take_rebalance(struct etl_client *client) {
    struct etl_rebalance first = client->rebalances[0];
    client->rebalance_count--;
    memmove(&client->rebalances[0], &client->rebalances[1], sizeof first * (size_t)client->rebalance_count);
    return first;
}

static inline void etl_conf_consumer(rd_kafka_conf_t *conf) { rd_kafka_conf_set_rebalance_cb(conf, etl_rebalance_cb); }
static inline void etl_conf_producer(rd_kafka_conf_t *conf) { rd_kafka_conf_set_dr_msg_cb(conf, etl_delivery_cb); }

// From now on the callback answers by itself; what is unanswered is answered, as librdkafka waits for that.
static inline void etl_close_rebalances(rd_kafka_t *rk, struct etl_client *client) {
    client->closing = 1;
    while (client->rebalance_count > 0) {
        struct etl_rebalance change = etl_take_rebalance(client);
        etl_rebalance_cb(rk, change.err, change.partitions, client);
        rd_kafka_topic_partition_list_destroy(change.partitions);
    }
}

// Waits for one message; comes back early when there is a change of assignment to answer.
static inline rd_kafka_message_t *etl_wait(rd_kafka_t *rk, struct etl_client *client, int timeout_ms) {
    client->waiting = 1;
    rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, timeout_ms);
    client->waiting = 0;
    return m;
}

static inline void etl_prefetch_message(const rd_kafka_message_t *m) {
    __builtin_prefetch(m);
    __builtin_prefetch((const char *)m + 64);
    __builtin_prefetch((const char *)m + 128);
}

// Whether a consumed message certainly has no headers. rd_kafka_message_headers takes as long as all the rest of consuming to
// find that out: it makes a buffer object each time. What a record's headers are read from stands behind the public part of the
// message since librdkafka 1.0 (rdkafka_msg.h: rkm_u.consumer.binhdrs): {int32 length; pointer}. That this is so is checked
// with each message: in the record's wire format (KIP-98, magic 2) the headers follow the value, so the pointer must be the value's
// end. Where it isn't, the answer is "perhaps", and rd_kafka_message_headers is asked. The message is the first member of a
// larger structure, so these bytes are always there.
static inline int etl_has_no_headers(const rd_kafka_message_t *m) {
    struct { int32_t length; const unsigned char *start; } headers;
    if (!m->payload) return 0;
    memcpy(&headers, (const char *)m + sizeof *m + 48, sizeof headers);
    return headers.start == (const unsigned char *)m->payload + m->len && headers.length == 1 && headers.start[0] == 0;
}

// What brokers allow this client on a topic (KIP-430): a bit for each rd_kafka_AclOperation_t. -1: this librdkafka can't ask (2.3
// and newer can; looked up at run time, since Debian's headers don't have it). -2: no answer.
static inline int64_t etl_topic_operations(rd_kafka_t *rk, const char *topic, int timeout_ms) {
    void *(*of_names)(const char **, size_t) = (void *(*)(const char **, size_t))dlsym(NULL, "rd_kafka_TopicCollection_of_topic_names");
    void (*free_names)(void *) = (void (*)(void *))dlsym(NULL, "rd_kafka_TopicCollection_destroy");
    rd_kafka_error_t *(*include)(rd_kafka_AdminOptions_t *, int) = (rd_kafka_error_t * (*)(rd_kafka_AdminOptions_t *, int))
        dlsym(NULL, "rd_kafka_AdminOptions_set_include_authorized_operations");
    void (*describe)(rd_kafka_t *, const void *, const rd_kafka_AdminOptions_t *, rd_kafka_queue_t *) =
        (void (*)(rd_kafka_t *, const void *, const rd_kafka_AdminOptions_t *, rd_kafka_queue_t *))dlsym(NULL, "rd_kafka_DescribeTopics");
    const void *(*result)(rd_kafka_event_t *) = (const void *(*)(rd_kafka_event_t *))dlsym(NULL, "rd_kafka_event_DescribeTopics_result");
    const void **(*topics)(const void *, size_t *) =
        (const void **(*)(const void *, size_t *))dlsym(NULL, "rd_kafka_DescribeTopics_result_topics");
    const rd_kafka_AclOperation_t *(*allowed)(const void *, size_t *) =
        (const rd_kafka_AclOperation_t *(*)(const void *, size_t *))dlsym(NULL, "rd_kafka_TopicDescription_authorized_operations");
    if (!of_names || !free_names || !include || !describe || !result || !topics || !allowed) return -1;

    int64_t operations = -2;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_ANY);
    void *names = of_names(&topic, 1);
    rd_kafka_error_t *error = include(options, 1);
    if (error) rd_kafka_error_destroy(error);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, NULL, 0);
    describe(rk, names, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + 1000);
    size_t topic_count = 0, count = 0;
    if (event && !rd_kafka_event_error(event) && result(event)) {
        const void **found = topics(result(event), &topic_count);
        const rd_kafka_AclOperation_t *list = topic_count == 1 ? allowed(found[0], &count) : NULL;
        if (list) operations = 0;
        for (size_t i = 0; list && i < count; i++) operations |= (int64_t)1 << list[i];
    }
    if (event) rd_kafka_event_destroy(event);
    free_names(names);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return operations;
}

// rd_kafka_produceva takes an array of unions. Takes `headers` over when it succeeds.
static inline rd_kafka_resp_err_t etl_produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, int32_t partition, void *key, size_t key_len,
                                       void *value, size_t value_len, rd_kafka_headers_t *headers, void *opaque) {
    rd_kafka_vu_t v[7];
    v[0].vtype = RD_KAFKA_VTYPE_RKT;       v[0].u.rkt = topic;
    v[1].vtype = RD_KAFKA_VTYPE_PARTITION; v[1].u.i32 = partition;
    v[2].vtype = RD_KAFKA_VTYPE_KEY;       v[2].u.mem.ptr = key;   v[2].u.mem.size = key_len;
    v[3].vtype = RD_KAFKA_VTYPE_VALUE;     v[3].u.mem.ptr = value; v[3].u.mem.size = value_len;
    v[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS;  v[4].u.i = RD_KAFKA_MSG_F_COPY;
    v[5].vtype = RD_KAFKA_VTYPE_OPAQUE;    v[5].u.ptr = opaque;
    v[6].vtype = RD_KAFKA_VTYPE_HEADERS;   v[6].u.headers = headers;
    rd_kafka_error_t *error = rd_kafka_produceva(rk, v, 7);
    if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    return code;
}
#endif
