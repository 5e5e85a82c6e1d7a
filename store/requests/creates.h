/*
 * creates.h: CREATE and PUT over the socket, and those of them that have to wait.
 *
 *   (packet) --room, warm--> answered
 *      |  +---room, cold--> WARMING --helper is done--> answered
 *      |                        |no memory
 *      +------no room-----> WAITING --room came, or a tick--> (as above)
 *                              +-----deadline, or EXPIRE---> LODE_EFULL
 *
 * Requests that wait are tried in the order in which they came, each time that room came. While any
 * waits, a tick drains the rings: a drop that lies in one may be of the room that is missing.
 */
#ifndef LODE_STORE_REQUESTS_CREATES_H
#define LODE_STORE_REQUESTS_CREATES_H

#include "store/requests/call.h"

packet_fn handle_create; /* CREATE and PUT */
packet_fn handle_expire;

LODE_MUST_CHECK lode_err creates_create(struct store *store);
void creates_destroy(struct store *store);

/* Room may have come: tries those that wait. */
void creates_retry(struct store *store);

/* Forgets the requests of a session; its drafts end with it. */
void creates_end_session(struct store *store, struct session *session);

/*
 * Sets the timer for the next deadline or tick; none is set when nobody waits. Notes what room
 * those that wait lack (credit.h).
 */
void creates_set_timer(struct store *store);

#endif
