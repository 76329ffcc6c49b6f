// csv2kafka FILE TOPIC: RFC 4180 CSV with a header to one JSON object a row, keyed by customer_id. 64 bytes at a time: bitmaps of
// quotes, commas and newlines, the parity of quotes by carry-less multiplication. Needs AVX2 and PCLMUL. About the least work that
// does it: no checkpoint, no transaction, no check of UTF-8. BOOTSTRAP names the broker.
#include "../work/kafka.h"
#include <fcntl.h>
#include <immintrin.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>
using std::string;
using std::string_view;

static rd_kafka_t *rk;
static const char *topic;
static long rows, failed;
static std::vector<string> header, prefix;
static std::vector<bool> isNumber;
static int keyColumn = -1, column;
static string json, key, scratch;

static void dr(rd_kafka_t *, const rd_kafka_message_t *m, void *) { failed += m->err != 0; }

static bool numeric(string_view s) { // a JSON number
    size_t i = 0, n = s.size();
    if (i < n && s[i] == '-') i++;
    size_t d = i;
    while (i < n && s[i] >= '0' && s[i] <= '9') i++;
    if (i == d || (s[d] == '0' && i > d + 1)) return false;
    if (i < n && s[i] == '.') {
        size_t f = ++i;
        while (i < n && s[i] >= '0' && s[i] <= '9') i++;
        if (i == f) return false;
    }
    return i == n;
}
static void escaped(string_view s) {
    size_t start = 0;
    for (size_t i = 0; i < s.size(); i++) {
        unsigned char c = s[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        json.append(s.substr(start, i - start));
        start = i + 1;
        if (c == '\n') json += "\\n";
        else if (c == '"' || c == '\\') {
            json += '\\';
            json += c;
        } else {
            char u[8];
            snprintf(u, sizeof u, "\\u%04x", c);
            json += u;
        }
    }
    json.append(s.substr(start));
}
static void endField(string_view s) { // s is unescaped
    if (rows == 0) {
        header.emplace_back(s);
        return;
    }
    if (column >= (int)prefix.size()) {
        column++;
        return;
    }
    json.append(prefix[column]);
    if (isNumber[column] && numeric(s)) json.append(s);
    else {
        json += '"';
        escaped(s);
        json += '"';
    }
    if (column == keyColumn) key.assign(s);
    column++;
}
static void endRow() {
    if (rows++ == 0) {
        for (size_t i = 0; i < header.size(); i++) {
            prefix.push_back((i ? ",\"" : "{\"") + header[i] + "\":");
            isNumber.push_back(header[i] == "quantity" || header[i] == "unit_price");
            if (header[i] == "customer_id") keyColumn = (int)i;
        }
    } else {
        json += '}';
        for (;;) {
            auto r = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key.data(), key.size()),
                                       RD_KAFKA_V_VALUE((void *)json.data(), json.size()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                       RD_KAFKA_V_END);
            if (!r) break;
            if (r != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail(rd_kafka_err2str(r));
            rd_kafka_poll(rk, 20);
        }
        if (!(rows & 0x3ff)) rd_kafka_poll(rk, 0);
        json.clear();
    }
    column = 0;
}
static inline void rawField(const char *a, const char *b) { // strips quotes, undoubles them
    if (b > a && b[-1] == '\r') b--;
    if (a == b || *a != '"') return endField({a, size_t(b - a)});
    a++;
    if (b > a && b[-1] == '"') b--;
    const char *q = (const char *)memchr(a, '"', b - a);
    if (!q) return endField({a, size_t(b - a)});
    scratch.clear();
    while (q) {
        scratch.append(a, q + 1 - a);
        a = q + 1;
        if (a < b && *a == '"') a++;
        q = (const char *)memchr(a, '"', b - a);
    }
    scratch.append(a, b - a);
    endField(scratch);
}
static void simd(const char *p, size_t n) {
    const __m256i Q = _mm256_set1_epi8('"'), C = _mm256_set1_epi8(','), N = _mm256_set1_epi8('\n');
    uint64_t carry = 0;
    size_t start = 0;
    char tail[64];
    for (size_t at = 0; at < n; at += 64) {
        const char *b = p + at;
        if (n - at < 64) {
            memset(tail, 0, 64);
            memcpy(tail, b, n - at);
            b = tail;
        }
        __m256i lo = _mm256_loadu_si256((const __m256i *)b), hi = _mm256_loadu_si256((const __m256i *)(b + 32));
        auto mask = [&](__m256i v) {
            return (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(lo, v)) |
                   (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(hi, v)) << 32;
        };
        uint64_t q = mask(Q), nl = mask(N), s = mask(C) | nl;
        uint64_t in = _mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_set_epi64x(0, q), _mm_set1_epi8(-1), 0)) ^ carry;
        carry = (int64_t)in >> 63;
        s &= ~in;
        while (s) {
            int i = __builtin_ctzll(s);
            size_t end = at + i;
            rawField(p + start, p + end);
            start = end + 1;
            if (nl >> i & 1) endRow();
            s &= s - 1;
        }
    }
    if (start < n) {
        rawField(p + start, p + n);
        endRow();
    }
}

int main(int argc, char **argv) {
    if (argc != 3) fail("csv2kafka FILE TOPIC");
    int fd = open(argv[1], O_RDONLY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status)) fail("csv2kafka: the file can't be opened");
    size_t size = (size_t)status.st_size;
    void *text = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (text == MAP_FAILED) fail("csv2kafka: the file can't be mapped");
    topic = argv[2];
    auto conf = conf_for(getenv("BOOTSTRAP"));
    set(conf, "enable.idempotence", "true");
    set(conf, "linger.ms", "20");
    set(conf, "queue.buffering.max.messages", "200000");
    set(conf, "batch.size", "1000000");
    set(conf, "batch.num.messages", "100000");
    rd_kafka_conf_set_dr_msg_cb(conf, dr);
    rk = client(RD_KAFKA_PRODUCER, conf);
    simd((const char *)text, size);
    rd_kafka_flush(rk, 120000);
    rd_kafka_destroy(rk);
    return failed != 0;
}
