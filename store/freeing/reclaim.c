#include "store/freeing/reclaim.h"

#include "store/freeing/freeing.h"
#include "store/freeing/lingering.h"
#include "store/rings/ring.h"
#include "store/state/forks.h"

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

void
reclaim(struct store *store)
{
    enum { ROUNDS_MAX = LODE_ENTRY_MAX / STORE_CANDIDATES_AT_ONCE };
    if (anyone_lingers(store)) {
        lingering_reap(store);
        freeing_revisit(store);
    }
    forks_reap(store);
    ring_drain_all(store);
    for (int i = 0; i < ROUNDS_MAX && freeing_batch(store); i++) {
    }
}
