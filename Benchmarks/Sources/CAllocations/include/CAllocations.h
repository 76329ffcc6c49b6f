// How often this process allocates: the program's own malloc counts and passes on to glibc's.
#ifndef CALLOCATIONS_H
#define CALLOCATIONS_H
#include <stdint.h>
/// Calls of malloc, calloc, realloc and aligned allocation so far.
uint64_t ca_allocations(void);
#endif
