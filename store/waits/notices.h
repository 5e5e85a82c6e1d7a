/*
 * notices.h: what sessions that sent WATCH are to be told. It gathers in the session, and goes out
 * as one NOTIFY packet for each cookie: before the loop sleeps, and when there are as many notices
 * as a packet has room for. Those of one cookie keep their order.
 *
 * Where two threads of a session wait for the same ids, each id is told to two cookies in turn. Two
 * packets go out all the same, not one an id.
 */
#ifndef LODE_STORE_WAITS_NOTICES_H
#define LODE_STORE_WAITS_NOTICES_H

#include "store/state/store.h"

/*
 * Takes the memory for a session's notices now: for the scheduler's session, which must not be cut
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
