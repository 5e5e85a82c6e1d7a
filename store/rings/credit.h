/*
 * credit.h: how many pages and entries a session's puts by ring may use without asking the store,
 * and when it is granted them. The arena and the table hold in reserve what a session was granted
 * and has not spent (account.h), so that an accepted record never lacks room. A session that has
 * spent some is granted fresh pages for it. What a session does not spend may be recalled
 * (recall.h).
 *
 * Ahead of need: each session has a target. It doubles when a drain used half of it, up to the
 * session's share: an eighth of the store (and of the entries), divided among those that have
 * credit. Sessions that only read take nobody's. All that lies ahead of need is that eighth at
 * most. A session that comes when it is given out gets nothing ahead.
 *
 * On demand: a client that sleeps for want of credit says how much its record needs (session.h
 * [4]). The store grants exactly that, all of it or nothing, also beyond the eighth. Where there is
 * no room, the session stands in a line (line.h), and fresh room goes to the line in the order of
 * arrival. While a session holds the line, nobody is granted pages ahead of need. Without the line,
 * sessions that put all the time would take every fresh page before the session that waits is
 * awake.
 *
 * While a create waits for room that the credit of all sessions would give it, nobody is granted
 * pages ahead of need, and the tick of creates.h recalls what sessions have. Without this a few
 * sessions that put now and then would keep it waiting for ever.
 */
#ifndef LODE_STORE_RINGS_CREDIT_H
#define LODE_STORE_RINGS_CREDIT_H

#include "store/state/store.h"

/*
 * Grants a new session its first credit. A lean session (LODE_HELLO_LEAN) gets none before it asks:
 * most only read, and credit is memory that others lack.
 */
void credit_start(struct store *store, struct session *session);

/*
 * Whether a create waits that could have room if the sessions had no credit. One that waits because
 * no stretch of free pages is long enough could not: what others have set aside is no matter then.
 */
bool credit_is_withheld(const struct store *store);

/*
 * After a drain: publishes the ring's position, grants afresh, and wakes the client's threads that
 * wait for either.
 */
void credit_after_drain(struct store *store, struct session *session, uint64_t pages_before,
                        uint64_t entries_before);

/*
 * After the drain that a doorbell asked for: the client may have rung for want of credit. Wakes its
 * threads only if more was granted, or if their ring grew (ring_meet_need()): a thread that was
 * woken for nothing would ring again at once.
 */
void credit_rang(struct store *store, struct session *session, bool ring_grew);

/* Grants fresh room to the sessions in the line, then to those with less than their target. */
void credit_feed(struct store *store);

/* Whether a session stands in the line. The tick of creates.h looks for room while one does. */
bool credit_anyone_waits(const struct store *store);

/*
 * The end of a recall (account.h): takes back what the session has left, for those that wait. Its
 * target is the first one again.
 */
void credit_take_back(struct store *store, struct session *session);

/* The session has ended: gives its reserve back, and takes it out of the line. */
void credit_end(struct store *store, struct session *session);

#endif
