/*
 * notices.h: what sessions that sent WATCH are to be told. It gathers in the session, for one
 * cookie at a time, and goes out as one NOTIFY packet: before the loop sleeps, when the packet is
 * full, and when something of another cookie comes.
 */
#ifndef LODE_STORE_WAITS_NOTICES_H
#define LODE_STORE_WAITS_NOTICES_H

#include "store/state/store.h"

/*
 * Takes the memory for a packet of notices now: for the scheduler's session, which must not be cut
 * for want of it. Errors: LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err notices_reserve(struct session *session);

/* Tells the session what has become of an id that it watches. No memory: the session is cut. */
void notices_add(struct store *store, struct session *session, lode_id id, uint64_t cookie,
                 enum lode_found status, bool is_error);

/* Sends what has gathered for a session. */
void notices_send(struct session *session);

/* Forgets what has gathered for a session that ends. */
void notices_end_session(struct store *store, struct session *session);

#endif
