#include "store/freeing/reclaim.h"

#include "store/freeing/freeing.h"
#include "store/freeing/lingering.h"
#include "store/rings/ring.h"
#include "store/state/forks.h"
#include "store/table/refs.h"

struct reclaim_mark
reclaim(struct store *store)
{
    bool lingers = store->lingering_count > 0;
    if (lingers) {
        lingering_reap(store);
    }
    if (lingers || store->releases_unheard) {
        store->releases_unheard = false; /* look_again() says so if it goes on */
        freeing_revisit(store);
    }
    forks_reap(store);
    (void)ring_sweep(store);
    chores_turn(store);
    struct reclaim_mark mark = {.chores = store->chores.first != NULL ? chores_mark(store) : 0,
                                .candidates = candidates_mark(&store->table)};
    freeing_turn(store);
    return mark;
}

bool
reclaim_has_reached(const struct store *store, struct reclaim_mark *mark)
{
    if (!chores_reached(store, mark->chores)) {
        return false;
    }
    if (mark->chores != 0) { /* they may have made candidates */
        *mark = (struct reclaim_mark){.candidates = candidates_mark(&store->table)};
    }
    return candidates_reached(&store->table, mark->candidates);
}
