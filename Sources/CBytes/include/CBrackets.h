// JSON text that was checked before: where its quotes, backslashes, brackets and colons are.
#ifndef CBRACKETS_H
#define CBRACKETS_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

// Of 64 bytes, bit 0 the first. Brackets are all bytes that are 0x7f with the bits in which { [ ] } differ: also Y, y, _ and DEL,
// which checked text only has within strings.
typedef struct {
    uint64_t quotes;
    uint64_t backslashes;
    uint64_t brackets;
    uint64_t colons;
} cb_json_masks;

// Reads exactly 64 bytes.
static inline cb_json_masks cb_json_scan64(const uint8_t *bytes) {
    cb_json_masks masks = {0, 0, 0, 0};
#if defined(__SSE2__)
    for (int i = 0; i < 64; i += 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(bytes + i));
        const __m128i bracket = _mm_cmpeq_epi8(_mm_or_si128(v, _mm_set1_epi8(0x26)), _mm_set1_epi8(0x7f));
        masks.quotes |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('"'))) << i;
        masks.backslashes |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))) << i;
        masks.brackets |= (uint64_t)(uint32_t)_mm_movemask_epi8(bracket) << i;
        masks.colons |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(':'))) << i;
    }
#else
    for (int i = 0; i < 64; i++) {
        masks.quotes |= (uint64_t)(bytes[i] == '"') << i;
        masks.backslashes |= (uint64_t)(bytes[i] == '\\') << i;
        masks.brackets |= (uint64_t)((bytes[i] | 0x26) == 0x7f) << i;
        masks.colons |= (uint64_t)(bytes[i] == ':') << i;
    }
#endif
    return masks;
}

// Of fewer bytes than 64; those behind them count as none of these.
static inline cb_json_masks cb_json_scan_few(const uint8_t *bytes, size_t count) {
    uint8_t copy[64] = {0};
    memcpy(copy, bytes, count);
    return cb_json_scan64(copy);
}

// Index of the first of 16 bytes that is a quote or a backslash; 16: there is none. Reads exactly 16 bytes.
static inline int cb_json_string_stop(const uint8_t *p) {
#if defined(__SSE2__)
    const __m128i v = _mm_loadu_si128((const __m128i *)p);
    const __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
    return __builtin_ctz((unsigned)_mm_movemask_epi8(stop) | 0x10000u);
#elif defined(__ARM_NEON) && defined(__aarch64__)
    const uint8x16_t v = vld1q_u8(p);
    const uint8x16_t stop = vorrq_u8(vceqq_u8(v, vdupq_n_u8('"')), vceqq_u8(v, vdupq_n_u8('\\')));
    const uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(stop), 4)), 0);
    return mask ? __builtin_ctzll(mask) >> 2 : 16;
#else
    int i = 0;
    while (i < 16 && p[i] != '"' && p[i] != '\\') i++;
    return i;
#endif
}
#endif
