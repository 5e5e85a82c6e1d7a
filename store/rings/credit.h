/*
 * credit.h: what a session's puts by ring may use without asking. `granted` (published in its row)
 * and `used` only grow; the difference lies in reserve in the arena and the table, so that an
 * accepted record never lacks room. Credit comes back only with fresh pages.
 *
 * The target doubles when a drain used half of it, up to a share of the store.
 */
#ifndef LODE_STORE_RINGS_CREDIT_H
#define LODE_STORE_RINGS_CREDIT_H

#include "store/state/store.h"

/* The first grant. Whether it was whole or not: the session can ring for more. */
void credit_start(struct store *store, struct session *session);

/* Whether so much credit is left; and its spending, of which the arena and table learn themselves. */
bool credit_has(const struct session *session, uint64_t pages, uint64_t entries);
void credit_spend(struct session *session, uint64_t pages, uint64_t entries);

/* Credit that was spent, but for nothing: the reserve behind it goes. */
void credit_waste(struct store *store, struct session *session, uint64_t pages, uint64_t entries);

/* Fills up to the target; `pressed`: the client may be waiting, so the target grows. */
void credit_refill(struct store *store, struct session *session, bool pressed);

/* After a drain: publishes the ring's position, refills, and wakes who waits for either. */
void credit_after_drain(struct store *store, struct session *session, uint64_t pages_before,
                        uint64_t entries_before);

/* After the drain that a doorbell asked for: it may have rung for want of credit. */
void credit_rang(struct store *store, struct session *session, bool drained_nothing);

/* Room has come: sessions that got less than their target get more. */
void credit_feed(struct store *store);
bool credit_anyone_starves(const struct store *store);

void credit_end(struct store *store, struct session *session);

#endif
