// orders N [--clean] [--keyed] [--shape order|nested|event|large] [--shuffled]: N JSON records, one a line, on stdout. The same
// arguments give the same bytes everywhere.
//   --keyed     "key<TAB>json"
//   --clean     without the hundredth that is broken in one of six ways: truncated JSON, no order_id, quantity in words, a
//               negative unit_price, the unknown country XX, customer_id null
//   --shape     order: about 205 bytes; nested: the same fields with addresses and 13 items, 1.8 KB; large: with a note of
//               949,000 characters; event: about 60 bytes
//   --shuffled  each record has its members in another order
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MEMBERS = 16, LARGE = 949000 };
static uint64_t state = 88172645463325252ULL;

static unsigned below(unsigned n) { // xorshift64*
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state * 0x2545F4914F6CDD1DULL >> 16) % n);
}

static const char *countries[] = {"DE", "FR", "US", "GB", "NL", "ES", "IT", "PL", "SE", "JP", "BR", "IN", "CA", "AU", "CH", "AT"};
static const char *currencies[] = {"EUR", "EUR", "USD", "GBP", "EUR", "EUR", "EUR", "PLN",
                                   "SEK", "JPY", "BRL", "INR", "CAD", "AUD", "CHF", "EUR"};
static const char *statuses[] = {"paid", "paid", "paid", "shipped", "refunded"};
static const char *kinds[] = {"view", "click", "cart", "ping"};

static char text[MEMBERS][2048];
static int members;
#define MEMBER(...) snprintf(text[members++], sizeof text[0], __VA_ARGS__)

static void order(long number, unsigned customer, int broken) {
    unsigned country = below(16), quantity = 1 + below(9), cents = 199 + below(49800);
    time_t at = 1767225600 + number / 10;
    struct tm utc;
    char ts[32];
    gmtime_r(&at, &utc);
    strftime(ts, sizeof ts, "%Y-%m-%dT%H:%M:%S", &utc);
    if (broken != 2) MEMBER("\"order_id\":\"o-%09ld\"", number);
    if (broken == 6) MEMBER("\"customer_id\":null");
    else MEMBER("\"customer_id\":\"c-%06u\"", customer);
    MEMBER("\"ts\":\"%s.%03ldZ\"", ts, number % 1000);
    MEMBER("\"country\":\"%s\"", broken == 5 ? "XX" : countries[country]);
    MEMBER("\"currency\":\"%s\"", currencies[country]);
    MEMBER("\"sku\":\"SKU-%05u\"", below(20000));
    if (broken == 3) MEMBER("\"quantity\":\"three\"");
    else MEMBER("\"quantity\":%u", quantity);
    MEMBER("\"unit_price\":%s%u.%02u", broken == 4 ? "-" : "", cents / 100, cents % 100);
    MEMBER("\"status\":\"%s\"", statuses[below(5)]);
    MEMBER("\"email\":\"user%06u@example.com\"", customer);
}

static void address(const char *name, unsigned customer) {
    MEMBER("\"%s\":{\"street\":\"%u Long Street\",\"city\":\"Town "
           "%u\",\"postcode\":\"%05u\",\"geo\":{\"lat\":%u.%04u,\"lon\":%u.%04u}}",
           name, 1 + below(200), customer % 1000, below(100000), below(90), below(10000), below(180), below(10000));
}

static void items(void) {
    char *out = text[members++];
    size_t room = sizeof text[0], used = (size_t)snprintf(out, room, "\"items\":[");
    for (int i = 0; i < 13; i++) {
        used += (size_t)snprintf(
            out + used, room - used,
            "%s{\"sku\":\"SKU-%05u\",\"title\":\"Article no. %05u\",\"quantity\":%u,\"price\":%u.%02u,\"tags\":[\"a\",\"b%u\"]}",
            i ? "," : "", below(20000), below(20000), 1 + below(9), 1 + below(499), below(100), below(10));
    }
    snprintf(out + used, room - used, "]");
}

static void event(long number) {
    MEMBER("\"id\":%ld", number);
    MEMBER("\"kind\":\"%s\"", kinds[below(4)]);
    MEMBER("\"country\":\"%s\"", countries[below(16)]);
    MEMBER("\"value\":%u.%02u", 1 + below(99), below(100));
}

static void shuffle(void) {
    char kept[sizeof text[0]];
    for (int i = members - 1; i > 0; i--) {
        int other = (int)below((unsigned)i + 1);
        if (other == i) continue;
        memcpy(kept, text[i], sizeof kept);
        memcpy(text[i], text[other], sizeof kept);
        memcpy(text[other], kept, sizeof kept);
    }
}

int main(int argc, char **argv) {
    long count = argc > 1 ? atol(argv[1]) : 1000000;
    int clean = 0, keyed = 0, shuffled = 0;
    const char *shape = "order";
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "--clean")) clean = 1;
        else if (!strcmp(argv[i], "--keyed")) keyed = 1;
        else if (!strcmp(argv[i], "--shuffled")) shuffled = 1;
        else if (!strcmp(argv[i], "--shape") && i + 1 < argc) shape = argv[++i];
        else return fprintf(stderr, "orders: no option '%s'\n", argv[i]), 2;
    }
    int is_event = !strcmp(shape, "event"), is_nested = !strcmp(shape, "nested"), is_large = !strcmp(shape, "large");
    if (!is_event && !is_nested && !is_large && strcmp(shape, "order")) return fprintf(stderr, "orders: no shape '%s'\n", shape), 2;
    static char buffer[1 << 20], record[MEMBERS * sizeof text[0]], note[LARGE + 1];
    memset(note, 'n', LARGE);
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    for (long number = 0; number < count; number++) {
        unsigned customer = below(100000);
        int broken = !clean && below(100) == 0 ? 1 + (int)below(6) : 0;
        members = 0;
        if (is_event) event(number);
        else order(number, customer, broken);
        if (is_nested) {
            address("billing", customer);
            address("shipping", customer);
            items();
        }
        if (shuffled) shuffle();
        size_t length = 0;
        for (int i = 0; i < members; i++) {
            record[length++] = i ? ',' : '{';
            size_t size = strlen(text[i]);
            memcpy(record + length, text[i], size);
            length += size;
        }
        if (broken == 1) length = 90;
        if (keyed) printf("c-%06u\t", customer);
        fwrite(record, 1, length, stdout);
        if (is_large && broken != 1) printf(",\"note\":\"%s\"", note);
        puts(broken == 1 ? "" : "}");
    }
    return ferror(stdout) ? 1 : 0;
}
