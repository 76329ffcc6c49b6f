// CSV: where quotes, delimiters and newlines stand in 64 bytes, as bitmaps (bit 0: the first byte); and what a row's bytes need.
#ifndef CCSV_H
#define CCSV_H
#include <stddef.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

typedef struct {
    uint64_t quotes;
    uint64_t delimiters;
    uint64_t newlines;
} csv_masks;

#if defined(__SSE2__)
static inline uint64_t csv_equal64(const __m128i v[4], char byte) {
    const __m128i wanted = _mm_set1_epi8(byte);
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++)
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[i], wanted)) << (16 * i);
    return mask;
}
static inline csv_masks csv_scan64(const uint8_t *bytes, uint8_t delimiter, uint8_t quote) {
    __m128i v[4];
    for (int i = 0; i < 4; i++) v[i] = _mm_loadu_si128((const __m128i *)(bytes + 16 * i));
    csv_masks masks = {csv_equal64(v, (char)quote), csv_equal64(v, (char)delimiter), csv_equal64(v, '\n')};
    return masks;
}
#else
// Plain enough for a compiler to use whatever vectors there are.
static inline csv_masks csv_scan64(const uint8_t *bytes, uint8_t delimiter, uint8_t quote) {
    csv_masks masks = {0, 0, 0};
    for (int i = 0; i < 64; i++) {
        masks.quotes |= (uint64_t)(bytes[i] == quote) << i;
        masks.delimiters |= (uint64_t)(bytes[i] == delimiter) << i;
        masks.newlines |= (uint64_t)(bytes[i] == '\n') << i;
    }
    return masks;
}
#endif

// Each bit becomes the parity of the bits up to and with it.
static inline uint64_t csv_parity(uint64_t bits) {
    for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
    return bits;
}

// Bit 0: some byte isn't ASCII; bit 1: some byte is a control character, a backslash or `mark`.
static inline int csv_traits(const uint8_t *bytes, size_t count, uint8_t mark) {
    size_t at = 0;
    int traits = 0;
#if defined(__SSE2__)
    __m128i high = _mm_setzero_si128(), escaped = _mm_setzero_si128();
    for (; count - at >= 16; at += 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(bytes + at));
        high = _mm_or_si128(high, v);
        // Unsigned v <= 0x1f where max(v, 0x1f) is 0x1f.
        const __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(v, _mm_set1_epi8(0x1f)), _mm_set1_epi8(0x1f));
        const __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')), _mm_cmpeq_epi8(v, _mm_set1_epi8((char)mark)));
        escaped = _mm_or_si128(escaped, _mm_or_si128(control, marks));
    }
    traits = (_mm_movemask_epi8(high) != 0) | (_mm_movemask_epi8(escaped) != 0) << 1;
#endif
    for (; at < count; at++) {
        const uint8_t byte = bytes[at];
        traits |= (byte >= 0x80) | (byte < 0x20 || byte == '\\' || byte == mark) << 1;
    }
    return traits;
}
#endif
