#include "store/alloc/extents.h"

#include "api/base/assert.h"
#include "store/alloc/lazy.h"

lode_err
extents_init(struct extents *extents, uint64_t most)
{
    *extents = (struct extents){.nodes_max = most};
    return lazy_map(most, sizeof *extents->nodes, (void **)&extents->nodes);
}

void
extents_fini(struct extents *extents)
{
    lazy_unmap(extents->nodes, extents->nodes_max, sizeof *extents->nodes);
}

static struct extent *
node_take(struct extents *extents)
{
    struct extent *e = extents->unused;
    if (e != NULL) {
        extents->unused = e->next;
        return e;
    }
    LODE_ASSERT(extents->nodes_used < extents->nodes_max);
    return &extents->nodes[extents->nodes_used++];
}

static void
sums_add(struct extents *extents, const struct extent *e)
{
    extents->free += e->count;
    extents->servable += e->warm ? extents_weight(e->count) : 0;
    extents->count++;
}

static void
sums_subtract(struct extents *extents, const struct extent *e)
{
    extents->free -= e->count;
    extents->servable -= e->warm ? extents_weight(e->count) : 0;
    extents->count--;
}

void
extents_remove(struct extents *extents, struct extent *e)
{
    sums_subtract(extents, e);
    tree_remove(&extents->by_page, &e->by_page);
    tree_remove(&extents->by_size[e->warm], &e->by_size);
    e->next = extents->unused;
    extents->unused = e;
}

void
extents_add(struct extents *extents, uint64_t page, uint64_t count, bool warm)
{
    struct extent *before = extents_below(extents, page), *after = extents_from(extents, page);
    if (before != NULL && before->page + before->count == page && before->warm == warm) {
        page = before->page;
        count += before->count;
        extents_remove(extents, before);
    }
    if (after != NULL && after->page == page + count && after->warm == warm) {
        count += after->count;
        extents_remove(extents, after);
    }
    struct extent *e = node_take(extents);
    *e = (struct extent){.by_page.major = page,
                         .by_size.major = count,
                         .by_size.minor = page,
                         .page = page,
                         .count = count,
                         .warm = warm};
    tree_insert(&extents->by_page, &e->by_page);
    tree_insert(&extents->by_size[warm], &e->by_size);
    sums_add(extents, e);
}

/*
 * The extent becomes a part of itself. Its first page may grow, but not past its neighbour: its
 * place in the tree by page stays.
 */
static void
shrink(struct extents *extents, struct extent *e, uint64_t page, uint64_t count)
{
    sums_subtract(extents, e);
    tree_remove(&extents->by_size[e->warm], &e->by_size);
    e->page = page;
    e->count = count;
    e->by_page.major = page;
    e->by_size.major = count;
    e->by_size.minor = page;
    tree_insert(&extents->by_size[e->warm], &e->by_size);
    sums_add(extents, e);
}

uint64_t
extents_cut(struct extents *extents, struct extent *e, uint64_t count)
{
    uint64_t page = e->page;
    if (count == e->count) {
        extents_remove(extents, e);
    } else {
        shrink(extents, e, page + count, e->count - count);
    }
    return page;
}

uint64_t
extents_cut_end(struct extents *extents, struct extent *e, uint64_t count)
{
    uint64_t page = e->page + e->count - count;
    if (count == e->count) {
        extents_remove(extents, e);
    } else {
        shrink(extents, e, e->page, e->count - count);
    }
    return page;
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
is_in_by_size(const struct extents *extents, const struct extent *e)
{
    return extents_of_size_node(tree_at_least(&extents->by_size[e->warm], e->count, e->page)) == e;
}

bool
extents_check(const struct extents *extents)
{
    uint64_t free_pages = 0, servable = 0, count = 0, end = 0;
    bool warm = false, ok = true;
    const struct extent *e = extents_from(extents, 0);
    for (; e != NULL; e = extents_from(extents, e->page + 1)) {
        bool touches = count > 0 && e->page == end;
        ok = ok && e->count > 0 && e->page >= end && !(touches && e->warm == warm);
        ok = ok && is_in_by_size(extents, e);
        end = e->page + e->count;
        warm = e->warm;
        free_pages += e->count;
        servable += e->warm ? extents_weight(e->count) : 0;
        count++;
    }
    return ok && free_pages == extents->free && servable == extents->servable &&
           count == extents->count &&
           count == tree_count(&extents->by_size[0]) + tree_count(&extents->by_size[1]);
}
