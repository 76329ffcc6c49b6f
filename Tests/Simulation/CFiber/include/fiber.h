#pragma once
#include <stddef.h>

/// A flow of control with a stack of its own, which goes on only when another hands over to it. All within one thread.
typedef struct fiber fiber;

/// The code of a fiber. Returns who goes on when it has ended.
typedef fiber *_Nonnull (*fiber_body)(void *_Nullable argument);

/// One with a stack of `stack_bytes`, and a page below that mustn't be touched; with 0, the one for the stack that runs already.
/// NULL: there is no memory.
fiber *_Nullable fiber_make(size_t stack_bytes);
/// It must not be running.
void fiber_free(fiber *_Nonnull self);
/// Lets `body` begin when the fiber goes on next. It must not have begun one, or that has ended.
void fiber_prepare(fiber *_Nonnull self, fiber_body _Nonnull body, void *_Nullable argument);
/// Returns when somebody hands back to `from`, which is the one running now.
void fiber_switch(fiber *_Nonnull from, fiber *_Nonnull to);
