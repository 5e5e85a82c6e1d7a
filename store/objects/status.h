/*
 * status.h: what is known of an id: whether its object is there, may still come, or never will. It
 * only looks: no ring is drained, so a put that its maker has just written may be missing
 * (rings/asking.h drains first).
 *
 *   no object, and  put             GONE. The put returned before anybody could know its id, so its
 *                                   record is in its maker's ring, which was drained.
 *                   reserved put    PENDING while its session lives; GONE once it was put and
 *                                   freed, or given up.
 *                   result          PENDING while its submitter lives, and after that until the
 *                                   scheduler has said that it will not come (RESULTS). GONE once
 *                                   it was made and freed.
 *                   user's id, name PENDING
 */
#ifndef LODE_STORE_OBJECTS_STATUS_H
#define LODE_STORE_OBJECTS_STATUS_H

#include "store/state/store.h"

/* entry_out: the entry, with SEALED; may be NULL. */
enum lode_found status_of(const struct store *store, lode_id id, uint32_t *entry_out);

/* Whether an id without an object may still get one. */
bool status_may_come(const struct store *store, lode_id id);

/*
 * True: `count` ids from `first` on may all come, and none was made: status_of() says PENDING of
 * each. False: it must be asked about each. `first` may be any id.
 */
bool status_all_may_come(const struct store *store, lode_id first, uint64_t count);

/*
 * Whether a promised id (result or reserved) was made, even if it is freed by now: it is too late.
 */
bool status_was_made(const struct store *store, lode_id id);

/* Sees to it that status_note_made() of the id needs no memory. Errors: LODE_ENOMEM. */
LODE_MUST_CHECK lode_err status_prepare_made(struct store *store, lode_id id);

/*
 * Remembers that, while the session in the id lives. Other ids than promised ones need no memory.
 * Where there is none, that session is cut: a client that asks for the id once its object is freed
 * would wait for ever. status_prepare_made() before this spares the session that.
 */
void status_note_made(struct store *store, lode_id id);

/*
 * Remembers that the session dropped a promised id of its own that has no entry: it has no
 * reference from birth when it comes. This takes a bit, and no entry, so a session may drop any
 * number of results before they come. False: there is no memory to remember it.
 */
bool status_note_dropped(struct store *store, lode_id id);
bool status_was_dropped(const struct store *store, lode_id id);

#endif
