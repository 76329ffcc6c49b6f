// bare_pg TOPIC CONNINFO GROUP TABLE append|upsert: loads a topic's orders into Postgres up to the end offsets seen at the start:
// simdjson, binary COPY by libpq, 20,000 rows a transaction, the next offsets in etl_offsets in the same transaction. One thread,
// one connection. About the least work that does it exactly once. Bad records are counted and skipped. BOOTSTRAP names the broker.
#include "../work/kafka.h"
#include <arpa/inet.h>
#include <endian.h>
#include <libpq-fe.h>
#include <simdjson.h>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
using std::string;
using std::string_view;

static constexpr long batchRows = 20000;
static const char *const columns = "order_id,customer_id,ts,country,currency,sku,quantity,unit_price,status,email";

struct Pg {
    PGconn *c;
    explicit Pg(const char *conninfo) : c(PQconnectdb(conninfo)) {
        if (PQstatus(c) != CONNECTION_OK) lost();
    }
    ~Pg() { PQfinish(c); }
    [[noreturn]] void lost() {
        fail(PQerrorMessage(c));
        __builtin_unreachable();
    }
    void exec(const string &sql, ExecStatusType want = PGRES_COMMAND_OK) {
        PGresult *result = PQexec(c, sql.c_str());
        auto status = PQresultStatus(result);
        PQclear(result);
        if (status != want) lost();
    }
};

static inline void put16(string &b, uint16_t v) {
    v = htons(v);
    b.append((char *)&v, 2);
}
static inline void put32(string &b, uint32_t v) {
    v = htonl(v);
    b.append((char *)&v, 4);
}
static inline void put64(string &b, uint64_t v) {
    v = htobe64(v);
    b.append((char *)&v, 8);
}
static inline int two(const char *p) { return (p[0] - '0') * 10 + (p[1] - '0'); }
// RFC 3339 UTC -> microseconds since 2000-01-01; false if not of that shape
static bool timestamp(string_view s, int64_t &out) {
    if (s.size() < 20 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != ' ') || s.back() != 'Z') return false;
    for (int i : {0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18})
        if (s[i] < '0' || s[i] > '9') return false;
    int y = two(&s[0]) * 100 + two(&s[2]), m = two(&s[5]), d = two(&s[8]);
    if (m < 1 || m > 12 || d < 1 || d > 31) return false;
    int yy = y - (m <= 2), era = yy / 400, yoe = yy - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t days = era * 146097LL + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
    int64_t us = 0, scale = 100000;
    if (s[19] == '.')
        for (size_t i = 20; i + 1 < s.size() && scale; i++, scale /= 10) us += (s[i] - '0') * scale;
    out = ((days - 10957) * 86400 + two(&s[11]) * 3600 + two(&s[14]) * 60 + two(&s[17])) * 1000000 + us;
    return true;
}
// decimal text -> cents (at most 10 integer digits, 2 decimals)
static bool cents(string_view s, int64_t &out) {
    bool neg = !s.empty() && s[0] == '-';
    size_t i = neg;
    int64_t v = 0;
    int digits = 0, dec = -1;
    for (; i < s.size(); i++) {
        if (s[i] == '.') {
            if (dec >= 0) return false;
            dec = 0;
            continue;
        }
        if (s[i] < '0' || s[i] > '9') return false;
        if (dec >= 0) {
            if (++dec > 2) return false;
        } else if (++digits > 10) return false;
        v = v * 10 + (s[i] - '0');
    }
    if (!digits) return false;
    for (int k = dec < 0 ? 0 : dec; k < 2; k++) v *= 10;
    out = neg ? -v : v;
    return true;
}
static void numeric(string &b, int64_t c) { // cents -> numeric wire format, dscale 2
    uint16_t sign = c < 0 ? 0x4000 : 0;
    uint64_t a = c < 0 ? -c : c;
    uint16_t d[6];
    int n = 0;
    uint64_t whole = a / 100;
    uint16_t frac = (a % 100) * 100, w[4];
    int nw = 0;
    while (whole) {
        w[nw++] = whole % 10000;
        whole /= 10000;
    }
    for (int i = nw; i--;) d[n++] = w[i];
    if (frac) d[n++] = frac;
    put32(b, 8 + 2 * n);
    put16(b, n);
    put16(b, nw ? nw - 1 : (uint16_t)-1);
    put16(b, sign);
    put16(b, 2);
    for (int i = 0; i < n; i++) put16(b, d[i]);
}
static inline void field(string &b, string_view s) {
    put32(b, s.size());
    b.append(s);
}
struct Encoder {
    simdjson::ondemand::parser parser;
    string pad;
    // appends one row to b; false = bad record (b unchanged)
    bool row(string &b, const void *p, size_t n) {
        using namespace simdjson;
        if (pad.size() < n + SIMDJSON_PADDING) pad.resize(2 * n + SIMDJSON_PADDING);
        memcpy(&pad[0], p, n);
        ondemand::document doc;
        if (parser.iterate(pad.data(), n, pad.size()).get(doc)) return false;
        ondemand::object o;
        if (doc.get_object().get(o)) return false;
        string_view id, cust, ts, price;
        string_view opt[5];
        bool have[5] = {};
        int64_t q;
        if (o["order_id"].get_string().get(id) || o["customer_id"].get_string().get(cust) || o["ts"].get_string().get(ts))
            return false;
        static const char *first[] = {"country", "currency", "sku"};
        static const char *last[] = {"status", "email"};
        for (int i = 0; i < 3; i++) have[i] = !o[first[i]].get_string().get(opt[i]);
        if (o["quantity"].get_int64().get(q) || q < INT32_MIN || q > INT32_MAX) return false;
        ondemand::value v;
        if (o["unit_price"].get(v)) return false;
        price = v.raw_json_token();
        while (!price.empty() && (unsigned char)price.back() <= ' ') price.remove_suffix(1);
        for (int i = 0; i < 2; i++) have[3 + i] = !o[last[i]].get_string().get(opt[3 + i]);
        int64_t c, us;
        if (!cents(price, c) || !timestamp(ts, us)) return false;
        put16(b, 10);
        field(b, id);
        field(b, cust);
        put32(b, 8);
        put64(b, us);
        for (int i = 0; i < 3; i++) {
            if (have[i]) field(b, opt[i]);
            else put32(b, -1);
        }
        put32(b, 4);
        put32(b, (int32_t)q);
        numeric(b, c);
        for (int i = 3; i < 5; i++) {
            if (have[i]) field(b, opt[i]);
            else put32(b, -1);
        }
        return true;
    }
};

struct Loader {
    string topic, group, table;
    bool upsert;
    Pg pg;
    rd_kafka_t *consumer;
    std::map<int, int64_t> next, end;
    int open = 0;
    Encoder encoder;
    string buffer;
    bool copying = false;
    long rows = 0, bad = 0, pending = 0;

    Loader(char **a) : topic(a[1]), group(a[3]), table(a[4]), upsert(string(a[5]) == "upsert"), pg(a[2]), consumer(connect()) {
        pg.exec(
            "CREATE TABLE IF NOT EXISTS etl_offsets (grp text, topic text, part int, next bigint, PRIMARY KEY (grp,topic,part))");
        if (upsert) pg.exec("CREATE TEMP TABLE staging (LIKE " + table + ") ON COMMIT DELETE ROWS");
        assign();
    }
    ~Loader() {
        rd_kafka_consumer_close(consumer);
        rd_kafka_destroy(consumer);
    }

    rd_kafka_t *connect() {
        auto conf = conf_for(getenv("BOOTSTRAP"));
        set(conf, "group.id", group.c_str());
        set(conf, "enable.auto.commit", "false");
        set(conf, "auto.offset.reset", "earliest");
        set(conf, "fetch.wait.max.ms", "20");
        // librdkafka 2.0 stops for a second whenever a queue limit is reached, so keep clear of it.
        set(conf, "queued.max.messages.kbytes", "524288");
        set(conf, "queued.min.messages", "1000000");
        set(conf, "fetch.error.backoff.ms", "5");
        set(conf, "check.crcs", "false");
        auto rk = client(RD_KAFKA_CONSUMER, conf);
        rd_kafka_poll_set_consumer(rk);
        return rk;
    }

    void assign() {
        auto handle = rd_kafka_topic_new(consumer, topic.c_str(), nullptr);
        const rd_kafka_metadata_t *metadata;
        if (rd_kafka_metadata(consumer, 0, handle, &metadata, 10000)) fail("no metadata");
        int partitions = metadata->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(metadata);
        rd_kafka_topic_destroy(handle);
        auto list = rd_kafka_topic_partition_list_new(partitions);
        for (int p = 0; p < partitions; p++) {
            int64_t low, high;
            if (rd_kafka_query_watermark_offsets(consumer, topic.c_str(), p, &low, &high, 10000)) fail("no watermarks");
            rd_kafka_topic_partition_list_add(list, topic.c_str(), p)->offset = low;
            next[p] = low;
            end[p] = high;
            open += low < high;
        }
        rd_kafka_assign(consumer, list);
        rd_kafka_topic_partition_list_destroy(list);
    }

    void put() {
        if (!buffer.empty() && PQputCopyData(pg.c, buffer.data(), (int)buffer.size()) != 1) pg.lost();
        buffer.clear();
    }

    void begin() {
        static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
        pg.exec("BEGIN");
        pg.exec("COPY " + (upsert ? string("staging") : table) + " (" + columns + ") FROM STDIN (FORMAT binary)", PGRES_COPY_IN);
        buffer.append(header, 19);
        copying = true;
    }

    void finish() {
        if (!copying) return;
        put16(buffer, 0xffff);
        put();
        if (PQputCopyEnd(pg.c, nullptr) != 1) pg.lost();
        bool ok = true;
        while (PGresult *result = PQgetResult(pg.c)) {
            ok &= PQresultStatus(result) == PGRES_COMMAND_OK;
            PQclear(result);
        }
        if (!ok) pg.lost();
        string sql;
        if (upsert) {
            sql = "INSERT INTO " + table +
                  " SELECT DISTINCT ON (order_id) * FROM staging ON CONFLICT (order_id) DO UPDATE SET "
                  "customer_id=excluded.customer_id,"
                  "ts=excluded.ts,country=excluded.country,currency=excluded.currency,sku=excluded.sku,quantity=excluded.quantity,"
                  "unit_price=excluded.unit_price,status=excluded.status,email=excluded.email;";
        }
        sql += "INSERT INTO etl_offsets VALUES ";
        const char *separator = "";
        for (auto &[partition, offset] : next) {
            sql.append(separator).append("('").append(group).append("','").append(topic).append("',");
            sql.append(std::to_string(partition)).append(",").append(std::to_string(offset)).append(")");
            separator = ",";
        }
        pg.exec(sql + " ON CONFLICT (grp,topic,part) DO UPDATE SET next=excluded.next;COMMIT");
        pending = 0;
        copying = false;
    }

    void run() {
        auto queue = rd_kafka_queue_get_consumer(consumer);
        rd_kafka_message_t *batch[2000];
        while (open) {
            ssize_t size = rd_kafka_consume_batch_queue(queue, 100, batch, 2000);
            for (ssize_t i = 0; i < size; i++) {
                auto m = batch[i];
                if (m->err) continue;
                if (!copying) begin();
                if (encoder.row(buffer, m->payload, m->len)) rows++;
                else bad++;
                next[m->partition] = m->offset + 1;
                if (m->offset + 1 == end[m->partition]) open--;
                if (buffer.size() >= 1 << 16) put();
                if (++pending >= batchRows) finish();
            }
            for (ssize_t i = 0; i < size; i++) rd_kafka_message_destroy(batch[i]);
        }
        finish();
        rd_kafka_queue_destroy(queue);
    }
};

int main(int argc, char **argv) {
    if (argc != 6) fail("bare_pg TOPIC CONNINFO GROUP TABLE append|upsert");
    Loader loader(argv);
    loader.run();
    printf("%ld rows, %ld bad\n", loader.rows, loader.bad);
}
