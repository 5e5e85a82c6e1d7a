/*
 * lingering.h: sessions whose socket has ended while their process still runs. The process may read
 * what it has pinned, and write its drafts. So the pins, the drafts and the row of the session stay
 * until the process is gone, or has no pin and no draft left. Then the session is finished. Its
 * memory is freed at the end of the round, when no event of epoll can name it any more.
 */
#ifndef LODE_STORE_FREEING_LINGERING_H
#define LODE_STORE_FREEING_LINGERING_H

#include "store/state/store.h"

/* Ends the session's pins and drafts, and frees its row, which close_row() has closed before. */
void lingering_finish(struct store *store, struct session *session);

/* Finishes the ended sessions whose process is gone, or which have no pin and no draft left. */
void lingering_reap(struct store *store);

/* Puts the session into the list of those whose memory lingering_free_dead() frees. */
void lingering_bury(struct store *store, struct session *session);
void lingering_free_dead(struct store *store);

#endif
