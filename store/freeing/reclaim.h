/* reclaim.h: making room, when somebody asks for it. */
#ifndef LODE_STORE_FREEING_RECLAIM_H
#define LODE_STORE_FREEING_RECLAIM_H

#include "store/state/store.h"

/*
 * Drains all rings, and frees for a turn. Returns the mark: when it has been reached, all is free
 * that could be freed at the time of this call.
 */
uint64_t reclaim(struct store *store);
bool reclaim_has_reached(const struct store *store, uint64_t mark);

#endif
