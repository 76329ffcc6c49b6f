// How glibc's allocator treats memory that a batch has freed.
#ifndef CMEMORY_H
#define CMEMORY_H
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

// Keeps freed memory, and grows each thread's heap at once instead of page by page (mallopt(3)).
static inline void cb_keep_freed_memory(void) {
#ifdef __GLIBC__
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 64 << 20);
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
#endif
}
#endif
