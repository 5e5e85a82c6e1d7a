/*
 * granules.h: which pages of a segment have memory. A segment is warmed in granules: a granule
 * is a fixed number of pages, a power of two. A granule is cold until it has memory, and warm
 * from then on. The last one may be short.
 *
 * Numbers are pages, not bytes, and not granules. Ownership: the struct is the caller's. Threads:
 * one. Nothing blocks; only granules_init() can fail.
 */
#ifndef LODE_STORE_ALLOC_GRANULES_H
#define LODE_STORE_ALLOC_GRANULES_H

#include <lode/error.h>

struct granules {
    uint64_t pages, warm; /* all, and those that are warm */
    uint64_t count;       /* of granules */
    uint32_t shift;       /* a granule is so many pages, as a power of two: no division */
    uint64_t *bits;       /* a granule each: 1 is warm */
};

/* All cold. granule_pages: a power of two. Errors: LODE_ENOMEM. */
LODE_MUST_CHECK lode_err granules_init(struct granules *granules, uint64_t page_count,
                                       uint64_t granule_pages);
void granules_fini(struct granules *granules);

/* Whether the granule of a page is warm. */
static inline bool
granules_are_warm_at(const struct granules *granules, uint64_t page)
{
    uint64_t granule = page >> granules->shift;
    return granules->bits[granule / 64] >> granule % 64 & 1;
}

/* The page, rounded down or up to a bound of its granule; up gives at most the segment's end. */
static inline uint64_t
granules_round_down(const struct granules *granules, uint64_t page)
{
    return page >> granules->shift << granules->shift;
}

static inline uint64_t
granules_round_up(const struct granules *granules, uint64_t page)
{
    uint64_t end = granules_round_down(granules, page + (UINT64_C(1) << granules->shift) - 1);
    return end < granules->pages ? end : granules->pages;
}

/* The end of the stretch of one temperature that begins at `page`, at most `end`. */
uint64_t granules_same_until(const struct granules *granules, uint64_t page, uint64_t end);

/* The first stretch that is cold, at or after the granule of `page`: pages_next_cold(). */
bool granules_next_cold(const struct granules *granules, uint64_t page, uint64_t end,
                        uint64_t *from_out, uint64_t *to_out);

/* The cold pages [from, to), both bounds of granules, have memory from now on. */
void granules_warm(struct granules *granules, uint64_t from, uint64_t to);

#endif
