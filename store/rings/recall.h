/*
 * recall.h: credit that nobody uses goes back where room is wanted. Without this a create, or a
 * session that waits for credit, could wait for ever beside sessions that are idle.
 *
 * The client takes no part: one that is idle does not run. How the store and a client that spends
 * at this moment agree stands in api/layout/session.h [4]. A session whose credit was recalled waits
 * for the store at its next put, as if it had none left.
 */
#ifndef LODE_STORE_RINGS_RECALL_H
#define LODE_STORE_RINGS_RECALL_H

#include "store/state/store.h"

enum { RECALL_IDLE_NS = 10000000 };

/*
 * Recalls the credit of each session that has neither spent any nor been granted any on demand for
 * RECALL_IDLE_NS, and of `own` in any case (NULL: of none). It drains these sessions' rings. True: some came back.
 */
bool recall(struct store *store, const struct session *own);

/* The same, if there is no other entry. */
bool recall_entries(struct store *store, const struct session *own);

#endif
