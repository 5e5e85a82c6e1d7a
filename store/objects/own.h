/*
 * own.h: what follows from an id alone: the session in it refers to it from birth; whether it may
 * still come, and when that is over. Also the one way by which entries of the store end.
 *
 * An entry of a session's id (put or result) is linked in that session's list from when it is first
 * heard of until it is freed or the session ends.
 *
 *   not there, and    put: GONE, once its maker's ring is drained: a put that returned is in there
 *                     reserved put: PENDING while its session lives; GONE if it was put, and freed,
 *                             or given up, before
 *                     result: PENDING while its session lives, or until the scheduler has said that
 *                             it will not come (RESULTS); then GONE. GONE if it was made, and
 *                             freed, before
 *                     user, name: PENDING
 */
#ifndef LODE_STORE_OBJECTS_OWN_H
#define LODE_STORE_OBJECTS_OWN_H

#include "store/state/store.h"

/*
 * Links a new entry with an id of a live session. A promised id is referenced by that session from
 * now on, expected or made. Another put only when it arrives: who refers to one that is freed already leaves
 * nothing behind by that.
 */
void own_born(struct store *store, uint32_t entry, lode_id id);

/*
 * The session drops a promised id of its own that has no entry: it has no reference from birth when
 * it comes. This takes a bit, and no entry: a session may drop any number of results before they
 * come. False: there is no memory to remember it.
 */
bool own_drop_unborn(struct store *store, lode_id id);

/* The entry becomes an object now, expected before or not. */
void own_arrived(struct store *store, uint32_t entry, lode_id id);

/* Makes an EXPECTED entry for an id that is not there. Errors: LODE_ELIMIT, LODE_EFULL. */
LODE_MUST_CHECK lode_err own_expect(struct store *store, lode_id id, uint32_t *entry_out);

/* Whether a promised id was made already, even if it is freed by now: to make it is too late. */
bool own_was_made(const struct store *store, lode_id id);

/* What is known of an id, without draining anything. entry_out: with SEALED; may be NULL. */
enum lode_found own_status(const struct store *store, lode_id id, uint32_t *entry_out);

/* own_status() after draining the rings that can hold the id. */
enum lode_found own_ask(struct store *store, lode_id id, uint32_t *entry_out);

/* The entry was sealed just now: tells who waits. */
void own_sealed(struct store *store, uint32_t entry);

/* Frees an entry, whatever list it is in; see object_free(). */
void own_free(struct store *store, uint32_t entry, enum lode_entry_state from);

/* An EXPECTED entry has been taken the place of by `draft`: that one gets its id and references. */
void own_name_draft(struct store *store, uint32_t draft, lode_id id);

/*
 * A draft will not be sealed: nothing leads to it from now on. What others remembered of its id goes
 * to an EXPECTED entry; if it was a result that nobody makes any more, who waits for it is told.
 */
void own_leave_id(struct store *store, uint32_t draft);

/* Frees an EXPECTED entry that remembers nothing any more. */
void own_forget_expected(struct store *store, uint32_t entry);

/* The session has ended: its references from birth go; what will never come is told. */
void own_end_session(struct store *store, struct session *session);

/* The scheduler has said, or can say no more, which results of an ended session are to come. */
void own_settled(struct store *store, uint64_t session);

/* The last scheduler has ended. */
void own_settle_all(struct store *store);

/* Drafts of a session. */
void draft_link(struct store *store, uint32_t entry, struct session *session);
void draft_unlink(struct store *store, uint32_t entry);

#endif
