// How often a thread allocates: the program's own malloc counts and passes on to glibc's. Whatever is linked with this target
// counts, so only benchmarks and tests are.
#ifndef CALLOCATIONS_H
#define CALLOCATIONS_H
#include <stdint.h>
/// Calls of malloc, calloc, realloc and aligned allocation by the calling thread so far.
uint64_t ca_allocations(void);
#endif
