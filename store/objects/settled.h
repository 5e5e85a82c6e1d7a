/*
 * settled.h: which objects will never come. When a session ends, it loses its references from
 * birth, and its ids get no objects any more. The exception is a result that the scheduler still
 * owes to another session. The scheduler names these results in RESULTS packets. Until it has, the
 * ended session stands in store->ended, and its results may still come.
 */
#ifndef LODE_STORE_OBJECTS_SETTLED_H
#define LODE_STORE_OBJECTS_SETTLED_H

#include "store/state/store.h"

/*
 * The session has ended: decides about its ids, at once for all who ask from now on. The parts then
 * drop its references from birth, and free the entries of objects that will never come. True: that
 * was the last part.
 */
void settled_end_session(struct store *store, struct session *session);
bool settled_end_session_part(struct store *store, struct session *session);

/* A result that was still to come will not: it counts as made, and those who wait find it gone. */
void settled_give_up(struct store *store, lode_id result);

/* The scheduler has named all results of an ended session that will come, or cannot any more. */
void settled_session(struct store *store, uint64_t session);

/* The last scheduler has ended: the results that it still owed will not come. */
void settled_all(struct store *store);

/* One has come. What is left of settled_all() is done at once, before it promises anything. */
void settled_new_scheduler(struct store *store);

#endif
