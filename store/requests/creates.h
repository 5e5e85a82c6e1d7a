/*
 * creates.h: CREATE and PUT over the socket, and those of them that have to wait.
 *
 *   (packet) --room, warm--> answered
 *      |  +---room, cold--> COMMITTING --helper is done--> answered
 *      |                        |no memory
 *      +------no room-----> WAITING --room came, or a tick--> (as above)
 *                              +-----deadline---> LODE_EFULL
 *
 * Requests that wait are tried in the order in which they came, each time that room came. While any
 * waits, a tick drains the rings: a drop that lies in one may be of the room that is missing.
 */
#ifndef LODE_STORE_REQUESTS_CREATES_H
#define LODE_STORE_REQUESTS_CREATES_H

#include "store/requests/call.h"
#include "store/requests/create_request.h"

packet_fn handle_create; /* CREATE and PUT */

/*
 * An entry in state CREATED for the request, with all that refers to it; nobody is told of it yet.
 * Errors: those of the table and of what it is to hold; then the extent is free again.
 */
LODE_MUST_CHECK lode_err create_entry(struct store *store, const struct create *create,
                                      uint64_t extent, uint32_t *entry_out);

/* Writes a PUT's bytes into its entry, and seals it. */
void create_seal(struct store *store, const struct create *create, uint32_t entry);

LODE_MUST_CHECK lode_err creates_create(struct store *store);
void creates_destroy(struct store *store);

/* Room may have come: tries those that wait. */
void creates_retry(struct store *store);

/* Forgets the requests of a session; its drafts end with it. */
void creates_end_session(struct store *store, struct session *session);

/* Sets the timer for the next deadline or tick; none is set when nobody waits. */
void creates_set_timer(struct store *store);

#endif
