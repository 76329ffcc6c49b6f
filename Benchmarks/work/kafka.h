// What the tools and the rivals share: librdkafka's settings, the clock.
#ifndef BENCH_KAFKA_H
#define BENCH_KAFKA_H
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

__attribute__((noreturn)) static inline void fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(2);
}

static inline void set(rd_kafka_conf_t *conf, const char *key, const char *value) {
    char error[256];
    if (rd_kafka_conf_set(conf, key, value, error, sizeof error)) fail(error);
}

/// A configuration with the broker in it.
static inline rd_kafka_conf_t *conf_for(const char *bootstrap) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap ? bootstrap : "127.0.0.1:9092");
    set(conf, "log_level", "3");
    return conf;
}

/// Takes over the configuration.
static inline rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
    char error[256];
    rd_kafka_t *made = rd_kafka_new(type, conf, error, sizeof error);
    if (!made) fail(error);
    return made;
}

static inline int64_t nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static inline double seconds(void) { return (double)nanoseconds() / 1e9; }
#endif
