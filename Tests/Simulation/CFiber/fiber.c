#define _GNU_SOURCE
#include "fiber.h"
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

struct fiber {
    ucontext_t context;
    char *memory;
    size_t bytes;
    fiber_body body;
    void *argument;
};

fiber *fiber_make(size_t stack_bytes) {
    fiber *self = calloc(1, sizeof *self);
    if (self == NULL || stack_bytes == 0) return self;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    self->bytes = stack_bytes + page;
    self->memory = mmap(NULL, self->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (self->memory == MAP_FAILED) {
        free(self);
        return NULL;
    }
    mprotect(self->memory, page, PROT_NONE);
    return self;
}

void fiber_free(fiber *self) {
    if (self->memory != NULL) munmap(self->memory, self->bytes);
    free(self);
}

// makecontext passes ints: a pointer takes two.
static void start(unsigned high, unsigned low) {
    fiber *self = (fiber *)(((uintptr_t)high << 32) | low);
    fiber *next = self->body(self->argument);
    setcontext(&next->context);
    abort();
}

void fiber_prepare(fiber *self, fiber_body body, void *argument) {
    self->body = body;
    self->argument = argument;
    getcontext(&self->context);
    self->context.uc_stack.ss_sp = self->memory;
    self->context.uc_stack.ss_size = self->bytes;
    self->context.uc_link = NULL;
    makecontext(&self->context, (void (*)(void))start, 2, (unsigned)((uintptr_t)self >> 32), (unsigned)(uintptr_t)self);
}

void fiber_switch(fiber *from, fiber *to) { swapcontext(&from->context, &to->context); }
