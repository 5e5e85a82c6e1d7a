/*
 * recall.h: credit that nobody uses goes back where room is wanted. Without this a create, or a
 * session that waits for credit, could wait for ever beside sessions that are idle.
 *
 * The client takes no part: one that is idle does not run. How the store and a client that begins
 * to spend at this moment agree stands in api/layout/session.h [4]. A session whose credit was
 * recalled asks for some at its next put, as one does that has spent all.
 *
 * Who is refused room, or an entry, has the store recall. The sessions that have spent nothing for
 * RECALL_IDLE_NS lose their credit then, and are granted none ahead of need until they put or ask.
 * A session that was granted what it waited for is spared as long. Nothing comes from sessions
 * that did not say LODE_HELLO_FENCED.
 *
 * Performance: one system call, and a look at each session. If nothing came, the other sessions are
 * left alone for RECALL_PAUSE_NS, also one that becomes idle meanwhile. So a store that stays full
 * does not look all the time.
 */
#ifndef LODE_STORE_RINGS_RECALL_H
#define LODE_STORE_RINGS_RECALL_H

#include "store/state/store.h"

enum { RECALL_IDLE_NS = 10000000, RECALL_PAUSE_NS = 5000000 };

/*
 * Recalls the credit of the sessions that are idle, and of `own` in any case, as far as they are
 * not spending at this moment (NULL: of no other). It drains no ring: it may be called while one
 * is drained. A session with a record that is not applied yet keeps its credit. True: some came
 * back.
 */
bool recall(struct store *store, const struct session *own);

/*
 * The tick of creates.h: recalls for those that wait. For a create that could have room
 * (credit_is_withheld()) it recalls from all sessions that do not spend at this moment. Only one
 * that was granted what it waited for is spared for RECALL_IDLE_NS.
 */
void recall_on_tick(struct store *store);

/* Whether credit of this session can be recalled at all. */
bool recall_reaches(const struct store *store, const struct session *session);

#endif
