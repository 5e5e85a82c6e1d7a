/* pages_world.h: what the tests of pages begin with. */
#ifndef LODE_TESTS_STORE_PAGES_WORLD_H
#define LODE_TESTS_STORE_PAGES_WORLD_H

#include "store/alloc/pages.h"
#include "tests/support/check.h"

#include <criterion/criterion.h>

enum { GRANULE = 16, PAGES = 1024 };

static struct pages *pages;

static inline void
setup(void)
{
    must(pages_create(PAGES, GRANULE, &pages));
}

static inline void
teardown(void)
{
    expect(pages_check(pages));
    pages_destroy(pages);
}

static inline uint64_t
take(uint64_t count, enum pages_use use)
{
    uint64_t page = UINT64_MAX;
    must(pages_allocate(pages, count, use, &page));
    return page;
}

static inline struct pages_stats
now(void)
{
    struct pages_stats stats;
    pages_stats(pages, &stats);
    return stats;
}

#endif
