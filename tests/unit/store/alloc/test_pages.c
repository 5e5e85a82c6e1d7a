/* The page allocator: against a plain map of pages, and what it promises about the reserve. */
#include "store/alloc/pages.h"
#include "tests/support/check.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { GRANULE = 16, PAGES = 1024 };

static struct pages *pages;

static void
setup(void)
{
    must(pages_create(PAGES, GRANULE, &pages));
}

static void
teardown(void)
{
    expect(pages_check(pages));
    pages_destroy(pages);
}

TestSuite(pages, .init = setup, .fini = teardown, .timeout = 300);

static uint64_t
take(uint64_t count, enum pages_use use)
{
    uint64_t page = UINT64_MAX;
    must(pages_allocate(pages, count, use, &page));
    return page;
}

static struct pages_stats
now(void)
{
    struct pages_stats stats;
    pages_stats(pages, &stats);
    return stats;
}

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

/* ---- against a model ------------------------------------------------------------------------ */

struct model {
    bool taken[PAGES], warm[PAGES];
    uint64_t at[PAGES], count[PAGES]; /* live allocations */
    size_t live;
    uint64_t reserved;
    uint64_t failed, spent; /* so that the test knows that it tested something */
};

static uint64_t random_state;

static uint64_t
draw(uint64_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % below;
}

static uint64_t
longest_run(const struct model *m, bool warm_only)
{
    uint64_t longest = 0, run = 0;
    for (size_t i = 0; i < PAGES; i++) {
        run = m->taken[i] || (warm_only && !m->warm[i]) ? 0 : run + 1;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static void
model_take(struct model *m, uint64_t page, uint64_t count, bool warm_only)
{
    expect_le(page + count, PAGES);
    for (uint64_t i = page; i < page + count; i++) {
        expect(!m->taken[i]);
        expect(!warm_only || m->warm[i]);
        m->taken[i] = true;
    }
    m->at[m->live] = page;
    m->count[m->live++] = count;
}

static void
step_allocate(struct model *m)
{
    uint64_t page, count = draw(10) == 0 ? draw(400) + 1 : draw(24) + 1;
    enum pages_use use = draw(3) == 0 ? PAGES_WARM : PAGES_ANY;
    if (m->reserved > 0 && draw(3) == 0) {
        use = PAGES_SPEND;
        count = draw(PAGES_SPEND_MAX) + 1;
        count = count < m->reserved ? count : m->reserved;
        m->reserved -= count;
        m->spent++;
    }
    lode_err err = pages_allocate(pages, count, use, &page);
    if (err == LODE_OK) {
        model_take(m, page, count, use != PAGES_ANY);
        return;
    }
    expect_ne(use, PAGES_SPEND);
    m->failed++;
    if (m->reserved == 0) {
        expect_lt(longest_run(m, use == PAGES_WARM), count);
    }
}

static void
step_free(struct model *m)
{
    if (m->live == 0) {
        return;
    }
    size_t i = draw(m->live);
    pages_free(pages, m->at[i], m->count[i]);
    memset(m->taken + m->at[i], 0, m->count[i]);
    m->live--;
    m->at[i] = m->at[m->live];
    m->count[i] = m->count[m->live];
}

static void
step_warm(struct model *m)
{
    uint64_t page = draw(PAGES), count = draw(40) + 1;
    count = count < PAGES - page ? count : PAGES - page;
    pages_warm(pages, page, count);
    for (uint64_t i = page / GRANULE * GRANULE;
         i < (page + count + GRANULE - 1) / GRANULE * GRANULE; i++) {
        m->warm[i] = true;
    }
}

static void
step_reserve(struct model *m)
{
    uint64_t count = draw(40);
    if (draw(3) == 0 && count <= m->reserved) {
        pages_unreserve(pages, count);
        m->reserved -= count;
    } else if (pages_reserve(pages, count) == LODE_OK) {
        m->reserved += count;
    }
}

/* One allocation has so much, and not a page more. */
static void
compare_obtainable(uint64_t obtainable)
{
    uint64_t page;
    fails(pages_allocate(pages, obtainable + 1, PAGES_ANY, &page), LODE_EFULL);
    if (obtainable > 0) {
        must(pages_allocate(pages, obtainable, PAGES_ANY, &page));
        expect(pages_check(pages));
        pages_free(pages, page, obtainable);
    }
}

static void
compare(const struct model *m)
{
    struct pages_stats stats = now();
    uint64_t free_pages = 0, warm = 0;
    for (size_t i = 0; i < PAGES; i++) {
        free_pages += !m->taken[i];
        warm += m->warm[i];
    }
    expect(pages_check(pages));
    expect_eq(stats.free, free_pages);
    expect_eq(stats.warm, warm);
    expect_eq(stats.reserved, m->reserved);
    expect_eq(stats.largest, longest_run(m, false));
    compare_obtainable(stats.obtainable);
    for (int i = 0; i < 4; i++) {
        uint64_t page = draw(PAGES), count = draw(PAGES - page) + 1;
        bool all = true;
        for (uint64_t j = page; j < page + count; j++) {
            all = all && m->warm[j];
        }
        expect_eq(pages_are_warm(pages, page, count), all);
    }
}

static void
run_model(uint64_t seed)
{
    struct model m = {0};
    random_state = seed;
    for (int i = 0; i < 6000; i++) {
        /* Phases that fill and phases that empty, so that both ends are met. */
        bool filling = i / 500 % 2 == 0;
        uint64_t what = draw(20);
        if (what == 0) {
            step_reserve(&m);
        } else if (what == 1 && draw(5) == 0) {
            step_warm(&m);
        } else if (what < (filling ? 13U : 8U)) {
            step_allocate(&m);
        } else {
            step_free(&m);
        }
        compare(&m);
    }
    expect_lt(100, m.failed);
    expect_lt(20, m.spent);
    while (m.live > 0) {
        step_free(&m);
    }
    pages_unreserve(pages, m.reserved);
    expect_eq(now().free, PAGES);
}

Test(pages, behave_as_a_map_of_pages_does)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        pages_destroy(pages);
        setup();
        run_model(seed);
    }
}

/*
 * Nothing is freed: each allocation leaves the rest in one piece, so that one fails only if it asks
 * for more than is free. Meanwhile the lowest free pages become warm, as a store does it ahead of
 * need, and the pages of objects, sooner or later.
 */
static void
fill_a_fresh_one(uint64_t seed)
{
    uint64_t at[PAGES], counts[PAGES], page, lowest;
    size_t live = 0, warmed = 0;
    random_state = seed;
    uint64_t most = draw(2) ? 24 : 300;
    for (;;) {
        if (draw(3) == 0 && pages_first_cold_free(pages, &lowest)) {
            pages_warm(pages, lowest, 1);
        }
        while (warmed < live && draw(2) == 0) {
            pages_warm(pages, at[warmed], counts[warmed]);
            warmed++;
        }
        uint64_t count = draw(most) + 1;
        lode_err err = pages_allocate(pages, count, PAGES_ANY, &page);
        if (err != LODE_OK) {
            expect_lt(now().free, count);
            return;
        }
        at[live] = page;
        counts[live++] = count;
        expect_eq(now().largest, now().free);
        expect_eq(now().obtainable, now().free);
        expect(pages_check(pages));
    }
}

Test(pages, what_is_left_of_a_fresh_one_stays_in_one_piece)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        pages_destroy(pages);
        setup();
        fill_a_fresh_one(seed);
    }
}

/* The reserve of many pages, spent to the last in the worst sizes, from the most broken heap. */
Test(pages, a_reserve_can_be_spent_to_the_last_page_in_any_sizes)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct pages *p;
        uint64_t page, reserve = 0;
        random_state = seed;
        must(pages_create(PAGES, GRANULE, &p));
        pages_warm(p, 0, PAGES);
        uint64_t at[PAGES], counts[PAGES];
        size_t live = 0;
        while (pages_allocate(p, counts[live] = draw(30) + 1, PAGES_ANY, &page) == LODE_OK) {
            at[live++] = page;
        }
        for (size_t i = 0; i < live; i += 2) {
            pages_free(p, at[i], counts[i]);
        }
        while (pages_reserve(p, 1) == LODE_OK) {
            reserve++;
        }
        expect_lt(0, reserve);
        while (pages_allocate(p, draw(9) + 1, PAGES_ANY, &page) == LODE_OK) {
        }
        while (reserve > 0) {
            uint64_t count = seed % 2 ? PAGES_SPEND_MAX : draw(PAGES_SPEND_MAX) + 1;
            count = count < reserve ? count : reserve;
            must(pages_allocate(p, count, PAGES_SPEND, &page));
            reserve -= count;
            expect(pages_check(p));
        }
        pages_destroy(p);
    }
}
