/*
 * pins.h: which entries clients have pinned. A pin is a number that a client writes into its own
 * session file (file.h), so it is checked before it is used.
 */
#ifndef LODE_STORE_STATE_PINS_H
#define LODE_STORE_STATE_PINS_H

#include "store/state/store.h"

/*
 * Calls `each` for every pin of every session and of every fork (forks.h), by entry. An entry comes
 * once for each pin.
 */
typedef void pins_each_fn(struct store *store, uint32_t entry, void *arg);
void pins_each(struct store *store, pins_each_fn *each, void *arg);

/* The same for the pins of one session. */
void pins_each_of(struct store *store, const struct session *session, pins_each_fn *each,
                  void *arg);

/* Whether the session has any. */
bool pins_any(const struct session *session);

#endif
