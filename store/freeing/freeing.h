/*
 * freeing.h: what nobody refers to and nobody pins is freed, in batches (H1, H4, H15):
 *
 *   mark all candidates DOOMED; fence; scan all pins once; drain every ring up to the tail that it
 *   has then; an object that is referred to meanwhile is SEALED as before; one that is pinned is
 *   WANTED (its releaser tells the store); the rest is freed.
 *
 * Who takes a reference publishes it before he clears his pin or answers the giver. So if the scan
 * does not see the pin, the drain after it sees the reference.
 *
 * Every call here frees what is a candidate when it begins, not what comes meanwhile, and for about
 * a millisecond (STORE_TURN_NS) at most. A request that needs more waits for its mark (reclaim.h),
 * while the loop serves others between the turns.
 */
#ifndef LODE_STORE_FREEING_FREEING_H
#define LODE_STORE_FREEING_FREEING_H

#include "store/state/store.h"

/* Frees, where there are candidates. */
void freeing_turn(struct store *store);

/* RELEASED: a pin on a WANTED entry was cleared. Numbers that fit nothing are ignored. */
void freeing_released(struct store *store, uint32_t entry, uint64_t generation);

/* What a session had pinned and nobody else refers to may be free now. */
void freeing_unpinned(struct store *store, const struct session *session);

/* All WANTED entries may be free now: processes whose session has ended clear pins without a word. */
void freeing_revisit(struct store *store);

#endif
