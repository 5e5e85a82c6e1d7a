/*
 * freeing.h: what nobody refers to and nobody pins is freed, in batches (H1, H4, H15):
 *
 *   mark all candidates DOOMED; fence; scan all pins once; drain every ring up to the tail that it
 *   has then; who is referred to again is SEALED as before; who is pinned is WANTED (its releaser
 *   tells the store); the rest is freed.
 *
 * Who takes a reference publishes it before he clears his pin or answers the giver. So if the scan
 * does not see the pin, the drain after it sees the reference.
 */
#ifndef LODE_STORE_FREEING_FREEING_H
#define LODE_STORE_FREEING_FREEING_H

#include "store/state/store.h"

/* One batch. False: there were no candidates. */
bool freeing_batch(struct store *store);

/* RELEASED: a pin on a WANTED entry was cleared. Numbers that fit nothing are ignored. */
void freeing_released(struct store *store, uint32_t entry, uint64_t generation);

/* What a session had pinned and nobody else refers to may be free now. */
void freeing_unpinned(struct store *store, const struct session *session);

/* All WANTED entries may be free now: processes whose session has ended clear pins without a word. */
void freeing_revisit(struct store *store);

#endif
