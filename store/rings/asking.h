/*
 * asking.h: questions about an id whose object may still lie in a ring. The rings that can hold it
 * are drained first. A put lies in the ring of the session that put it. A result lies in the ring
 * of any session that makes results.
 */
#ifndef LODE_STORE_RINGS_ASKING_H
#define LODE_STORE_RINGS_ASKING_H

#include "store/state/store.h"

/* status_of() (objects/status.h), after draining. */
enum lode_found asking_status(struct store *store, lode_id id, uint32_t *entry_out);

/*
 * Sets the error of a call that needs the object of an id, after asking_status() has said that
 * there is none. Returns it: LODE_EAGAIN for a promised id (a result, a reserved one) that may
 * still come, LODE_EGONE for all others.
 */
lode_err asking_refuse(lode_id id, enum lode_found status);

/*
 * Asks about the waits that were armed by records in rings. Tells each wait whose object is there,
 * or will never come. The rings that are drained on the way may arm more waits. These are left for
 * the next call: clients that arm waits all the time could otherwise keep this one from ending.
 */
void asking_waits(struct store *store);

#endif
