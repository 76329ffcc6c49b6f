// w2 IN OUT N [--eos COMMIT_MS]: the steps of topologies/W2.yaml by hand, simdjson on-demand on librdkafka: parse, validate, look
// up, compute, drop; bad records to OUT.dlq with a header saying why. About the least work that does it. With N = 0 it runs until
// SIGTERM and doesn't wait for batches to fill. --eos: transactions, committed about every COMMIT_MS, with the offsets in them.
// BOOTSTRAP names the broker, COUNTRIES the table.
#include "../work/kafka.h"
#include <simdjson.h>
#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>
using namespace simdjson;

static constexpr int batchSize = 1000;
static std::atomic<bool> stop{false};
static long wanted = 0, failed = 0;
static int commitMs = 0;

struct Country {
    bool ok = false;
    std::string region;
    double vat = 0;
};
static Country table[26 * 26];

static void loadTable(const char *path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        auto a = line.find(','), b = line.find(',', a + 1);
        table[(line[0] - 'A') * 26 + line[1] - 'A'] = {true, line.substr(a + 1, b - a - 1), std::stod(line.substr(b + 1))};
    }
}

static const Country *find(std::string_view code) {
    if (code.size() != 2) return nullptr;
    unsigned a = code[0] - 'A', b = code[1] - 'A';
    if (a > 25 || b > 25) return nullptr;
    auto &country = table[a * 26 + b];
    return country.ok ? &country : nullptr;
}

enum Verdict { OUT, DROP, MALFORMED, MISSING, QUANTITY, PRICE, COUNTRY };
static const char *const reason[] = {"", "", "malformed", "missing", "quantity", "unit_price", "country"};
// The input is copied once into a padded buffer; the output is built in place.
struct Transform {
    ondemand::parser parser;
    std::vector<char> pad = std::vector<char>(1 << 16);
    std::vector<char> res = std::vector<char>(1 << 17);
    size_t len = 0;
    void put(std::string_view s) {
        memcpy(&res[len], s.data(), s.size());
        len += s.size();
    }
    void num(double d) {
        auto r = std::to_chars(&res[len], &res[len] + 32, d);
        len = r.ptr - res.data();
    }
    Verdict run(const char *p, size_t n) {
        if (n + SIMDJSON_PADDING > pad.size()) {
            pad.resize(n + SIMDJSON_PADDING);
            res.resize(2 * n + 256);
        }
        memcpy(pad.data(), p, n);
        len = 0;
        ondemand::document doc;
        if (parser.iterate(pad.data(), n, pad.size()).get(doc)) return MALFORMED;
        ondemand::object o;
        if (doc.get_object().get(o)) return MALFORMED;
        bool order = false, cust = false, refunded = false, qok = false, pok = false;
        int64_t q = 0;
        double price = 0;
        const Country *c = nullptr;
        for (auto fld : o) {
            ondemand::field f;
            if (std::move(fld).get(f)) return MALFORMED;
            const char *kr = f.key().raw();
            std::string_view k(kr, (const char *)memchr(kr, '"', pad.data() + n - kr) - kr);
            auto &v = f.value();
            std::string_view tok = v.raw_json_token();
            while (!tok.empty() && (unsigned char)tok.back() <= ' ') tok.remove_suffix(1);
            bool known = true;
            switch (k.size()) {
            case 8:
                if (k == "order_id") {
                    std::string_view s;
                    if (tok[0] == 'n') {
                        if (!v.is_null()) return MALFORMED;
                    } else if (v.get_string().get(s)) return MALFORMED;
                    else order = true;
                } else if (k == "quantity") {
                    if (tok[0] == '"') {
                        std::string_view s;
                        if (v.get_string().get(s)) return MALFORMED;
                    } else qok = !v.get_int64().get(q) && q >= 1;
                } else known = false;
                break;
            case 11:
                if (k == "customer_id") {
                    std::string_view s;
                    if (tok[0] == 'n') {
                        if (!v.is_null()) return MALFORMED;
                    } else if (v.get_string().get(s)) return MALFORMED;
                    else cust = true;
                } else known = false;
                break;
            case 10:
                if (k == "unit_price") pok = !v.get_double().get(price) && price > 0;
                else known = false;
                break;
            case 7:
                if (k == "country") {
                    std::string_view s;
                    if (v.get_string().get(s)) return MALFORMED;
                    c = find(s);
                } else known = false;
                break;
            case 6:
                if (k == "status") {
                    std::string_view s;
                    if (v.get_string().get(s)) return MALFORMED;
                    refunded = s == "refunded";
                } else known = false;
                break;
            default: known = false;
            }
            if (!known) {
                ondemand::json_type t;
                if (v.type().get(t)) return MALFORMED;
                if (t == ondemand::json_type::string) {
                    std::string_view s;
                    if (v.get_string().get(s)) return MALFORMED;
                } else if (t == ondemand::json_type::array || t == ondemand::json_type::object) {
                    if (t == ondemand::json_type::array) {
                        ondemand::array a;
                        if (v.get_array().get(a) || a.raw_json().get(tok)) return MALFORMED;
                    } else {
                        ondemand::object a;
                        if (v.get_object().get(a) || a.raw_json().get(tok)) return MALFORMED;
                    }
                }
            }
        }
        if (!doc.current_location().error()) return MALFORMED;
        if (!order || !cust) return MISSING;
        if (!qok) return QUANTITY;
        if (!pok) return PRICE;
        if (!c) return COUNTRY;
        if (refunded) return DROP;
        // The computed fields are appended to the input's own text.
        while (n && p[n - 1] != '}') n--;
        memcpy(res.data(), p, n - 1);
        len = n - 1;
        double total = q * price;
        put(",\"total\":");
        num(total);
        put(",\"region\":\"");
        put(c->region);
        put("\",\"vat\":");
        num(total * c->vat);
        res[len++] = '}';
        return OUT;
    }
};

static void delivered(rd_kafka_t *, const rd_kafka_message_t *m, void *) {
    if (m->err) failed++;
}

static void check(rd_kafka_error_t *error) {
    if (error) fail(rd_kafka_error_string(error));
}

static rd_kafka_t *consumer(const char *in, const std::string &group) {
    auto conf = conf_for(getenv("BOOTSTRAP"));
    set(conf, "group.id", group.c_str());
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.auto.offset.store", "false");
    set(conf, "fetch.min.bytes", wanted ? "262144" : "1");
    set(conf, "fetch.wait.max.ms", "50");
    set(conf, "queued.min.messages", "200000");
    set(conf, "queued.max.messages.kbytes", "65536");
    set(conf, "check.crcs", "false");
    auto rk = client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(rk);
    auto list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, in, RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return rk;
}

static rd_kafka_t *producer(const std::string &group) {
    auto conf = conf_for(getenv("BOOTSTRAP"));
    set(conf, "enable.idempotence", "true");
    set(conf, "acks", "all");
    set(conf, "linger.ms", wanted ? "20" : "5");
    set(conf, "batch.size", "1000000");
    set(conf, "batch.num.messages", "10000");
    set(conf, "queue.buffering.max.messages", "200000");
    set(conf, "queue.buffering.max.kbytes", "131072");
    set(conf, "partitioner", "murmur2_random");
    set(conf, "delivery.report.only.error", "true");
    if (commitMs) set(conf, "transactional.id", group.c_str());
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    auto rk = client(RD_KAFKA_PRODUCER, conf);
    if (commitMs) check(rd_kafka_init_transactions(rk, 30000));
    return rk;
}

struct Stage {
    std::string group = "w2-" + std::to_string(nanoseconds());
    const char *in;
    std::string letters;
    rd_kafka_t *from, *to;
    rd_kafka_topic_t *out;
    Transform transform;
    std::vector<int64_t> next = std::vector<int64_t>(1024, -1);
    double began = 0; // the open transaction; 0: none

    Stage(const char *in, const char *outTopic)
        : in(in), letters(std::string(outTopic) + ".dlq"), from(consumer(in, group)), to(producer(group)),
          out(rd_kafka_topic_new(to, outTopic, nullptr)) {}

    void handle(const rd_kafka_message_t *m) {
        if (commitMs && !began) {
            check(rd_kafka_begin_transaction(to));
            began = seconds();
        }
        next[m->partition] = m->offset + 1;
        Verdict verdict = transform.run((const char *)m->payload, m->len);
        if (verdict == DROP) return;
        rd_kafka_resp_err_t error;
        for (;;) {
            if (verdict == OUT) {
                error = rd_kafka_produce(out, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, transform.res.data(), transform.len,
                                         m->key, m->key_len, nullptr)
                            ? rd_kafka_last_error()
                            : RD_KAFKA_RESP_ERR_NO_ERROR;
            } else {
                error = rd_kafka_producev(to, RD_KAFKA_V_TOPIC(letters.c_str()), RD_KAFKA_V_KEY(m->key, m->key_len),
                                          RD_KAFKA_V_VALUE(m->payload, m->len), RD_KAFKA_V_HEADER("error", reason[verdict], -1),
                                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
            }
            if (!error) return;
            if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail(rd_kafka_err2str(error));
            rd_kafka_poll(to, 10);
        }
    }

    void commit() {
        if (commitMs && !began) return;
        auto list = rd_kafka_topic_partition_list_new(16);
        for (int i = 0; i < (int)next.size(); i++) {
            if (next[i] < 0) continue;
            rd_kafka_topic_partition_list_add(list, in, i)->offset = next[i];
            next[i] = -1;
        }
        if (commitMs) {
            auto member = rd_kafka_consumer_group_metadata(from);
            check(rd_kafka_send_offsets_to_transaction(to, list, member, 30000));
            rd_kafka_consumer_group_metadata_destroy(member);
            check(rd_kafka_commit_transaction(to, 30000));
            began = 0;
        } else if (list->cnt) {
            rd_kafka_flush(to, 30000);
            rd_kafka_commit(from, list, 0);
        }
        rd_kafka_topic_partition_list_destroy(list);
    }

    void run() {
        auto queue = rd_kafka_queue_get_consumer(from);
        std::vector<rd_kafka_message_t *> batch(batchSize);
        long seen = 0;
        while (!stop && (!wanted || seen < wanted)) {
            int timeout = began ? std::clamp(int(commitMs - (seconds() - began) * 1000), 0, 50) : 50;
            ssize_t size = 0;
            if (wanted) {
                size = rd_kafka_consume_batch_queue(queue, timeout, batch.data(), batchSize);
            } else {
                auto m = rd_kafka_consumer_poll(from, timeout);
                while (m) {
                    batch[size++] = m;
                    m = size < batchSize ? rd_kafka_consumer_poll(from, 0) : nullptr;
                }
            }
            for (ssize_t i = 0; i < size; i++) {
                if (!batch[i]->err) {
                    handle(batch[i]);
                    seen++;
                }
                rd_kafka_message_destroy(batch[i]);
            }
            rd_kafka_poll(to, 0);
            if (began && (seconds() - began) * 1000 >= commitMs) commit();
        }
        commit();
        rd_kafka_flush(to, 60000);
        rd_kafka_queue_destroy(queue);
        rd_kafka_consumer_close(from);
        rd_kafka_destroy(from);
        rd_kafka_topic_destroy(out);
        rd_kafka_destroy(to);
    }
};

int main(int argc, char **argv) {
    if (argc < 4) fail("w2 IN OUT N [--eos COMMIT_MS]");
    wanted = atol(argv[3]);
    if (argc == 6 && !strcmp(argv[4], "--eos")) commitMs = atoi(argv[5]);
    loadTable(getenv("COUNTRIES") ? getenv("COUNTRIES") : "countries.csv");
    signal(SIGTERM, [](int) { stop = true; });
    Stage(argv[1], argv[2]).run();
    return failed != 0;
}
