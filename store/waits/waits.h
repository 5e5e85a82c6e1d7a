/*
 * waits.h: which session waits for which id. A client's thread that sent WAIT sleeps on the counter
 * of its bucket (index.h [4]). When it is woken, it asks with LOOKUP what has become of its id. A
 * client that sent WATCH is told by a NOTIFY packet (notices.h).
 *
 *   armed --told SEALED--> gone           --told ABORTED, GONE--> told --asked, UNWAIT--> gone
 *
 * A client that puts an object rings the store if a wait is armed in the bucket of the object's id
 * (wakes.h), or if its session is a stream (stream.h). Other puts have no waiter to wake, and do
 * not ring for one.
 */
#ifndef LODE_STORE_WAITS_WAITS_H
#define LODE_STORE_WAITS_WAITS_H

#include "store/state/store.h"

/*
 * Arms a wait; one that is there already is armed again. The caller then fences, drains the rings
 * that can hold the id, and tells the wait what it finds: an object that was put just before the
 * wait was armed wakes no client. Errors: LODE_ELIMIT, LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err waits_arm(struct store *store, struct session *session, lode_id id,
                                   uint64_t cookie, bool is_watch);

/*
 * The same for a wait that comes by a record in a ring. While that ring is drained no other ring
 * can be. So asking_waits() (rings/asking.h) asks later whether the object is there already.
 */
LODE_MUST_CHECK lode_err waits_arm_and_ask(struct store *store, struct session *session, lode_id id,
                                           uint64_t cookie);

/* A wait, as its session knows it. */
struct wait_key {
    struct session *session;
    lode_id id;
    uint64_t cookie;
};

/*
 * The number of waits that still have to be asked about, and the first of them, which is taken out
 * of that list. False: that wait has ended meanwhile.
 */
uint32_t waits_unasked(const struct store *store);
bool waits_next_unasked(struct store *store, struct wait_key *key_out);

/*
 * For a wait that could not be armed: wakes the client's thread, which sends a LOOKUP and gets the
 * error as its answer. (For a watch: notices_add() says LODE_FOUND_REFUSED or LODE_FOUND_STARVED.)
 */
void waits_refuse(struct store *store, lode_id id);

/* Takes a wait away. `status_out` (may be NULL): what it was told; PENDING: nothing yet. */
bool waits_disarm(struct store *store, struct session *session, lode_id id, uint64_t cookie,
                  enum lode_found *status_out);

/*
 * Takes away every watch of a session with that cookie, in parts: from session->unwatch_next to the
 * end of the session's list. True: that was the last part.
 */
bool waits_unwatch_part(struct store *store, struct session *session, uint64_t cookie);

/* Takes away the watch of a session with that cookie that is for that id. */
void waits_unwatch_id(struct store *store, struct session *session, lode_id id, uint64_t cookie);

/* Takes away `most` waits of a session that has ended. True: it has no more. */
bool waits_end_session(struct store *store, struct session *session, uint32_t most);

/* Tells all waits what was decided of their ids (objects/decided.h), and empties that list. */
void waits_tell_decided(struct store *store);

/* Tells one wait what has become of its id, as the store has found out just now. */
void waits_tell_one(struct store *store, struct session *session, lode_id id, uint64_t cookie,
                    enum lode_found status, bool is_error);

/* Whether a wait of some session for the id is armed, or may be: a filter says no more. */
bool waits_any(struct store *store, lode_id id);

#endif
