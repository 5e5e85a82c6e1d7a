/*
 * ending.h: what the end of a session takes, in parts (state/chores.h). A session may have a
 * million references, objects, waits and pins, and the store serves the others between the parts.
 *
 * No client sees a session half ended. What the store says of an id depends on whether its session
 * lives, and that changes before the first part. An object exists until it is freed.
 *
 *   LEFT      waits, references, the list of own entries, drafts; then the LEAVE is answered
 *   ENDED     the same, then pins and row: the session is freed
 *   lingering the same, but its drafts are hidden, and its pins and its row stay: lingering.h
 */
#ifndef LODE_STORE_FREEING_ENDING_H
#define LODE_STORE_FREEING_ENDING_H

#include "store/state/store.h"

/*
 * The session has left, or has ended, or lingers no more: gives what is left of it to the chores.
 */
void ending_go_on(struct store *store, struct session *session);

/* Does all of it at once: the store itself ends. */
void ending_do_now(struct store *store, struct session *session);

/*
 * Puts the session into the list of those whose memory ending_free_dead() frees: at the end of the
 * round, when no event of epoll can name it any more.
 */
void ending_bury(struct store *store, struct session *session);
void ending_free_dead(struct store *store);

#endif
