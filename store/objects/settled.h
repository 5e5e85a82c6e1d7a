/*
 * settled.h: what will never come. When a session ends, its references from birth go, and none of
 * its ids comes any more, except results that the scheduler still owes to others. Which these are the
 * scheduler says with RESULTS; until then the ended session stands in store->ended.
 */
#ifndef LODE_STORE_OBJECTS_SETTLED_H
#define LODE_STORE_OBJECTS_SETTLED_H

#include "store/state/store.h"

/* The session has ended. */
void settled_end_session(struct store *store, struct session *session);

/* The scheduler has said, or can say no more, which results of an ended session are to come. */
void settled_session(struct store *store, uint64_t session);

/* The last scheduler has ended: nothing that it still owed will come. */
void settled_all(struct store *store);

#endif
