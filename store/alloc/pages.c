#include "store/alloc/pages.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "store/alloc/extents.h"
#include "store/alloc/granules.h"

#include <stdlib.h>

struct pages {
    uint64_t reserved;
    struct granules granules;
    struct extents extents;
};

lode_err
pages_create(uint64_t page_count, uint64_t granule_pages, struct pages **pages_out)
{
    lode_err err;
    struct pages *pages = calloc(1, sizeof *pages);
    LODE_ASSERT(page_count > 0);
    if (pages == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the allocator");
    }
    err = granules_init(&pages->granules, page_count, granule_pages);
    if (err != LODE_OK) {
        goto free_pages;
    }
    /*
     * Free extents of one temperature do not touch: every second page, and each change of
     * temperature, at most.
     */
    err = extents_init(&pages->extents, page_count / 2 + pages->granules.count + 2);
    if (err != LODE_OK) {
        goto end_granules;
    }
    pages_free(pages, 0, page_count);
    *pages_out = pages;
    return LODE_OK;

end_granules:
    granules_fini(&pages->granules);
free_pages:
    free(pages);
    return err;
}

void
pages_destroy(struct pages *pages)
{
    if (pages != NULL) {
        extents_fini(&pages->extents);
        granules_fini(&pages->granules);
        free(pages);
    }
}

/* The shortest extent that fits costs `servable` least, so if it may not be used, none may. */
static bool
reserve_allows(const struct pages *pages, const struct extent *e, uint64_t count)
{
    uint64_t lost = extents_weight(e->count) - extents_weight(e->count - count);
    return pages->extents.servable - lost >= pages->reserved;
}

/* The longest stretch of free pages around `e`, whatever their temperature. */
static void
stretch_around(const struct pages *pages, const struct extent *e, uint64_t *from_out,
               uint64_t *to_out)
{
    uint64_t from = e->page, to = e->page + e->count;
    const struct extent *n;
    while ((n = extents_below(&pages->extents, from)) != NULL && n->page + n->count == from) {
        from = n->page;
    }
    while ((n = extents_from(&pages->extents, to)) != NULL && n->page == to) {
        to = n->page + n->count;
    }
    *from_out = from;
    *to_out = to;
}

/* What taking the free pages [from, to) of several extents would cost `servable`. */
static uint64_t
stretch_cost(const struct pages *pages, uint64_t from, uint64_t to)
{
    uint64_t cost = 0;
    const struct extent *e = extents_below(&pages->extents, from + 1);
    for (; e != NULL && e->page < to; e = extents_from(&pages->extents, e->page + 1)) {
        uint64_t end = e->page + e->count;
        uint64_t left = e->page < from ? from - e->page : 0, right = end > to ? end - to : 0;
        cost +=
            e->warm ? extents_weight(e->count) - extents_weight(left) - extents_weight(right) : 0;
    }
    return cost;
}

static void
stretch_take(struct pages *pages, uint64_t from, uint64_t to)
{
    while (from < to) {
        struct extent *e = extents_below(&pages->extents, from + 1);
        uint64_t page = e->page, end = e->page + e->count;
        bool warm = e->warm;
        extents_remove(&pages->extents, e);
        if (page < from) {
            extents_add(&pages->extents, page, from - page, warm);
        }
        if (end > to) {
            extents_add(&pages->extents, to, end - to, warm);
        }
        from = end;
    }
}

/*
 * Finds a place at an end of the stretch around `e`: the rest of the stretch stays in one piece. Of
 * the two ends it is the one that costs `servable` less. In a young store, whose first pages are
 * warm, that is the far end. False: the stretch is too short, or the reserve forbids both ends.
 */
static bool
find_around(const struct pages *pages, const struct extent *e, uint64_t count, uint64_t *page_out)
{
    uint64_t from, to;
    stretch_around(pages, e, &from, &to);
    if (to - from < count) {
        return false;
    }
    uint64_t at_begin = stretch_cost(pages, from, from + count);
    uint64_t at_end = stretch_cost(pages, to - count, to);
    if (pages->extents.servable - (at_end < at_begin ? at_end : at_begin) < pages->reserved) {
        return false;
    }
    *page_out = at_end < at_begin ? to - count : from;
    return true;
}

/*
 * Finds a place for which cold pages are needed. If no cold extent is long enough, a stretch around
 * one may be. The walk is short: there are few cold extents, in most stores one.
 */
static bool
find_cold(const struct pages *pages, uint64_t count, uint64_t *page_out)
{
    const struct extent *e = extents_fit(&pages->extents, count, false);
    if (e != NULL) {
        if (!find_around(pages, e, count, page_out)) {
            *page_out = e->page; /* both ends have reserved pages; cold ones never are */
        }
        return true;
    }
    for (e = extents_fit(&pages->extents, 0, false); e != NULL;
         e = extents_longer(&pages->extents, e)) {
        if (find_around(pages, e, count, page_out)) {
            return true;
        }
    }
    return false;
}

/*
 * Takes pages off a warm extent that has them. If free cold pages touch the extent's begin and none
 * its end, they are taken from its end. Taken from the begin they would split the stretch, and the
 * next large object would find two short ones.
 */
static uint64_t
cut_warm(struct pages *pages, struct extent *e, uint64_t count)
{
    if (extents_any(&pages->extents, false)) {
        const struct extent *before = extents_below(&pages->extents, e->page);
        const struct extent *after = extents_from(&pages->extents, e->page + e->count);
        if (before != NULL && before->page + before->count == e->page &&
            (after == NULL || after->page != e->page + e->count)) {
            return extents_cut_end(&pages->extents, e, count);
        }
    }
    return extents_cut(&pages->extents, e, count);
}

lode_err
pages_allocate(struct pages *pages, uint64_t count, enum pages_use use, uint64_t *page_out)
{
    LODE_ASSERT(count > 0);
    struct extent *e = extents_fit(&pages->extents, count, true);
    if (use == PAGES_SPEND) {
        LODE_ASSERT(count <= PAGES_SPEND_MAX);
        LODE_ASSERT(count <= pages->reserved);
        LODE_ASSERT(e != NULL);
        pages->reserved -= count;
        *page_out = cut_warm(pages, e, count);
        return LODE_OK;
    }
    if (e != NULL && reserve_allows(pages, e, count)) {
        *page_out = cut_warm(pages, e, count);
        return LODE_OK;
    }
    if (use == PAGES_WARM || !find_cold(pages, count, page_out)) {
        return LODE_EFULL;
    }
    stretch_take(pages, *page_out, *page_out + count);
    return LODE_OK;
}

void
pages_free(struct pages *pages, uint64_t page, uint64_t count)
{
    uint64_t end = page + count;
    LODE_ASSERT(count > 0 && page < pages->granules.pages && count <= pages->granules.pages - page);
    const struct extent *before = extents_below(&pages->extents, end);
    LODE_ASSERT(before == NULL || before->page + before->count <= page); /* not free already */
    while (page < end) {
        uint64_t to = granules_same_until(&pages->granules, page, end);
        extents_add(&pages->extents, page, to - page, granules_are_warm_at(&pages->granules, page));
        page = to;
    }
}

/* Makes the free cold extents between `from` and `to`, both bounds of granules, warm. */
static void
warm_free_extents(struct pages *pages, uint64_t from, uint64_t to)
{
    uint64_t upper = to;
    struct extent *e;
    while ((e = extents_below(&pages->extents, upper)) != NULL && e->page + e->count > from) {
        uint64_t page = e->page, end = e->page + e->count;
        upper = page;
        if (e->warm) {
            continue;
        }
        uint64_t low = page > from ? page : from, high = end < to ? end : to;
        extents_remove(&pages->extents, e);
        extents_add(&pages->extents, low, high - low, true);
        if (page < low) {
            extents_add(&pages->extents, page, low - page, false);
        }
        if (high < end) {
            extents_add(&pages->extents, high, end - high, false);
        }
    }
}

void
pages_warm(struct pages *pages, uint64_t page, uint64_t count)
{
    uint64_t from, to;
    LODE_ASSERT(page < pages->granules.pages && count <= pages->granules.pages - page);
    uint64_t end = granules_round_up(&pages->granules, page + count);
    while (granules_next_cold(&pages->granules, page, end, &from, &to)) {
        granules_warm(&pages->granules, from, to);
        warm_free_extents(pages, from, to);
        page = to;
    }
}

bool
pages_next_cold(const struct pages *pages, uint64_t page, uint64_t end, uint64_t *from_out,
                uint64_t *to_out)
{
    return granules_next_cold(&pages->granules, page, end, from_out, to_out);
}

bool
pages_are_warm(const struct pages *pages, uint64_t page, uint64_t count)
{
    uint64_t from, to;
    return !granules_next_cold(&pages->granules, page, page + count, &from, &to);
}

/* The lowest free page in [from, to). */
static bool
first_free(const struct pages *pages, uint64_t from, uint64_t to, uint64_t *page_out)
{
    const struct extent *e = extents_below(&pages->extents, from + 1);
    if (e == NULL || e->page + e->count <= from) {
        e = extents_from(&pages->extents, from + 1);
    }
    if (e == NULL || e->page >= to) {
        return false;
    }
    *page_out = e->page > from ? e->page : from;
    return true;
}

bool
pages_first_cold_free(const struct pages *pages, uint64_t *page_out)
{
    uint64_t from, to = 0, page;
    while (granules_next_cold(&pages->granules, to, pages->granules.pages, &from, &to)) {
        if (first_free(pages, from, to, &page)) {
            *page_out = granules_round_down(&pages->granules, page);
            return true;
        }
    }
    return false;
}

lode_err
pages_reserve(struct pages *pages, uint64_t count)
{
    if (count > pages->extents.servable - pages->reserved) {
        return LODE_EFULL;
    }
    pages->reserved += count;
    return LODE_OK;
}

void
pages_unreserve(struct pages *pages, uint64_t count)
{
    LODE_ASSERT(count <= pages->reserved);
    pages->reserved -= count;
}

uint64_t
pages_longest(const struct pages *pages)
{
    const struct extent *warmest = extents_longest(&pages->extents, true);
    uint64_t longest = warmest != NULL ? warmest->count : 0;
    const struct extent *e = extents_fit(&pages->extents, 0, false);
    for (; e != NULL; e = extents_longer(&pages->extents, e)) {
        uint64_t from, to;
        stretch_around(pages, e, &from, &to);
        longest = to - from > longest ? to - from : longest;
    }
    return longest;
}

/* Whether pages_allocate() would succeed. */
static bool
is_obtainable(const struct pages *pages, uint64_t count)
{
    uint64_t page;
    const struct extent *e = extents_fit(&pages->extents, count, true);
    return (e != NULL && reserve_allows(pages, e, count)) || find_cold(pages, count, &page);
}

/*
 * How long a stretch one allocation can have: credit keeps pages of the longest one, too. It is
 * looked for by halves, since a shorter allocation succeeds wherever a longer one does.
 */
static uint64_t
most_obtainable(const struct pages *pages, uint64_t longest)
{
    uint64_t most = 0;
    if (longest > 0 && is_obtainable(pages, longest)) {
        return longest;
    }
    for (uint64_t beyond = longest; beyond > most + 1;) {
        uint64_t middle = most + (beyond - most) / 2;
        if (is_obtainable(pages, middle)) {
            most = middle;
        } else {
            beyond = middle;
        }
    }
    return most;
}

void
pages_counts(const struct pages *pages, struct pages_stats *stats_out)
{
    *stats_out = (struct pages_stats){.total = pages->granules.pages,
                                      .free = pages->extents.free,
                                      .warm = pages->granules.warm,
                                      .reserved = pages->reserved,
                                      .servable = pages->extents.servable,
                                      .extents = pages->extents.count};
}

void
pages_stats(const struct pages *pages, struct pages_stats *stats_out)
{
    pages_counts(pages, stats_out);
    stats_out->largest = pages_longest(pages);
    stats_out->obtainable = most_obtainable(pages, stats_out->largest);
}

bool
pages_check(const struct pages *pages)
{
    const struct extent *e = extents_from(&pages->extents, 0);
    for (; e != NULL; e = extents_from(&pages->extents, e->page + 1)) {
        uint64_t end = e->page + e->count;
        if (end > pages->granules.pages ||
            granules_are_warm_at(&pages->granules, e->page) != e->warm ||
            granules_same_until(&pages->granules, e->page, end) != end) {
            return false;
        }
    }
    return extents_check(&pages->extents) && pages->extents.servable >= pages->reserved;
}
