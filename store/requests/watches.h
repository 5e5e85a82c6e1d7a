/*
 * watches.h: WATCH and UNWATCH, of many ids. A packet that takes longer than a moment is handled in
 * parts, as a chore (state/chores.h). Until the last of them the session's next packet is not read,
 * so its packets are still handled in the order in which they came. So it is with a FORK of many
 * pins, and with a DELETE where there are many names (object_calls.c).
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

/* True: a packet of the session is not handled to its end, so the next one must not be read yet. */
bool watches_under_way(const struct session *session);

/* The session has ended, or left: forgets what is left of its packet. */
void watches_end_session(struct store *store, struct session *session);

#endif
