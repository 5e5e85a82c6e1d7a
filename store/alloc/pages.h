/*
 * pages.h: which pages of a segment are free. Best fit over [0, page_count), neighbours coalesce,
 * all state on the heap: nothing is kept in the pages themselves.
 *
 * Numbers are pages, not bytes. A page is warm when its granule has been warmed, else cold
 * (granules.h). Each free extent is warm or cold as a whole (extents.h). Allocations take warm
 * extents first: they cost neither time nor memory. Extents that touch, warm and cold, are a
 * *stretch*. An allocation is placed at an end of its stretch, and may lie across both kinds. So
 * large objects find the free pages of a new store in one piece, as they do in an old one. The
 * reserve comes first: where it forbids both ends, cold pages between them are taken.
 *
 * The reserve is a number of warm pages that ordinary allocations leave alone. So the allocations
 * that spend it cannot fail: puts within a session's credit. A count of free pages alone would not
 * do, since they could be scattered. So an extent of n pages counts as n - (PAGES_SPEND_MAX - 1),
 * and a short one as 0:
 *
 *   servable = sum over warm free extents of max(0, length - (PAGES_SPEND_MAX - 1)) >= reserved
 *
 * While that is so and something is reserved, an extent of PAGES_SPEND_MAX pages exists. Spending k
 * pages takes at most k from both sides. Freeing and coalescing only add. So it is enough that
 * every ordinary allocation and pages_reserve() keep the line above.
 *
 * Invariant  each free extent has the temperature of its granules; servable >= reserved.
 * Threads    one. Blocking: never; time O(log extents), and a step for each cold extent,
 *            of which there are few. Errors: as said; nothing changes on error.
 */
#ifndef LODE_STORE_ALLOC_PAGES_H
#define LODE_STORE_ALLOC_PAGES_H

#include <lode/error.h>

/* Pages of the largest allocation that may spend the reserve: 32 KiB and 64 bytes of strides. */
enum { PAGES_SPEND_MAX = 9 };

enum pages_use {
    PAGES_ANY,   /* leaves the reserve alone; may be cold */
    PAGES_WARM,  /* leaves the reserve alone; warm only */
    PAGES_SPEND, /* takes `count` <= PAGES_SPEND_MAX out of the reserve; warm; cannot fail */
};

struct pages;

/* All pages are free and cold. granule_pages: a power of two. Errors: LODE_ENOMEM. */
LODE_MUST_CHECK lode_err pages_create(uint64_t page_count, uint64_t granule_pages,
                                      struct pages **pages_out);
void pages_destroy(struct pages *pages);

/*
 * Takes `count` (>= 1) neighbouring pages.
 *
 * Errors  LODE_EFULL   no such extent that may be used; without a sentence, since the arena tries
 *                      several ways
 */
LODE_MUST_CHECK lode_err pages_allocate(struct pages *pages, uint64_t count, enum pages_use use,
                                        uint64_t *page_out);

/* Gives pages back. The caller must have them: a part of that is asserted. Cannot fail. */
void pages_free(struct pages *pages, uint64_t page, uint64_t count);

/* The granules that cover [page, page + count) have been warmed: they are warm from now on. */
void pages_warm(struct pages *pages, uint64_t page, uint64_t count);

/* Whether all of [page, page + count) is warm. */
bool pages_are_warm(const struct pages *pages, uint64_t page, uint64_t count);

/*
 * The first stretch of cold granules at or after `page`: true, and its bounds, both multiples of
 * the granule (or the end); false: there is none before `end`.
 */
bool pages_next_cold(const struct pages *pages, uint64_t page, uint64_t end, uint64_t *from_out,
                     uint64_t *to_out);

/* The lowest free cold page, rounded down to its granule; false: every free page is warm. */
bool pages_first_cold_free(const struct pages *pages, uint64_t *page_out);

/* Sets `count` warm pages aside. Errors: LODE_EFULL (without a sentence): not so many can be. */
LODE_MUST_CHECK lode_err pages_reserve(struct pages *pages, uint64_t count);
void pages_unreserve(struct pages *pages, uint64_t count);

struct pages_stats {
    uint64_t total, free, warm, reserved; /* pages */
    uint64_t servable;   /* warm pages that may be reserved, reserved ones included */
    uint64_t largest;    /* longest stretch of free pages, warm or cold */
    uint64_t obtainable; /* the most that one allocation gets: credit keeps the rest */
    uint64_t extents;
};
void pages_stats(const struct pages *pages, struct pages_stats *stats_out);

/* The same without `largest` and `obtainable`, which are left 0: O(1). */
void pages_counts(const struct pages *pages, struct pages_stats *stats_out);

/* The length of the longest stretch of free pages, warm or cold, with the reserve's. */
uint64_t pages_longest(const struct pages *pages);

/* Walks everything and compares: for tests and LODE_DEBUG_ASSERT. */
bool pages_check(const struct pages *pages);

#endif
