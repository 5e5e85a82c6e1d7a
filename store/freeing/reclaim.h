/* reclaim.h: making room. */
#ifndef LODE_STORE_FREEING_RECLAIM_H
#define LODE_STORE_FREEING_RECLAIM_H

#include "store/state/store.h"

/* Drains all rings and frees until there is nothing left to free: room is wanted. */
void reclaim(struct store *store);

#endif
