/* reclaim.h: makes room when a request needs it, or needs to know how much there is. */
#ifndef LODE_STORE_FREEING_RECLAIM_H
#define LODE_STORE_FREEING_RECLAIM_H

#include "store/state/store.h"

/*
 * Reached when the chores that had been given are done, and then so many candidates were taken out.
 */
struct reclaim_mark {
    uint64_t chores, candidates;
};

/*
 * Drains all rings, and frees for one turn. Returns a mark. Once the mark is reached, everything is
 * free that could be freed at the time of this call.
 */
struct reclaim_mark reclaim(struct store *store);
bool reclaim_has_reached(const struct store *store, struct reclaim_mark *mark);

#endif
