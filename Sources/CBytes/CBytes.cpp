#include "CBytes.h"
#include <sys/prctl.h>
#include <charconv>

extern "C" int cb_parse_double(const uint8_t *text, size_t length, double *value) {
    const char *first = reinterpret_cast<const char *>(text);
    auto [end, error] = std::from_chars(first, first + length, *value);
    if (end != first + length) return 2;
    if (error == std::errc::result_out_of_range) return 1;
    return error == std::errc() ? 0 : 2;
}

extern "C" int cb_shortest_scientific(double value, uint8_t *text) {
    char *first = reinterpret_cast<char *>(text);
    return static_cast<int>(std::to_chars(first, first + 32, value, std::chars_format::scientific).ptr - first);
}

extern "C" int cb_precise(double value, int precision, int scientific, uint8_t *text, int size) {
    char *first = reinterpret_cast<char *>(text);
    auto form = scientific ? std::chars_format::scientific : std::chars_format::fixed;
    return static_cast<int>(std::to_chars(first, first + size, value, form, precision).ptr - first);
}

extern "C" void cb_name_thread(const char *name) { prctl(PR_SET_NAME, name); }
