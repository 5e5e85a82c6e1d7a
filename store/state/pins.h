/*
 * pins.h: which entries clients have pinned. A pin is a number that a client writes into its own
 * session file (file.h), so it is checked before it is used.
 */
#ifndef LODE_STORE_STATE_PINS_H
#define LODE_STORE_STATE_PINS_H

#include "store/state/store.h"

/*
 * Calls `each` for every pin that counts: of every session and of every fork (forks.h), by entry.
 * An entry comes once for each pin.
 */
typedef void pins_each_fn(struct store *store, uint32_t entry, void *arg);
void pins_each(struct store *store, pins_each_fn *each, void *arg);

/*
 * The same for the pins of one session in `most` slots from `slot` on. Returns the slot to go on
 * with; 0: there are no more.
 */
uint32_t pins_each_from(struct store *store, const struct session *session, uint32_t slot,
                        uint32_t most, pins_each_fn *each, void *arg);

/*
 * The same as pins_each() for the sessions that are awake, in parts of about `*most` slots, from
 * which is subtracted what was looked at. True: that was the last part.
 *
 * What was pinned when the walk began, and is when it ends, comes in any case. A pin of a session
 * that a fork copies meanwhile is found with its session, or with the fork.
 */
void pins_walk_begin(const struct store *store, struct session_walk *walk);
bool pins_walk_part(struct store *store, struct session_walk *walk, uint32_t *most,
                    pins_each_fn *each, void *arg);

/* Whether the session has any. */
bool pins_any(const struct session *session);

#endif
