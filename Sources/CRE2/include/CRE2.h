// RE2 (https://github.com/google/re2) behind a C interface: compile once, match bytes, no captures.
#ifndef CRE2_H
#define CRE2_H
#include <stdbool.h>
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct cre2_pattern cre2_pattern;
/// A compiled pattern, or NULL with a message of at most error_size bytes (NUL included) in error.
cre2_pattern *cre2_compile(const char *pattern, size_t length, char *error, size_t error_size);
/// Whether the pattern matches anywhere in text (which must be UTF-8). Not to be shared by threads on a hot path.
bool cre2_matches(const cre2_pattern *pattern, const char *text, size_t length);
void cre2_free(cre2_pattern *pattern);
/// Offset of the first occurrence of part in text, or -1: memmem, which Swift's Glibc module leaves out.
ptrdiff_t cre2_find(const void *text, size_t length, const void *part, size_t part_length);
#ifdef __cplusplus
}
#endif
#endif
