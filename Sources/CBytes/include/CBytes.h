// Small inline C that Swift has no words for: byte scanning with SSE2 or NEON; and number text from the C++ library.
#ifndef CBYTES_H
#define CBYTES_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "CBrackets.h"
#include "CCSV.h"
#include "CMemory.h"
#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

/// Of the 16 bytes at `p`, the first at or behind `from` (0 to 16) that ends a run of plain JSON string text: a quote, a
/// backslash, a control character or a byte of a multi-byte UTF-8 sequence. Counted from `from`; 16 - from when there is none.
/// Reads exactly 16 bytes.
static inline int cb_string_stop_from(const uint8_t *p, int from) {
#if defined(__SSE2__)
    __m128i x = _mm_loadu_si128((const __m128i *)p);
    // Signed: bytes from 0x80 are negative, so one comparison finds them and the control characters.
    __m128i low = _mm_cmplt_epi8(x, _mm_set1_epi8(0x20));
    __m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
    unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, slash)));
    return __builtin_ctz((mask | 0x10000u) >> from);
#elif defined(__ARM_NEON) && defined(__aarch64__)
    uint8x16_t x = vld1q_u8(p);
    uint8x16_t low = vcltq_s8(vreinterpretq_s8_u8(x), vdupq_n_s8(0x20));
    uint8x16_t stop = vorrq_u8(low, vorrq_u8(vceqq_u8(x, vdupq_n_u8('"')), vceqq_u8(x, vdupq_n_u8('\\'))));
    uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(stop), 4)), 0);
    mask = from < 16 ? mask >> (from * 4) : 0;
    return mask ? __builtin_ctzll(mask) >> 2 : 16 - from;
#else
    int i = from;
    while (i < 16 && p[i] >= 0x20 && p[i] < 0x80 && p[i] != '"' && p[i] != '\\') i++;
    return i - from;
#endif
}

/// The same from the first byte on.
static inline int cb_string_stop(const uint8_t *p) { return cb_string_stop_from(p, 0); }

/// Index of the first of 16 bytes that isn't ASCII; 16 when all are. Reads exactly 16 bytes.
static inline int cb_ascii_stop(const uint8_t *p) {
    uint64_t a, b;
    memcpy(&a, p, 8);
    memcpy(&b, p + 8, 8);
    if (((a | b) & 0x8080808080808080ull) == 0) return 16;
    int i = 0;
    while (p[i] < 0x80) i++;
    return i;
}

/// Whether the first `length` (at most 32) bytes at `p` and `text` are the same. Reads exactly 32 bytes of both.
static inline int cb_match32(const uint8_t *p, const uint8_t *text, uint32_t length) {
#if defined(__SSE2__)
    __m128i a = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), _mm_loadu_si128((const __m128i *)text));
    uint32_t low = (uint32_t)_mm_movemask_epi8(a);
    uint32_t first = length >= 16 ? 0xffffu : (1u << length) - 1;
    if ((low & first) != first) return 0;
    if (length <= 16) return 1;
    __m128i b = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + 16)), _mm_loadu_si128((const __m128i *)(text + 16)));
    uint32_t second = (1u << (length - 16)) - 1;
    return ((uint32_t)_mm_movemask_epi8(b) & second) == second;
#else
    return memcmp(p, text, length) == 0;
#endif
}

/// Eight bytes from any address, the first in the lowest byte.
static inline uint64_t cb_load64(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/// Four bytes from any address, the first in the lowest byte.
static inline uint32_t cb_load32(const uint8_t *p) {
    uint32_t word;
    memcpy(&word, p, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

/// mantissa × 10^exponent, exact operands and one rounding, so correctly rounded.
/// Needs mantissa <= 2^53 and exponent in -22...22.
static inline double cb_scale10(uint64_t mantissa, int exponent) {
    static const double power[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    return exponent < 0 ? (double)mantissa / power[-exponent] : (double)mantissa * power[exponent];
}

#ifdef __cplusplus
extern "C" {
#endif

/// Reads a decimal number, correctly rounded, whatever the locale. Returns 0: done; 1: beyond the range of double
/// (`value` is untouched); 2: the text isn't a number from its first to its last byte.
int cb_parse_double(const uint8_t *text, size_t length, double *value);

/// The shortest text that reads back as `value`, as `d.ddde±xx`, without a terminator. `text` has room for 32 bytes.
/// Returns its length. `value` must be finite.
int cb_shortest_scientific(double value, uint8_t *text);
/// A finite double with `precision` digits after the point, correctly rounded, plain or with an exponent. `size` bytes of room must
/// do: 320 and the precision always will. Returns the byte count.
int cb_precise(double value, int precision, int scientific, uint8_t *text, int size);

/// Names the calling thread, as `top -H` and debuggers show it; the first 15 bytes count.
void cb_name_thread(const char *name);

#ifdef __cplusplus
}
#endif
#endif
