/*
 * pins.h: which entries clients have pinned. A pin is a number that a client writes into its own
 * session file (file.h), so it is checked before it is used.
 *
 * No walk looks at a dozing session that keeps nothing (doze.h). Say that a get has returned, and
 * some client asks the store a question after that. Then the store finds the pin:
 *
 *   the get has rung      The store heard after it received the question, so the session is awake.
 *   the get has not rung  Its pin was set and fenced before its row was read, and the row said that
 *                         the session is awake. If the session dozes now, it began to after that:
 *                         the store wrote the row, fenced, and read the pins. The client's fence
 *                         came first, or it had seen what the store wrote. So the store saw the
 *                         pin, and keeps a copy of it.
 *
 * So a dozing session without a copy of a pin on the entry has no such pin. One with a copy may
 * have cleared the pin.
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
 * How many pins each of `count` entries has. The entries are in rising order. What dozing sessions
 * have pinned costs nothing unless it is one of these.
 */
void pins_count(struct store *store, const uint32_t *entries, uint32_t count, uint64_t *pins_out);

/* At most so many pins pins_each() calls `each` for. */
uint64_t pins_slots(struct store *store);

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
