/* The page allocator: what it takes and gives, and what it promises about the reserve. */
#include "tests/unit/store/alloc/pages_world.h"

TestSuite(pages, .init = setup, .fini = teardown, .timeout = 300);

Test(pages, all_are_free_and_cold_at_first)
{
    expect_eq(now().free, PAGES);
    expect_eq(now().largest, PAGES);
    expect_eq(now().warm, 0);
    expect_eq(now().servable, 0);
    expect(!pages_are_warm(pages, 0, 1));
}

Test(pages, one_allocation_can_have_everything_and_then_nothing_is_left)
{
    uint64_t page = 7;
    expect_eq(take(PAGES, PAGES_ANY), 0);
    fails(pages_allocate(pages, 1, PAGES_ANY, &page), LODE_EFULL);
    expect_eq(page, 7);
    pages_free(pages, 0, PAGES);
    expect_eq(take(PAGES, PAGES_ANY), 0);
    pages_free(pages, 0, PAGES);
}

Test(pages, the_shortest_hole_that_fits_is_taken)
{
    pages_warm(pages, 0, PAGES);
    uint64_t a = take(20, PAGES_ANY), wall1 = take(1, PAGES_ANY);
    uint64_t b = take(12, PAGES_ANY), wall2 = take(1, PAGES_ANY);
    uint64_t c = take(15, PAGES_ANY), wall3 = take(1, PAGES_ANY);
    pages_free(pages, a, 20);
    pages_free(pages, b, 12);
    pages_free(pages, c, 15);
    expect_eq(take(13, PAGES_ANY), c);
    expect_eq(take(12, PAGES_ANY), b);
    expect_eq(take(16, PAGES_ANY), a);
    expect_lt(wall1, wall2);
    expect_lt(wall2, wall3);
}

Test(pages, neighbours_become_one_again_in_any_order)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    pages_warm(pages, 0, PAGES);
    for (int i = 0; i < 6; i++) {
        uint64_t part[3] = {take(10, PAGES_ANY), take(20, PAGES_ANY), take(30, PAGES_ANY)};
        static const uint64_t counts[3] = {10, 20, 30};
        for (int j = 0; j < 3; j++) {
            pages_free(pages, part[orders[i][j]], counts[orders[i][j]]);
            expect(pages_check(pages));
        }
        expect_eq(now().extents, 1);
    }
}

Test(pages, warm_pages_are_preferred_even_where_a_cold_hole_fits_better)
{
    expect_eq(take(100, PAGES_ANY), 0);
    pages_warm(pages, 512, 256);
    expect_eq(take(5, PAGES_ANY), 512);
    pages_free(pages, 512, 5);
    expect_eq(take(300, PAGES_ANY), 100); /* from the cold ones before 512 */
}

Test(pages, an_allocation_may_lie_across_warm_and_cold)
{
    pages_warm(pages, 0, 32);
    uint64_t page = take(PAGES - 10, PAGES_ANY);
    expect(!pages_are_warm(pages, page, PAGES - 10));
    expect_eq(now().free, 10);
    pages_free(pages, page, PAGES - 10);
    expect_eq(now().largest, PAGES);
    expect_eq(now().extents, 2);
}

/* So the last one can lie across the bound between them. */
Test(pages, a_cold_place_is_at_the_far_end_from_the_warm_ones)
{
    pages_warm(pages, 0, 64);
    expect_eq(take(400, PAGES_ANY), PAGES - 400);
    expect_eq(take(400, PAGES_ANY), PAGES - 800);
    expect_eq(take(200, PAGES_ANY), PAGES - 1000);
    expect_eq(now().largest, 24);
}

/* What an object's last granule has beside the object is warm with it, and free. */
Test(pages, warm_ones_behind_cold_ones_are_taken_from_their_end)
{
    pages_warm(pages, 0, GRANULE);
    uint64_t page = take(100, PAGES_ANY);
    pages_warm(pages, page, 100);
    expect_eq(take(GRANULE - 1, PAGES_ANY), 0);
    expect_eq(take(5, PAGES_WARM), page - 5);
    expect_eq(take(200, PAGES_ANY), GRANULE - 1);
    expect_eq(now().free, now().largest);
}

Test(pages, warm_only_leaves_cold_pages_alone)
{
    uint64_t page;
    fails(pages_allocate(pages, 1, PAGES_WARM, &page), LODE_EFULL);
    pages_warm(pages, 100, 1);
    expect_eq(now().warm, GRANULE);
    expect_eq(take(GRANULE, PAGES_WARM), 96);
    fails(pages_allocate(pages, 1, PAGES_WARM, &page), LODE_EFULL);
}

Test(pages, what_is_taken_while_it_becomes_warm_comes_back_warm)
{
    uint64_t page = take(40, PAGES_ANY);
    pages_warm(pages, page, 40);
    expect(pages_are_warm(pages, page, 40));
    pages_free(pages, page, 40);
    expect_eq(now().servable, 48 - (PAGES_SPEND_MAX - 1));
    uint64_t from, to;
    expect(pages_next_cold(pages, 0, PAGES, &from, &to));
    expect_eq(from, 48);
    expect_eq(to, PAGES);
}

Test(pages, the_first_cold_free_page_skips_what_is_taken)
{
    uint64_t page;
    pages_warm(pages, 0, 64);
    expect_eq(take(64, PAGES_WARM), 0);
    expect_eq(take(80, PAGES_ANY), 64);
    expect(pages_first_cold_free(pages, &page));
    expect_eq(page, 144);
    pages_warm(pages, 0, PAGES);
    expect(!pages_first_cold_free(pages, &page));
}

Test(pages, the_last_granule_may_be_short)
{
    struct pages *odd;
    uint64_t from, to;
    must(pages_create(100, 64, &odd));
    expect(pages_next_cold(odd, 70, 100, &from, &to));
    expect_eq(from, 64);
    expect_eq(to, 100);
    pages_warm(odd, 99, 1);
    struct pages_stats stats;
    pages_stats(odd, &stats);
    expect_eq(stats.warm, 36);
    expect(pages_check(odd));
    pages_destroy(odd);
}

Test(pages, only_warm_pages_can_be_reserved)
{
    fails(pages_reserve(pages, 1), LODE_EFULL);
    pages_warm(pages, 0, 32);
    must(pages_reserve(pages, 24));
    fails(pages_reserve(pages, 1), LODE_EFULL);
    pages_unreserve(pages, 24);
    must(pages_reserve(pages, 24));
}

Test(pages, ordinary_allocations_leave_the_reserve)
{
    uint64_t page;
    pages_warm(pages, 0, PAGES);
    must(pages_reserve(pages, 16));
    expect_eq(take(PAGES - 24, PAGES_ANY), 0); /* 24 warm pages in one serve 16 */
    fails(pages_allocate(pages, 1, PAGES_ANY, &page), LODE_EFULL);
    fails(pages_allocate(pages, 1, PAGES_WARM, &page), LODE_EFULL);
    (void)take(9, PAGES_SPEND);
    (void)take(7, PAGES_SPEND);
    expect_eq(now().reserved, 0);
    (void)take(8, PAGES_ANY);
}

Test(pages, across_warm_and_cold_the_reserve_is_left_too)
{
    uint64_t page;
    pages_warm(pages, 0, 32);
    must(pages_reserve(pages, 20));
    /* Everything but the first 28 pages, which serve 20. */
    expect_eq(take(PAGES - 28, PAGES_ANY), 28);
    fails(pages_allocate(pages, 1, PAGES_ANY, &page), LODE_EFULL);
    for (int i = 0; i < 20; i++) {
        (void)take(1, PAGES_SPEND);
    }
}

/* Holes of 8 pages serve no request of 9, so they must not count for the reserve. */
Test(pages, scattered_pages_are_not_promised)
{
    pages_warm(pages, 0, PAGES);
    uint64_t at[PAGES / 9];
    size_t count = 0;
    uint64_t page, wall;
    while (pages_allocate(pages, 8, PAGES_ANY, &page) == LODE_OK) {
        at[count++] = page;
        if (pages_allocate(pages, 1, PAGES_ANY, &wall) != LODE_OK) {
            break;
        }
    }
    for (size_t i = 0; i < count; i++) {
        pages_free(pages, at[i], 8);
    }
    expect_le(count * 8, now().free);
    fails(pages_reserve(pages, 1), LODE_EFULL);
}
