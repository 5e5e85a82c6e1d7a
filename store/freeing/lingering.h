/*
 * lingering.h: a session whose socket has ended. While its process still runs it may read what it
 * has pinned and write its drafts, so those, and its row, stay until the process is gone or has
 * none left. Then the session is finished, and freed when no event of this round can name it.
 */
#ifndef LODE_STORE_FREEING_LINGERING_H
#define LODE_STORE_FREEING_LINGERING_H

#include "store/state/store.h"

/* Ends the session's pins and drafts and frees its row, which close_row() of session.c has closed. */
void lingering_finish(struct store *store, struct session *session);

/* Finishes the ended sessions whose process is gone, or which have no pin and no draft left. */
void lingering_reap(struct store *store);

/* Frees the session's memory when the loop is back at the top: lingering_free_dead(). */
void lingering_bury(struct store *store, struct session *session);
void lingering_free_dead(struct store *store);

#endif
