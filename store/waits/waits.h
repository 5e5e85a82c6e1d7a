/*
 * waits.h: who waits for which id. A WAIT is told by its bucket's counter (index.h [4]), and asks
 * with LOOKUP what became of its id; a WATCH is told by a NOTIFY packet.
 *
 *   armed --told SEALED--> gone           --told ABORTED, GONE--> told --asked, UNWAIT--> gone
 *
 * A putter rings where a wait is armed in its id's bucket (wakes.h), or where it is a stream
 * (stream.h): else its put wakes nobody.
 */
#ifndef LODE_STORE_WAITS_WAITS_H
#define LODE_STORE_WAITS_WAITS_H

#include "store/state/store.h"

LODE_MUST_CHECK lode_err waits_create(struct waits **waits_out);
void waits_destroy(struct waits *waits);

/*
 * Arms a wait (again, if it is there). The caller then fences, drains the rings that can hold the
 * id, and tells what it finds. Errors: LODE_ELIMIT, LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err waits_arm(struct store *store, struct session *session, lode_id id,
                                   uint64_t cookie, bool is_watch);

/*
 * The same for a record in a ring: other rings cannot be drained while that one is. So whether the
 * id is there already is asked later, by asking_waits() (rings/asking.h).
 */
LODE_MUST_CHECK lode_err waits_arm_and_ask(struct store *store, struct session *session, lode_id id,
                                           uint64_t cookie);

/* A wait, as its session knows it. */
struct wait_key {
    struct session *session;
    lode_id id;
    uint64_t cookie;
};

/* How many waits are to be asked about; takes the first of them. False: it has ended meanwhile. */
uint32_t waits_unasked(const struct store *store);
bool waits_next_unasked(struct store *store, struct wait_key *key_out);

/*
 * A wait that could not be armed: its thread is woken, asks by a LOOKUP, and hears why. A watch that
 * could not be: the session is told at once.
 */
void waits_refuse(struct store *store, lode_id id);
void waits_refuse_watch(struct store *store, struct session *session, lode_id id, uint64_t cookie);

/* Takes a wait away. `status_out` (may be NULL): what it was told; PENDING: nothing yet. */
bool waits_disarm(struct store *store, struct session *session, lode_id id, uint64_t cookie,
                  enum lode_found *status_out);

/* Takes away every watch of a session with that cookie. */
void waits_unwatch(struct store *store, struct session *session, uint64_t cookie);

/* Takes away the one of them that is for that id. */
void waits_unwatch_id(struct store *store, struct session *session, lode_id id, uint64_t cookie);

/* Takes away everything that a session waits for. */
void waits_end_session(struct store *store, struct session *session);

/* Empties the list of what was decided (objects/decided.h) and marks those who are to be woken. */
void waits_tell_decided(struct store *store);

/* Tells one wait what its session asked just now. */
void waits_tell_one(struct store *store, struct session *session, lode_id id, uint64_t cookie,
                    enum lode_found status, bool is_error);

/* Whether anybody's wait for the id is armed. */
bool waits_any(struct store *store, lode_id id);

/* Sends the NOTIFY entries that have gathered for a session. */
void waits_send_notices(struct store *store, struct session *session);

#endif
