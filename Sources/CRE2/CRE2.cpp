#include "CRE2.h"

#include <re2/re2.h>

#include <cstring>

struct cre2_pattern {
    RE2 expression;
    cre2_pattern(re2::StringPiece text, const RE2::Options &options) : expression(text, options) {}
};

cre2_pattern *cre2_compile(const char *pattern, size_t length, char *error, size_t error_size) {
    RE2::Options options(RE2::Quiet);
    options.set_max_mem(8 << 20);  // a pattern built to explode is refused, never run
    auto *compiled = new cre2_pattern(re2::StringPiece(pattern, length), options);
    if (compiled->expression.ok()) return compiled;
    if (error_size > 0) {
        strncpy(error, compiled->expression.error().c_str(), error_size - 1);
        error[error_size - 1] = 0;
    }
    delete compiled;
    return nullptr;
}

bool cre2_matches(const cre2_pattern *pattern, const char *text, size_t length) {
    return pattern->expression.Match(re2::StringPiece(text, length), 0, length, RE2::UNANCHORED, nullptr, 0);
}

void cre2_free(cre2_pattern *pattern) { delete pattern; }

ptrdiff_t cre2_find(const void *text, size_t length, const void *part, size_t part_length) {
    const void *found = memmem(text, length, part, part_length);
    return found ? static_cast<const char *>(found) - static_cast<const char *>(text) : -1;
}
