/* Which results were made once. */
#include "tests/support/check.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* The hash's memory comes from here, so that it can run out. */
static bool is_poor;

static void *
hash_memory(size_t size)
{
    return is_poor ? NULL : malloc(size);
}

#define uthash_malloc(size) hash_memory(size)
#include "api/layout/births.c"

static struct lode_births births;

static void
teardown(void)
{
    lode_births_clear(&births);
}

TestSuite(births, .fini = teardown, .timeout = 60);

Test(births, are_remembered_one_by_one)
{
    lode_births_note(&births, 5);
    expect(lode_births_has(&births, 5));
    expect(!lode_births_has(&births, 4));
    expect(!lode_births_has(&births, 5 + LODE_BIRTHS_CHUNK));
}

Test(births, that_are_forgotten_one_by_one_take_no_memory)
{
    for (uint64_t i = 1; i < 10; i++) {
        lode_births_note(&births, i);
        lode_births_note(&births, i + 7 * LODE_BIRTHS_CHUNK);
    }
    expect_eq(births.count, 2);
    for (uint64_t i = 1; i < 10; i++) {
        expect(lode_births_has(&births, i));
        lode_births_forget(&births, i);
        lode_births_forget(&births, i); /* again: nothing */
        expect(!lode_births_has(&births, i));
        expect(lode_births_has(&births, i + 7 * LODE_BIRTHS_CHUNK));
        lode_births_forget(&births, i + 7 * LODE_BIRTHS_CHUNK);
    }
    expect_eq(births.count, 0);
}

Test(births, that_are_complete_take_no_memory)
{
    for (uint64_t i = 1; i < 1000000; i++) {
        lode_births_note(&births, i);
        expect_le(births.count, 1);
    }
    expect_eq(births.floor, 1000000 / LODE_BIRTHS_CHUNK);
    expect(lode_births_has(&births, 1) && lode_births_has(&births, 999999));
    expect(!lode_births_has(&births, 1000000));
}

Test(births, out_of_order_are_the_same)
{
    for (uint64_t i = 3 * LODE_BIRTHS_CHUNK - 1; i > 0; i--) {
        expect(!lode_births_has(&births, i));
        lode_births_note(&births, i);
        lode_births_note(&births, i);
    }
    expect_eq(births.floor, 3);
    expect_eq(births.count, 0);
}

Test(births, of_a_wild_counter_are_bounded)
{
    for (uint64_t i = 1; i < 20000; i++) {
        lode_births_note(&births, i << 40);
    }
    expect_eq(births.count, LODE_BIRTHS_CHUNKS_MAX);
}

Test(births, without_memory_are_forgotten)
{
    is_poor = true;
    expect(!lode_births_note(&births, 5));
    expect(!lode_births_has(&births, 5));
    expect_eq(births.count, 0);
    is_poor = false;
    expect(lode_births_note(&births, 5));
    expect(lode_births_has(&births, 5));
}

Test(births, none_in_a_span_is_said_only_if_it_is_certain)
{
    enum { CHUNK = LODE_BIRTHS_CHUNK };
    lode_births_note(&births, 70);
    lode_births_note(&births, 5 * CHUNK);
    expect(!lode_births_none(&births, 0, 1)); /* there is no counter 0 */
    expect(lode_births_none(&births, 1, 69));
    expect(lode_births_none(&births, 71, 5 * CHUNK - 1));
    expect(!lode_births_none(&births, 70, 70));
    expect(!lode_births_none(&births, 1, 70));
    expect(!lode_births_none(&births, 71, 5 * CHUNK));
    expect(!lode_births_none(&births, 1, UINT64_MAX >> 40));
    expect(lode_births_none(&births, 5 * CHUNK + 1, 9 * CHUNK));
    expect(lode_births_none(&births, UINT64_MAX - 1, UINT64_MAX));
    for (uint64_t i = 1; i < CHUNK; i++) {
        lode_births_note(&births, i);
    }
    expect_eq(births.floor, 1);
    expect(!lode_births_none(&births, 1, 1));
    expect(lode_births_none(&births, CHUNK, CHUNK));
}

Test(births, of_which_not_all_are_remembered_are_none_in_no_span)
{
    for (uint64_t i = 1; i < 20000; i++) {
        lode_births_note(&births, i << 40);
    }
    expect(!lode_births_none(&births, 1, 2));
    lode_births_forget(&births, UINT64_C(1) << 40); /* there is room again */
    expect(!lode_births_none(&births, 19999ULL << 40, 19999ULL << 40));
    lode_births_clear(&births);
    expect(lode_births_none(&births, 1, 2));
}
