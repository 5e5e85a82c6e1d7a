/* Small allocations: they do not overlap, runs come and go, and credit is a guarantee. */
#include "store/alloc/slab.h"
#include "tests/support/check.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { PAGES = 512, LINES = PAGES * 64 };

static struct pages *pages;
static struct slab *slab;

static void
setup(void)
{
    must(pages_create(PAGES, 16, &pages));
    must(slab_create(pages, PAGES, &slab));
    pages_warm(pages, 0, PAGES);
}

static void
teardown(void)
{
    expect(slab_check(slab));
    expect(pages_check(pages));
    slab_destroy(slab);
    pages_destroy(pages);
}

TestSuite(slab, .init = setup, .fini = teardown, .timeout = 300);

static uint64_t
free_pages(void)
{
    struct pages_stats stats;
    pages_counts(pages, &stats);
    return stats.free;
}

static uint64_t
take(uint64_t size)
{
    uint64_t offset = UINT64_MAX;
    must(slab_allocate(slab, size, false, &offset));
    expect_eq(offset % 64, 0);
    return offset;
}

Test(slab, objects_of_one_size_share_a_run)
{
    uint64_t a = take(1024), b = take(1000);
    expect_eq(b - a, 1024);
    expect_eq(free_pages(), PAGES - SLAB_RUN_PAGES);
    slab_free(slab, a, 1024);
    expect_eq(take(1024), a); /* the lowest free slot */
    slab_free(slab, a, 1024);
    slab_free(slab, b, 1000);
}

Test(slab, every_size_fits_its_slot_and_wastes_at_most_a_fifth_of_it)
{
    for (uint64_t size = 1; size <= SLAB_OBJECT_MAX; size += size < 600 ? 1 : 61) {
        struct slab_stats before, after;
        slab_stats(slab, &before);
        uint64_t offset = take(size);
        slab_stats(slab, &after);
        uint64_t slot = after.object_bytes - before.object_bytes;
        uint64_t lines = (size + 63) / 64;
        expect_le(lines * 64, slot);
        expect_le(slot * 4, lines * 64 * 5);
        slab_free(slab, offset, size);
    }
}

Test(slab, sizes_above_the_largest_slot_get_whole_pages)
{
    uint64_t a = take(SLAB_OBJECT_MAX + 1), b = take(SLAB_SIZE_MAX);
    expect_eq(a % 4096, 0);
    expect_eq(free_pages(), PAGES - 5 - 9);
    slab_free(slab, a, SLAB_OBJECT_MAX + 1);
    slab_free(slab, b, SLAB_SIZE_MAX);
    expect_eq(free_pages(), PAGES);
}

Test(slab, one_empty_run_is_kept_until_it_is_asked_back)
{
    uint64_t at[130];
    for (int i = 0; i < 130; i++) {
        at[i] = take(1024); /* 64 to a run: three runs */
    }
    expect_eq(free_pages(), PAGES - 3 * SLAB_RUN_PAGES);
    for (int i = 0; i < 130; i++) {
        slab_free(slab, at[i], 1024);
    }
    expect_eq(free_pages(), PAGES - SLAB_RUN_PAGES);
    expect_eq(slab_trim(slab), SLAB_RUN_PAGES);
    expect_eq(slab_trim(slab), 0);
    expect_eq(free_pages(), PAGES);
}

Test(slab, full_and_then_room)
{
    uint64_t offset, count = 0, first = 0;
    while (slab_allocate(slab, 4096, false, &offset) == LODE_OK) {
        first = count++ == 0 ? offset : first;
    }
    expect_eq(count, PAGES);
    expect_eq(free_pages(), 0);
    slab_free(slab, first, 4096);
    expect_eq(take(4096), first);
}

Test(slab, without_a_whole_run_small_objects_get_pages_of_their_own)
{
    uint64_t page, first, second;
    must(pages_allocate(pages, PAGES - 15, PAGES_ANY, &page));
    first = take(64);
    second = take(64);
    expect_eq(first % 4096, 0);
    expect_ne(first / 4096, second / 4096);
    slab_free(slab, first, 64);
    slab_free(slab, second, 64);
    expect_eq(free_pages(), 15);
}

Test(slab, cold_pages_are_never_used)
{
    struct pages *cold;
    struct slab *over;
    uint64_t offset;
    must(pages_create(64, 16, &cold));
    must(slab_create(cold, 64, &over));
    fails(slab_allocate(over, 64, false, &offset), LODE_EFULL);
    pages_warm(cold, 32, 1);
    must(slab_allocate(over, 64, false, &offset));
    expect_eq(offset / 4096, 32);
    slab_destroy(over);
    pages_destroy(cold);
}

/* The reserve is spent in the dearest way: other sizes each time, nothing else left. */
Test(slab, credit_is_a_guarantee)
{
    uint64_t offset, page, left = 100;
    must(pages_reserve(pages, left));
    while (pages_allocate(pages, 1, PAGES_ANY, &page) == LODE_OK) {
    }
    for (uint64_t size = SLAB_SIZE_MAX; left > 0; size = size * 7 / 9 + 1) {
        uint64_t count = slab_pages_of(size);
        if (count <= left) {
            must(slab_allocate(slab, size, true, &offset));
            left -= count;
        }
    }
    struct pages_stats stats;
    pages_stats(pages, &stats);
    expect_eq(stats.reserved, 0);
}

Test(slab, an_object_on_credit_spends_its_pages_even_where_a_slot_was_free)
{
    uint64_t a, b;
    struct pages_stats stats;
    must(pages_reserve(pages, 2));
    must(slab_allocate(slab, 100, true, &a));
    must(slab_allocate(slab, 100, true, &b));
    pages_stats(pages, &stats);
    expect_eq(stats.reserved, 0);
    expect_eq(b - a, 128);
}

/* ---- against a map of lines ------------------------------------------------------------------ */

static uint64_t random_state;

static uint64_t
draw(uint64_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % below;
}

struct model {
    bool taken[LINES];
    uint64_t at[LINES], size[LINES];
    size_t live;
    uint64_t failed;
};

static void
model_mark(struct model *m, uint64_t offset, uint64_t size, bool taken)
{
    uint64_t first = offset / 64, lines = (size + 63) / 64;
    expect_le(first + lines, LINES);
    for (uint64_t i = first; i < first + lines; i++) {
        expect_eq(m->taken[i], !taken);
        m->taken[i] = taken;
    }
}

static void
step_allocate(struct model *m)
{
    uint64_t offset, size = draw(8) == 0 ? draw(SLAB_SIZE_MAX) + 1 : draw(2000) + 1;
    bool spend = draw(4) == 0;
    if (spend && pages_reserve(pages, slab_pages_of(size)) != LODE_OK) {
        spend = false;
    }
    if (slab_allocate(slab, size, spend, &offset) != LODE_OK) {
        expect(!spend);
        m->failed++;
        return;
    }
    model_mark(m, offset, size, true);
    m->at[m->live] = offset;
    m->size[m->live++] = size;
}

static void
step_free(struct model *m)
{
    if (m->live == 0) {
        return;
    }
    size_t i = draw(m->live);
    slab_free(slab, m->at[i], m->size[i]);
    model_mark(m, m->at[i], m->size[i], false);
    m->live--;
    m->at[i] = m->at[m->live];
    m->size[i] = m->size[m->live];
}

static void
run_model(uint64_t seed)
{
    struct model *m = calloc(1, sizeof *m);
    random_state = seed;
    for (int i = 0; i < 40000; i++) {
        bool filling = i / 5000 % 2 == 0;
        if (draw(10) < (filling ? 7U : 3U)) {
            step_allocate(m);
        } else {
            step_free(m);
        }
        if (i % 100 == 0) {
            expect(slab_check(slab));
            expect(pages_check(pages));
        }
    }
    expect_lt(50, m->failed);
    while (m->live > 0) {
        step_free(m);
    }
    (void)slab_trim(slab);
    expect_eq(free_pages(), PAGES);
    struct slab_stats stats;
    slab_stats(slab, &stats);
    expect_eq(stats.objects + stats.runs + stats.object_bytes, 0);
    free(m);
}

Test(slab, objects_never_overlap)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        run_model(seed);
    }
}
