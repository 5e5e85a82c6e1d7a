#include "store/freeing/reclaim.h"

#include "store/freeing/freeing.h"
#include "store/freeing/lingering.h"
#include "store/rings/ring.h"
#include "store/state/forks.h"
#include "store/table/refs.h"

static bool
anyone_lingers(const struct store *store)
{
    for (uint32_t i = 0; i < store->session_count; i++) {
        if (store->sessions[i]->ended) {
            return true;
        }
    }
    return false;
}

uint64_t
reclaim(struct store *store)
{
    if (anyone_lingers(store)) {
        lingering_reap(store);
        freeing_revisit(store);
    }
    forks_reap(store);
    ring_drain_all(store);
    uint64_t mark = candidates_mark(&store->table);
    freeing_turn(store);
    return mark;
}

bool
reclaim_has_reached(const struct store *store, uint64_t mark)
{
    return candidates_reached(&store->table, mark);
}
