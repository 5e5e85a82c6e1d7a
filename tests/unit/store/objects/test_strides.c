/* Strides of drafts, and no memory for them. */
#include "tests/support/check.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>

/* The hash's memory comes from here, so that it can run out. */
static bool is_poor;

static void *
hash_memory(size_t size)
{
    return is_poor ? NULL : malloc(size);
}

#define uthash_malloc(size) hash_memory(size)
#include "store/objects/strides.c"

TestSuite(strides, .timeout = 60);

Test(strides, without_memory_are_refused)
{
    static const int64_t strides[LODE_MAX_NDIM] = {5, 1};
    struct strided *notes = NULL;
    is_poor = true;
    expect_eq(strides_note(&notes, 3, strides), LODE_ENOMEM);
    expect(notes == NULL);
    is_poor = false;
    expect_eq(strides_note(&notes, 3, strides), LODE_OK);
    strides_forget(&notes, 3);
    expect(notes == NULL);
}
