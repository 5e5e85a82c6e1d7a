#include "store/alloc/pages.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "store/alloc/lazy.h"
#include "store/alloc/tree.h"

#include <stdlib.h>

/* A free extent; in by_page, and in the by_size of its temperature. Unused: next in `unused`. */
struct extent {
    struct tree_node by_page; /* key: page, 0 */
    struct tree_node by_size; /* key: count, page */
    uint64_t page, count;
    struct extent *next;
    bool warm;
};

struct pages {
    uint64_t total, free, warm, reserved, servable, extents;
    uint64_t granule_count;
    uint32_t granule_shift; /* a granule is so many pages, as a power of two: no division */
    uint64_t *warm_bits;
    struct tree by_page;
    struct tree by_size[2]; /* [warm] */
    struct extent *nodes;   /* lazily touched: as many as there could be free extents */
    uint64_t nodes_max, nodes_used;
    struct extent *unused;
};

static struct extent *
of_page_node(struct tree_node *node)
{
    return node == NULL ? NULL : (struct extent *)((char *)node - offsetof(struct extent, by_page));
}

static struct extent *
of_size_node(struct tree_node *node)
{
    return node == NULL ? NULL : (struct extent *)((char *)node - offsetof(struct extent, by_size));
}

/* What an extent adds to `servable`: pages.h. */
static uint64_t
weight(uint64_t count)
{
    return count < PAGES_SPEND_MAX ? 0 : count - (PAGES_SPEND_MAX - 1);
}

lode_err
pages_create(uint64_t page_count, uint64_t granule_pages, struct pages **pages_out)
{
    lode_err err;
    struct pages *pages = calloc(1, sizeof *pages);
    LODE_ASSERT(page_count > 0);
    LODE_ASSERT(granule_pages > 0 && (granule_pages & (granule_pages - 1)) == 0);
    if (pages == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the allocator");
    }
    pages->total = page_count;
    pages->granule_shift = (uint32_t)__builtin_ctzll(granule_pages);
    pages->granule_count = (page_count + granule_pages - 1) / granule_pages;
    /* Free extents of one temperature do not touch: every second page, and each change of
     * temperature, at most. */
    pages->nodes_max = page_count / 2 + pages->granule_count + 2;
    err = lazy_map(pages->nodes_max, sizeof *pages->nodes, (void **)&pages->nodes);
    if (err != LODE_OK) {
        goto free_pages;
    }
    err = lazy_map(pages->granule_count / 64 + 1, sizeof *pages->warm_bits,
                   (void **)&pages->warm_bits);
    if (err != LODE_OK) {
        goto unmap_nodes;
    }
    pages_free(pages, 0, page_count);
    *pages_out = pages;
    return LODE_OK;

unmap_nodes:
    lazy_unmap(pages->nodes, pages->nodes_max, sizeof *pages->nodes);
free_pages:
    free(pages);
    return err;
}

void
pages_destroy(struct pages *pages)
{
    if (pages != NULL) {
        lazy_unmap(pages->nodes, pages->nodes_max, sizeof *pages->nodes);
        lazy_unmap(pages->warm_bits, pages->granule_count / 64 + 1, sizeof *pages->warm_bits);
        free(pages);
    }
}

static struct extent *
node_take(struct pages *pages)
{
    struct extent *e = pages->unused;
    if (e != NULL) {
        pages->unused = e->next;
        return e;
    }
    LODE_ASSERT(pages->nodes_used < pages->nodes_max);
    return &pages->nodes[pages->nodes_used++];
}

static void
sums_add(struct pages *pages, const struct extent *e)
{
    pages->free += e->count;
    pages->servable += e->warm ? weight(e->count) : 0;
    pages->extents++;
}

static void
sums_subtract(struct pages *pages, const struct extent *e)
{
    pages->free -= e->count;
    pages->servable -= e->warm ? weight(e->count) : 0;
    pages->extents--;
}

static void
extent_remove(struct pages *pages, struct extent *e)
{
    sums_subtract(pages, e);
    tree_remove(&pages->by_page, &e->by_page);
    tree_remove(&pages->by_size[e->warm], &e->by_size);
    e->next = pages->unused;
    pages->unused = e;
}

/* Adds a free range of one temperature, joined with the neighbours of the same. */
static void
extent_add(struct pages *pages, uint64_t page, uint64_t count, bool warm)
{
    struct extent *before = of_page_node(tree_below(&pages->by_page, page, 0));
    struct extent *after = of_page_node(tree_at_least(&pages->by_page, page, 0));
    if (before != NULL && before->page + before->count == page && before->warm == warm) {
        page = before->page;
        count += before->count;
        extent_remove(pages, before);
    }
    if (after != NULL && after->page == page + count && after->warm == warm) {
        count += after->count;
        extent_remove(pages, after);
    }
    struct extent *e = node_take(pages);
    *e = (struct extent){.by_page.major = page,
                         .by_size.major = count,
                         .by_size.minor = page,
                         .page = page,
                         .count = count,
                         .warm = warm};
    tree_insert(&pages->by_page, &e->by_page);
    tree_insert(&pages->by_size[warm], &e->by_size);
    sums_add(pages, e);
}

/* Cuts the first `count` pages off; the key by page grows within its gap, so its place stays. */
static uint64_t
extent_cut(struct pages *pages, struct extent *e, uint64_t count)
{
    uint64_t page = e->page;
    if (count == e->count) {
        extent_remove(pages, e);
        return page;
    }
    sums_subtract(pages, e);
    tree_remove(&pages->by_size[e->warm], &e->by_size);
    e->page += count;
    e->count -= count;
    e->by_page.major = e->page;
    e->by_size.major = e->count;
    e->by_size.minor = e->page;
    tree_insert(&pages->by_size[e->warm], &e->by_size);
    sums_add(pages, e);
    return page;
}

static struct extent *
best_fit(const struct pages *pages, uint64_t count, bool warm)
{
    return of_size_node(tree_at_least(&pages->by_size[warm], count, 0));
}

/* The shortest extent that fits costs `servable` least, so if it may not be used, none may. */
static bool
reserve_allows(const struct pages *pages, const struct extent *e, uint64_t count)
{
    uint64_t lost = weight(e->count) - weight(e->count - count);
    return pages->servable - lost >= pages->reserved;
}

/* A longest stretch of free pages around `e`, whatever their temperature. */
static void
stretch_around(const struct pages *pages, const struct extent *e, uint64_t *from_out,
               uint64_t *to_out)
{
    uint64_t from = e->page, to = e->page + e->count;
    const struct extent *n;
    while ((n = of_page_node(tree_below(&pages->by_page, from, 0))) != NULL &&
           n->page + n->count == from) {
        from = n->page;
    }
    while ((n = of_page_node(tree_at_least(&pages->by_page, to, 0))) != NULL && n->page == to) {
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
    const struct extent *e = of_page_node(tree_below(&pages->by_page, from + 1, 0));
    for (; e != NULL && e->page < to;
         e = of_page_node(tree_at_least(&pages->by_page, e->page + 1, 0))) {
        uint64_t end = e->page + e->count;
        uint64_t left = e->page < from ? from - e->page : 0, right = end > to ? end - to : 0;
        cost += e->warm ? weight(e->count) - weight(left) - weight(right) : 0;
    }
    return cost;
}

static void
stretch_take(struct pages *pages, uint64_t from, uint64_t to)
{
    while (from < to) {
        struct extent *e = of_page_node(tree_below(&pages->by_page, from + 1, 0));
        uint64_t page = e->page, end = e->page + e->count;
        bool warm = e->warm;
        extent_remove(pages, e);
        if (page < from) {
            extent_add(pages, page, from - page, warm);
        }
        if (end > to) {
            extent_add(pages, to, end - to, warm);
        }
        from = end;
    }
}

/*
 * No extent is long enough: perhaps several of different temperature are that touch. Each such
 * stretch has a cold one in it, of which there are few: in most stores one, at the end.
 */
static lode_err
allocate_across(struct pages *pages, uint64_t count, uint64_t *page_out)
{
    struct tree_node *node = tree_at_least(&pages->by_size[false], 0, 0);
    for (; node != NULL;
         node = tree_at_least(&pages->by_size[false], node->major, node->minor + 1)) {
        uint64_t from, to;
        stretch_around(pages, of_size_node(node), &from, &to);
        if (to - from < count) {
            continue;
        }
        uint64_t places[2] = {from, to - count};
        for (int i = 0; i < 2; i++) {
            uint64_t cost = stretch_cost(pages, places[i], places[i] + count);
            if (pages->servable - cost >= pages->reserved) {
                stretch_take(pages, places[i], places[i] + count);
                *page_out = places[i];
                return LODE_OK;
            }
        }
    }
    return LODE_EFULL;
}

lode_err
pages_allocate(struct pages *pages, uint64_t count, enum pages_use use, uint64_t *page_out)
{
    LODE_ASSERT(count > 0);
    struct extent *e = best_fit(pages, count, true);
    if (use == PAGES_SPEND) {
        LODE_ASSERT(count <= PAGES_SPEND_MAX);
        LODE_ASSERT(count <= pages->reserved);
        LODE_ASSERT(e != NULL);
        pages->reserved -= count;
        *page_out = extent_cut(pages, e, count);
        return LODE_OK;
    }
    if (e != NULL && reserve_allows(pages, e, count)) {
        *page_out = extent_cut(pages, e, count);
        return LODE_OK;
    }
    if (use == PAGES_WARM) {
        return LODE_EFULL;
    }
    e = best_fit(pages, count, false);
    if (e != NULL) {
        *page_out = extent_cut(pages, e, count);
        return LODE_OK;
    }
    return allocate_across(pages, count, page_out);
}

static uint64_t
granule_of(const struct pages *pages, uint64_t page)
{
    return page >> pages->granule_shift;
}

static uint64_t
granule_page(const struct pages *pages, uint64_t granule)
{
    return granule << pages->granule_shift;
}

/* The page, rounded to the bounds of its granule; up: at most the last page's end. */
static uint64_t
round_down(const struct pages *pages, uint64_t page)
{
    return granule_page(pages, granule_of(pages, page));
}

static uint64_t
round_up(const struct pages *pages, uint64_t page)
{
    uint64_t end = round_down(pages, page + granule_page(pages, 1) - 1);
    return end < pages->total ? end : pages->total;
}

static bool
granule_is_warm(const struct pages *pages, uint64_t granule)
{
    return pages->warm_bits[granule / 64] >> granule % 64 & 1;
}

/* The end of the stretch of granules of one temperature that begins at `page`, at most `end`. */
static uint64_t
temperature_end(const struct pages *pages, uint64_t page, uint64_t end)
{
    uint64_t granule = granule_of(pages, page);
    bool warm = granule_is_warm(pages, granule);
    do {
        granule++;
    } while (granule_page(pages, granule) < end && granule_is_warm(pages, granule) == warm);
    return granule_page(pages, granule) < end ? granule_page(pages, granule) : end;
}

void
pages_free(struct pages *pages, uint64_t page, uint64_t count)
{
    uint64_t end = page + count;
    LODE_ASSERT(count > 0 && page < pages->total && count <= pages->total - page);
    const struct extent *before = of_page_node(tree_below(&pages->by_page, end, 0));
    LODE_ASSERT(before == NULL || before->page + before->count <= page); /* not free already */
    while (page < end) {
        uint64_t to = temperature_end(pages, page, end);
        extent_add(pages, page, to - page, granule_is_warm(pages, granule_of(pages, page)));
        page = to;
    }
}

/* Makes the free cold extents between `from` and `to`, both bounds of granules, warm. */
static void
warm_free_extents(struct pages *pages, uint64_t from, uint64_t to)
{
    uint64_t upper = to;
    struct extent *e;
    while ((e = of_page_node(tree_below(&pages->by_page, upper, 0))) != NULL &&
           e->page + e->count > from) {
        uint64_t page = e->page, end = e->page + e->count;
        upper = page;
        if (e->warm) {
            continue;
        }
        uint64_t low = page > from ? page : from, high = end < to ? end : to;
        extent_remove(pages, e);
        extent_add(pages, low, high - low, true);
        if (page < low) {
            extent_add(pages, page, low - page, false);
        }
        if (high < end) {
            extent_add(pages, high, end - high, false);
        }
    }
}

void
pages_warm(struct pages *pages, uint64_t page, uint64_t count)
{
    uint64_t from, to;
    LODE_ASSERT(page < pages->total && count <= pages->total - page);
    uint64_t end = round_up(pages, page + count);
    while (pages_next_cold(pages, page, end, &from, &to)) {
        for (uint64_t g = granule_of(pages, from); granule_page(pages, g) < to; g++) {
            pages->warm_bits[g / 64] |= UINT64_C(1) << g % 64;
        }
        pages->warm += to - from;
        warm_free_extents(pages, from, to);
        page = to;
    }
}

bool
pages_next_cold(const struct pages *pages, uint64_t page, uint64_t end, uint64_t *from_out,
                uint64_t *to_out)
{
    uint64_t limit = round_up(pages, end), from = round_down(pages, page);
    if (from < limit && granule_is_warm(pages, granule_of(pages, from))) {
        from = temperature_end(pages, from, limit);
    }
    if (from >= limit) {
        return false;
    }
    *from_out = from;
    *to_out = temperature_end(pages, from, limit);
    return true;
}

bool
pages_are_warm(const struct pages *pages, uint64_t page, uint64_t count)
{
    uint64_t from, to;
    return !pages_next_cold(pages, page, page + count, &from, &to);
}

/* The lowest free page in [from, to). */
static bool
first_free(const struct pages *pages, uint64_t from, uint64_t to, uint64_t *page_out)
{
    const struct extent *e = of_page_node(tree_below(&pages->by_page, from + 1, 0));
    if (e == NULL || e->page + e->count <= from) {
        e = of_page_node(tree_at_least(&pages->by_page, from + 1, 0));
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
    while (pages_next_cold(pages, to, pages->total, &from, &to)) {
        if (first_free(pages, from, to, &page)) {
            *page_out = round_down(pages, page);
            return true;
        }
    }
    return false;
}

lode_err
pages_reserve(struct pages *pages, uint64_t count)
{
    if (count > pages->servable - pages->reserved) {
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

static uint64_t
longest_stretch(const struct pages *pages)
{
    const struct extent *warmest = of_size_node(tree_last(&pages->by_size[true]));
    uint64_t longest = warmest != NULL ? warmest->count : 0;
    struct tree_node *node = tree_at_least(&pages->by_size[false], 0, 0);
    for (; node != NULL;
         node = tree_at_least(&pages->by_size[false], node->major, node->minor + 1)) {
        uint64_t from, to;
        stretch_around(pages, of_size_node(node), &from, &to);
        longest = to - from > longest ? to - from : longest;
    }
    return longest;
}

void
pages_counts(const struct pages *pages, struct pages_stats *stats_out)
{
    *stats_out = (struct pages_stats){.total = pages->total,
                                      .free = pages->free,
                                      .warm = pages->warm,
                                      .reserved = pages->reserved,
                                      .servable = pages->servable,
                                      .extents = pages->extents};
}

void
pages_stats(const struct pages *pages, struct pages_stats *stats_out)
{
    pages_counts(pages, stats_out);
    stats_out->largest = longest_stretch(pages);
}

static bool
same_in_by_size(const struct pages *pages, const struct extent *e)
{
    const struct extent *found =
        of_size_node(tree_at_least(&pages->by_size[e->warm], e->count, e->page));
    return found == e;
}

static uint64_t
tree_count(const struct tree *tree)
{
    uint64_t count = 0;
    for (struct tree_node *n = tree_at_least(tree, 0, 0); n != NULL;
         n = tree_at_least(tree, n->major, n->minor + 1)) {
        count++;
    }
    return count;
}

static bool
temperature_is(const struct pages *pages, const struct extent *e)
{
    for (uint64_t g = granule_of(pages, e->page); granule_page(pages, g) < e->page + e->count;
         g++) {
        if (granule_is_warm(pages, g) != e->warm) {
            return false;
        }
    }
    return true;
}

bool
pages_check(const struct pages *pages)
{
    uint64_t free_pages = 0, servable = 0, extents = 0, end = 0;
    bool warm = false, ok = true;
    const struct extent *e = of_page_node(tree_at_least(&pages->by_page, 0, 0));
    for (; e != NULL; e = of_page_node(tree_at_least(&pages->by_page, e->page + 1, 0))) {
        bool touches = extents > 0 && e->page == end;
        ok = ok && e->count > 0 && e->page >= end && !(touches && e->warm == warm);
        ok = ok && same_in_by_size(pages, e) && temperature_is(pages, e);
        end = e->page + e->count;
        warm = e->warm;
        free_pages += e->count;
        servable += e->warm ? weight(e->count) : 0;
        extents++;
    }
    return ok && end <= pages->total && free_pages == pages->free && servable == pages->servable &&
           extents == pages->extents &&
           extents == tree_count(&pages->by_size[0]) + tree_count(&pages->by_size[1]) &&
           servable >= pages->reserved;
}
