/*
 * no_memory.h: a unit test in which there is no memory once. Its first comment says
 * `ctest: wrap malloc` and, on a line of its own, `ctest: wrap calloc`: then the allocations of the
 * program's own files come here.
 */
#ifndef TESTS_SUPPORT_NO_MEMORY_H
#define TESTS_SUPPORT_NO_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static long allocations_left; /* before the one that fails; 0: none will */

/* The n-th allocation from now fails, from 1. */
static inline void
no_memory_at(long n)
{
    allocations_left = n;
}

/* No allocation fails any more. True: one has failed. */
static inline bool
no_memory_was_seen(void)
{
    bool struck = allocations_left == -1;
    allocations_left = 0;
    return struck;
}

static inline bool
strikes(void)
{
    if (allocations_left > 0 && --allocations_left == 0) {
        allocations_left = -1;
        return true;
    }
    return false;
}

void *
__wrap_malloc(size_t size)
{
    return strikes() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return strikes() ? NULL : __real_calloc(count, size);
}

#endif
