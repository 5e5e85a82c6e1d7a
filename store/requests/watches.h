/*
 * watches.h: WATCH and UNWATCH, of many ids. A packet that takes longer than a moment is handled in
 * parts, as a chore (state/chores.h). Until the last of them the session's next packet is not read,
 * so its packets are still handled in the order in which they came. So it is with a FORK of many
 * pins and with a DELETE where there are many names (object_calls.c), and with a RESULTS
 * (lookups.c), before which all rings are drained.
 *
 *   (packet) --few ids--> answered
 *       +-----many ids--> PUT OFF --last part--> answered
 *                            +--the session ends--> forgotten
 */
#ifndef LODE_STORE_REQUESTS_WATCHES_H
#define LODE_STORE_REQUESTS_WATCHES_H

#include "store/requests/call.h"

packet_fn handle_watch, handle_unwatch;

enum { WATCHES_AT_ONCE = 128 }; /* ids of a WATCH in one part */

/*
 * Copies a packet's ids into session->slow, and has `part` do the rest later; the caller fills in
 * the packet itself. False: there is no memory, or another packet is under way.
 */
bool watches_put_off(struct store *store, struct session *session, const void *ids, uint32_t count,
                     chore_fn *part);

/* Frees the copy. Returns true, as the last part does. */
bool watches_end_slow(struct session *session);

/* True: the session of the chore will not be answered any more. */
bool watches_are_over(const struct session *session);

/* True: a packet of the session is not handled to its end, so the next one must not be read yet. */
bool watches_under_way(const struct session *session);

/* The session has ended, or left: forgets what is left of its packet. */
void watches_end_session(struct store *store, struct session *session);

#endif
