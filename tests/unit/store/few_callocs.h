/*
 * few_callocs.h: a unit test in which calloc() works so many times more, and then no more. Its
 * first comment says `ctest: wrap calloc`.
 */
#ifndef TESTS_UNIT_STORE_FEW_CALLOCS_H
#define TESTS_UNIT_STORE_FEW_CALLOCS_H

#include <limits.h>
#include <stddef.h>

static int callocs_left = INT_MAX; /* then there is no memory */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *
__wrap_calloc(size_t count, size_t size)
{
    return callocs_left > 0 && callocs_left-- > 0 ? __real_calloc(count, size) : NULL;
}

#endif
