/*
 * slow.h: packets that take longer than a moment: a WATCH or CHECK of many ids; an UNWATCH or a
 * RESULTS before which all rings are drained; a FORK of many pins; a DELETE where there are many
 * names. Such a packet is handled in parts, as a chore (state/chores.h). Until the last of them the
 * session's next packet is not read, so its packets are still handled in the order in which they
 * came.
 *
 *   (packet) --short--> answered
 *       +------long---> PUT OFF --last part--> answered
 *                          +--the session ends--> forgotten
 */
#ifndef LODE_STORE_REQUESTS_SLOW_H
#define LODE_STORE_REQUESTS_SLOW_H

#include "store/state/store.h"

/* The session whose packet the chore is. */
struct session *slow_session(struct chore *chore);

/* True: a packet of the session is not handled to its end, so the next one must not be read yet. */
bool slow_is_under_way(const struct session *session);

/*
 * Copies a packet's ids into session->slow, and has `part` do the rest later; the caller fills in
 * the packet itself. False: there is no memory, or another packet is under way.
 */
bool slow_put_off(struct store *store, struct session *session, const void *ids, uint32_t count,
                  chore_fn *part);

/* Frees the copy and the bits. Returns true, as the last part does. */
bool slow_end(struct session *session);

/* True: the session will not be answered any more. */
bool slow_is_over(const struct session *session);

/* The session has ended, or left: forgets what is left of its packet. */
void slow_end_session(struct store *store, struct session *session);

#endif
