/*
 * lingering.h: sessions whose socket has ended while their process still runs. The process may read
 * what it has pinned, and write its drafts. So the pins, the drafts and the row of the session stay
 * until the process is gone, or has no pin and no draft left. Then what is left of the session ends
 * (ending.h).
 */
#ifndef LODE_STORE_FREEING_LINGERING_H
#define LODE_STORE_FREEING_LINGERING_H

#include "store/state/store.h"

/* The session has ended, and lingers; and does not (any more): the caller ends what is left. */
void lingering_begin(struct store *store, struct session *session);
void lingering_end(struct store *store, struct session *session);

/* Ends the session, if it lingers, and its process is gone or has no pin and no draft left. */
void lingering_look(struct store *store, struct session *session);

/* Ends the lingering sessions whose process is gone, or which have no pin and no draft left. */
void lingering_reap(struct store *store);

#endif
