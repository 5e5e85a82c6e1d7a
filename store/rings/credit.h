/*
 * credit.h: what a session's puts by ring may use without asking. `granted` (published in its row)
 * and `used` only grow; the difference lies in reserve in the arena and the table, so that an
 * accepted record never lacks room. Credit that was granted is never taken back; a session that has
 * spent some gets fresh pages for it.
 *
 * Ahead of need: each session has a target. It doubles when a drain used half of it, up to the
 * session's share, and all that lies ahead of need is an eighth of the store (and of the entries)
 * at most. A session that comes when the eighth is given out gets nothing ahead.
 *
 * On demand: a client that sleeps for want of credit says how much its record needs (session.h [4]).
 * The store grants exactly that, all of it or nothing, also beyond the eighth. Where there is no
 * room, the session stands in a line. While somebody stands there, nobody is granted pages ahead of
 * need, and fresh room goes to the line in the order of arrival: else sessions that put all the time
 * would take each page that comes before the one that waits is awake.
 */
#ifndef LODE_STORE_RINGS_CREDIT_H
#define LODE_STORE_RINGS_CREDIT_H

#include "store/state/store.h"

/* The first grant. */
void credit_start(struct store *store, struct session *session);

/* Whether so much credit is left; and its spending, of which the arena and table learn themselves. */
bool credit_has(const struct session *session, uint64_t pages, uint64_t entries);
void credit_spend(struct store *store, struct session *session, uint64_t pages, uint64_t entries);

/* Credit that was spent, but for nothing: the reserve behind it goes. */
void credit_waste(struct store *store, uint64_t pages, uint64_t entries);

/*
 * After a drain: publishes the ring's position, grants afresh, and wakes the client's threads that
 * wait for either.
 */
void credit_after_drain(struct store *store, struct session *session, uint64_t pages_before,
                        uint64_t entries_before);

/* After the drain that a doorbell asked for: the client may have rung for want of credit. Wakes only
 * if more was granted: a client that was woken for nothing would ring again at once. */
void credit_rang(struct store *store, struct session *session);

/* Room has come: it goes to those in the line, then to those that have less than their target. */
void credit_feed(struct store *store);

/* Whether somebody stands in the line: a tick then looks for room. */
bool credit_anyone_waits(const struct store *store);

void credit_end(struct store *store, struct session *session);

#endif
