/*
 * ring.h: applying what a client put into its ring. Nothing in it is believed: every record is
 * copied once, checked, and then applied; a bad one cuts the session.
 *
 * Performance: a record costs no system call and no allocation from the heap.
 */
#ifndef LODE_STORE_RINGS_RING_H
#define LODE_STORE_RINGS_RING_H

#include "store/state/store.h"

/* Applies the records up to the tail that the ring has now. Does nothing for an ended session. */
void ring_drain(struct store *store, struct session *session);

/*
 * session.h [5]: gives memory to the whole ring if the client has used half of what has some at
 * once, or if a thread waits to write more. Wakes nobody. True: the ring has grown.
 */
bool ring_meet_need(struct store *store, struct session *session);

/*
 * Drains every session's ring, up to the tail that it has now. As all that follow, it hears first
 * which dozing sessions have rung (state/doze.h): the others have nothing in their rings.
 */
void ring_drain_all(struct store *store);

/*
 * The same in parts of about `most` records, without hearing; `walk` begins as pins_walk_begin()
 * (state/pins.h) leaves it. True: that was the last part.
 */
bool ring_drain_part(struct store *store, struct session_walk *walk, uint32_t most);

/*
 * Drains all rings. True: that is done. False: the rest is done in the turns to come, as a chore
 * (state/chores.h).
 */
bool ring_sweep(struct store *store);

/* True if the sweeps that were under way when the chore was given are done. */
bool ring_is_swept_for(const struct store *store, const struct chore *chore);

/* Drains those sessions that may make results. */
void ring_drain_makers(struct store *store);

#endif
