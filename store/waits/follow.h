/*
 * follow.h: names whose next version clients wait for (index.h [7]).
 *
 * A name becomes told with the first wait for it while it is bound. From then on the store wakes
 * the bucket of the name each time that it is bound anew, and when it ends. The client that waits
 * for the version after that need not tell the store that it waits: a name that is bound 10⁵ times
 * a second costs its followers no message.
 *
 * A name stops being told when FOLLOW_IDLE changes in its bucket have woken no client. The store
 * then wakes the bucket, and each client that still waits tells the store so.
 */
#ifndef LODE_STORE_WAITS_FOLLOW_H
#define LODE_STORE_WAITS_FOLLOW_H

#include "store/state/store.h"

enum { FOLLOW_IDLE = 32 };

/*
 * A client waits for the id. If it is that of a name that is bound, the name is told from now on.
 * The caller wakes the client afterwards: the name may have been bound anew just before.
 */
void follow_awaited(struct store *store, lode_id id);

/* The name was bound anew. */
void follow_bound(struct store *store, uint32_t name);

/* Marks the buckets of names that were told and have ended. */
void follow_ended(struct store *store);

#endif
