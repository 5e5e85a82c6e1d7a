/* Which pages have memory: by granules, the last of which may be short. */
#include "store/alloc/granules.h"
#include "tests/support/check.h"

#include <criterion/criterion.h>

enum { PAGES = 1000, GRANULE = 16, LAST = PAGES / GRANULE * GRANULE };

static struct granules granules;

static void
setup(void)
{
    must(granules_init(&granules, PAGES, GRANULE));
}

static void
teardown(void)
{
    granules_fini(&granules);
}

TestSuite(granules, .init = setup, .fini = teardown);

static void
expect_cold(uint64_t page, uint64_t end, uint64_t from, uint64_t to)
{
    uint64_t cold_from, cold_to;
    expect(granules_next_cold(&granules, page, end, &cold_from, &cold_to));
    expect_eq(cold_from, from);
    expect_eq(cold_to, to);
}

Test(granules, are_all_cold_at_first)
{
    expect_cold(0, PAGES, 0, PAGES);
    for (uint64_t page = 0; page < PAGES; page++) {
        expect(!granules_are_warm_at(&granules, page));
    }
    expect_eq(granules.warm, 0);
}

Test(granules, that_are_warm_end_and_begin_what_is_cold)
{
    granules_warm(&granules, 3 * GRANULE, 5 * GRANULE);
    expect_eq(granules.warm, 2 * GRANULE);
    expect(!granules_are_warm_at(&granules, 3 * GRANULE - 1));
    expect(granules_are_warm_at(&granules, 3 * GRANULE));
    expect(granules_are_warm_at(&granules, 5 * GRANULE - 1));
    expect(!granules_are_warm_at(&granules, 5 * GRANULE));
    expect_cold(0, PAGES, 0, 3 * GRANULE);
    expect_cold(3 * GRANULE + 1, PAGES, 5 * GRANULE, PAGES);
    uint64_t from, to;
    expect(!granules_next_cold(&granules, 3 * GRANULE, 5 * GRANULE, &from, &to));
}

Test(granules, next_to_a_page_count_whole)
{
    expect_cold(GRANULE + 5, GRANULE + 6, GRANULE, 2 * GRANULE);
    expect_eq(granules_round_down(&granules, 2 * GRANULE - 1), GRANULE);
    expect_eq(granules_round_up(&granules, GRANULE + 1), 2 * GRANULE);
    expect_eq(granules_round_up(&granules, GRANULE), GRANULE);
}

Test(granules, of_one_temperature_are_one_stretch_to_its_end)
{
    granules_warm(&granules, 0, 2 * GRANULE);
    expect_eq(granules_same_until(&granules, 1, PAGES), 2 * GRANULE);
    expect_eq(granules_same_until(&granules, 1, GRANULE + 3), GRANULE + 3);
    expect_eq(granules_same_until(&granules, 2 * GRANULE, PAGES), PAGES);
}

Test(granules, at_the_end_may_be_short)
{
    expect_lt(LAST, PAGES);
    expect_eq(granules_round_up(&granules, LAST + 1), PAGES);
    granules_warm(&granules, LAST, PAGES);
    expect_eq(granules.warm, PAGES - LAST);
    expect(granules_are_warm_at(&granules, PAGES - 1));
    expect_cold(0, PAGES, 0, LAST);
}

Test(granules, a_word_of_bits_is_no_border)
{
    granules_fini(&granules);
    must(granules_init(&granules, 200, 1));
    granules_warm(&granules, 60, 130);
    expect_cold(0, 200, 0, 60);
    expect_cold(60, 200, 130, 200);
    expect_eq(granules_same_until(&granules, 63, 200), 130);
}
