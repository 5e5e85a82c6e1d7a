/*
 * asking.h: questions whose answer may still lie in a ring: the rings that can hold it are drained
 * first. A put is in its maker's ring; a result in that of any session that makes results.
 */
#ifndef LODE_STORE_RINGS_ASKING_H
#define LODE_STORE_RINGS_ASKING_H

#include "store/state/store.h"

/* status_of() (objects/status.h), after draining. */
enum lode_found asking_status(struct store *store, lode_id id, uint32_t *entry_out);

/*
 * Asks about the waits that records armed, and tells those whose id is there, or will never be. What
 * is drained on the way may arm more: those are for the next call, or there might be no end.
 */
void asking_waits(struct store *store);

#endif
