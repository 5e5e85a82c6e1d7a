/*
 * holders.h: which sessions have credit, and which have less than they should. So what grants or
 * recalls credit looks at these, and not at all sessions: most have put nothing lately.
 */
#ifndef LODE_STORE_RINGS_HOLDERS_H
#define LODE_STORE_RINGS_HOLDERS_H

#include "store/state/store.h"

/*
 * Whether the session has less than its target, or than its share: it stands in store->starved
 * then, and credit_feed() looks at it.
 */
void holders_starve(struct store *store, struct session *session, bool starved);

/* The session was granted credit: it stands in store->holders from now on, if it did not before. */
void holders_add(struct store *store, struct session *session);

/* Takes it out of both lists: it ends. From the holders alone: it has no credit any more. */
void holders_end(struct store *store, struct session *session);
void holders_forget(struct store *store, struct session *session);

/* Two holders change places. */
void holders_exchange(struct store *store, uint32_t a, uint32_t b);

#endif
