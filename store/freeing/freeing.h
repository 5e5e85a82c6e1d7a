/*
 * freeing.h: frees the objects that have no reference and no pin, in batches (H1, H4, H15):
 *
 *   1. mark all candidates DOOMED
 *   2. fence, then scan all pins once: those of dozing sessions by what they keep (state/doze.h)
 *   3. drain every ring up to the tail that it has then
 *   4. an object that was referred to meanwhile is SEALED again; one that is pinned becomes WANTED,
 *      so that the client that clears its pin tells the store; every other one is freed
 *
 * The order of 2 and 3 matters. A client that takes a reference publishes it before it clears its
 * pin and before it answers the client that gave it the id. So if the scan does not see the pin,
 * the drain sees the reference.
 *
 * Each call frees what is a candidate when it begins, not what becomes one meanwhile, and ends
 * after about a millisecond (store_turn_end()). A request that needs more to be freed waits until
 * its mark is reached (reclaim.h). The loop serves other sessions between the turns.
 *
 * Many sessions may have pinned millions of objects, and have full rings. So a batch may take many
 * turns, and its entries stay DOOMED between them. That changes nothing in the argument above:
 *
 *   a pin       that is set after 1 does not count: its client reads the word again, and clears it
 *   a reference that is taken between two parts makes the entry SEALED at once: judge() spares it
 *   a reader    that asks for the object makes it SEALED again, too: candidate_spare(). It would
 *               ask again and again until the batch is over
 *   a session   that ends has no pin any more: 4 looks at the pins of WANTED entries once more
 *   a fork      copies pins that the scan has seen with their session, or sees with the fork
 */
#ifndef LODE_STORE_FREEING_FREEING_H
#define LODE_STORE_FREEING_FREEING_H

#include "store/state/store.h"

/* One turn of freeing. Does nothing if there is no candidate, and no batch is under way. */
void freeing_turn(struct store *store);

/* Some entries are DOOMED: the loop goes on with them in each of its turns. */
bool freeing_is_under_way(const struct store *store);

/* RELEASED: a pin on a WANTED entry was cleared. Numbers that fit nothing are ignored. */
void freeing_released(struct store *store, uint32_t entry, uint64_t generation);

/*
 * The session's pins count no more. Makes the WANTED entries that it pinned candidates again, a
 * part of them with each call. True: that was the last part.
 */
bool freeing_end_pins(struct store *store, struct session *session);

/*
 * Makes all WANTED entries candidates again, in the turns to come. A process whose session has
 * ended clears its pins without telling the store, so some of them may be unpinned by now.
 */
void freeing_revisit(struct store *store);

#endif
