/* The page allocator against a plain map of pages, and in long random runs. */
#include "tests/unit/store/alloc/pages_world.h"

#include <stdlib.h>
#include <string.h>

TestSuite(pages_model, .init = setup, .fini = teardown, .timeout = 300);

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

Test(pages_model, behave_as_a_map_of_pages_does)
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

Test(pages_model, what_is_left_of_a_fresh_one_stays_in_one_piece)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        pages_destroy(pages);
        setup();
        fill_a_fresh_one(seed);
    }
}

/* The reserve of many pages, spent to the last in the worst sizes, from the most broken heap. */
Test(pages_model, a_reserve_can_be_spent_to_the_last_page_in_any_sizes)
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
