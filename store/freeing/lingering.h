/*
 * lingering.h: sessions whose socket has ended while their process still runs. The process may read
 * what it has pinned, and write its drafts. So the pins, the drafts and the row of the session stay
 * until the process is gone, or has no pin and no draft left. Then what is left of the session ends
 * (ending.h).
 */
#ifndef LODE_STORE_FREEING_LINGERING_H
#define LODE_STORE_FREEING_LINGERING_H

#include "store/state/store.h"

/* Ends the lingering sessions whose process is gone, or which have no pin and no draft left. */
void lingering_reap(struct store *store);

#endif
