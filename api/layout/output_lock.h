/*
 * output_lock.h: whose bytes are in a worker's output pipe. The scheduler reads the pipe while a
 * task runs. The worker reads what is left when the task ends. Both do so under the lock word in
 * the worker's page:
 *
 *   worker     begins a task:  printing = task                          no lock, no system call
 *              ends it:        lock; take all bytes out; printing = 0; unlock
 *   scheduler  the pipe is ready:  try the lock; read; they are `printing`'s; tell the core; unlock
 *
 * So at each change of `printing` the pipe is empty, and the scheduler, which has the lock, has
 * read bytes of one task. A task is named before it can write, so its bytes never find 0. The core
 * has the bytes that the scheduler has read before the worker takes the lock, and so before any
 * later ones.
 *
 *   0 free   1 taken   2 taken, and the worker sleeps on it
 *
 * The scheduler never waits for the lock, the worker for a second at most: the user's code can
 * write anything into the page, and a scheduler can be stopped. Whoever waits no longer goes on
 * without it. Then bytes may come under another task of the same program, and no worse. The worker
 * frees the lock in any case: what a task has done to it ends with the task.
 */
#ifndef LODE_LAYOUT_OUTPUT_LOCK_H
#define LODE_LAYOUT_OUTPUT_LOCK_H

#include "api/system/futex.h"

#include <stdbool.h>

static inline bool
lode_output_try_lock(_Atomic uint32_t *word)
{
    uint32_t free = 0;
    return atomic_compare_exchange_strong_explicit(word, &free, 1, memory_order_acquire,
                                                   memory_order_relaxed);
}

static inline void
lode_output_unlock(_Atomic uint32_t *word)
{
    if (atomic_exchange_explicit(word, 0, memory_order_release) == 2) {
        (void)lode_futex_wake_all(word);
    }
}

/* False: it was not to be had in that time. */
static inline bool
lode_output_lock(_Atomic uint32_t *word, int64_t most_ns)
{
    enum { SLICE_NS = 10000000 };
    if (lode_output_try_lock(word)) {
        return true;
    }
    for (int64_t waited_ns = 0; waited_ns < most_ns; waited_ns += SLICE_NS) {
        if (atomic_exchange_explicit(word, 2, memory_order_acquire) == 0) {
            return true;
        }
        lode_futex_wait(word, 2, SLICE_NS);
    }
    return false;
}

#endif
