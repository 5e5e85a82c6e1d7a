/*
 * extents.h: the free stretches of a segment, by place and by length. Each stretch is warm or cold
 * (granules.h). Which of them may be taken is for pages.h to say.
 *
 * Invariant  no two stretches of one temperature touch. Both kinds of trees hold the same extents.
 *            `free`, `servable` (pages.h) and `count` are their sums.
 * Ownership  the struct is the caller's. Each extent is the set's, and valid until it is removed,
 *            cut to its end, or joined with a neighbour by extents_add().
 * Threads    one. Blocking: never; time O(log extents). Only extents_init() can fail.
 */
#ifndef LODE_STORE_ALLOC_EXTENTS_H
#define LODE_STORE_ALLOC_EXTENTS_H

#include "store/alloc/pages.h"
#include "store/alloc/tree.h"

/* In by_page, and in the by_size of its temperature. Unused: next in `unused`. */
struct extent {
    struct tree_node by_page; /* key: page, 0 */
    struct tree_node by_size; /* key: count, page */
    uint64_t page, count;
    struct extent *next;
    bool warm;
};

struct extents {
    uint64_t free, servable, count; /* pages; pages; extents */
    struct tree by_page;
    struct tree by_size[2]; /* [warm] */
    struct extent *nodes;   /* lazily touched: as many as there could be */
    uint64_t nodes_max, nodes_used;
    struct extent *unused;
};

/* Begins with no extent. `most`: how many there can be at a time. Errors: LODE_ENOMEM. */
LODE_MUST_CHECK lode_err extents_init(struct extents *extents, uint64_t most);
void extents_fini(struct extents *extents);

/* Adds a stretch of one temperature, joined with the neighbours of the same. */
void extents_add(struct extents *extents, uint64_t page, uint64_t count, bool warm);
void extents_remove(struct extents *extents, struct extent *extent);

/*
 * Takes the first, or the last, `count` pages off an extent, all of it if it has no more; gives
 * their place.
 */
uint64_t extents_cut(struct extents *extents, struct extent *extent, uint64_t count);
uint64_t extents_cut_end(struct extents *extents, struct extent *extent, uint64_t count);

/* What an extent of so many pages adds to `servable`, if it is warm. */
static inline uint64_t
extents_weight(uint64_t count)
{
    return count < PAGES_SPEND_MAX ? 0 : count - (PAGES_SPEND_MAX - 1);
}

static inline struct extent *
extents_of_page_node(struct tree_node *node)
{
    return node == NULL ? NULL : (struct extent *)((char *)node - offsetof(struct extent, by_page));
}

static inline struct extent *
extents_of_size_node(struct tree_node *node)
{
    return node == NULL ? NULL : (struct extent *)((char *)node - offsetof(struct extent, by_size));
}

/* The last one that begins below `page`; the first that begins at it or after. NULL: none. */
static inline struct extent *
extents_below(const struct extents *extents, uint64_t page)
{
    return extents_of_page_node(tree_below(&extents->by_page, page, 0));
}

static inline struct extent *
extents_from(const struct extents *extents, uint64_t page)
{
    return extents_of_page_node(tree_at_least(&extents->by_page, page, 0));
}

/* The shortest of a temperature that has `count` pages, the first of these; the longest. */
static inline struct extent *
extents_fit(const struct extents *extents, uint64_t count, bool warm)
{
    return extents_of_size_node(tree_at_least(&extents->by_size[warm], count, 0));
}

static inline struct extent *
extents_longest(const struct extents *extents, bool warm)
{
    return extents_of_size_node(tree_last(&extents->by_size[warm]));
}

static inline bool
extents_any(const struct extents *extents, bool warm)
{
    return extents->by_size[warm].root != NULL;
}

/* The next longer of the same temperature, for a walk that begins with extents_fit(…, 0, …). */
static inline struct extent *
extents_longer(const struct extents *extents, const struct extent *extent)
{
    return extents_of_size_node(
        tree_at_least(&extents->by_size[extent->warm], extent->count, extent->page + 1));
}

/* Walks everything and compares. */
bool extents_check(const struct extents *extents);

#endif
