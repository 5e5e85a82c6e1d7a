/*
 * session.h: one client, from its connection to the last of its pins.
 *
 *   CONNECTED --session_hello()--> ATTACHED --session_end()--> ENDED --pins, drafts gone--> (freed)
 *       +------------------------session_end()--------------------------------------------> (freed)
 *
 *   ATTACHED --session_leave()--> LEFT --session_end()--> ENDED
 *
 *   LEFT: nothing but pins, and the socket to hear of releases. CONNECTED: no number, no row.  ATTACHED: a row, a file, credit.
 *   ENDED: the socket is closed and references are gone; the process still runs (pidfd) and has
 *   pins or drafts, which it may still use. Left at once when the process is dead or unknown.
 */
#ifndef LODE_STORE_SESSIONS_SESSION_H
#define LODE_STORE_SESSIONS_SESSION_H

#include "store/state/store.h"

/* Takes a connection over; on failure closes it. Errors: LODE_ENOMEM, LODE_ESYS, LODE_EDENIED. */
LODE_MUST_CHECK lode_err session_accept(struct store *store, int fd);

/*
 * HELLO: gives the session its number, row, file and credit, and answers.
 * Errors: LODE_EVERSION, LODE_EINVAL, LODE_ELIMIT, LODE_EFULL, LODE_ESYS: the caller answers.
 */
LODE_MUST_CHECK lode_err session_hello(struct store *store, struct session *session,
                                       const struct lode_msg_hello *hello);

/* LEAVE: all that it has ends now, but its pins, which it goes on to tell of until its socket ends.
 * Its ring must have been drained. */
void session_leave(struct store *store, struct session *session);

/* Ends it: everything that section 2 of the design says. Safe at any time between events. */
void session_end(struct store *store, struct session *session);

/* The store itself ends: lets go of a session with all that it has, alive or not. */
void session_abandon(struct store *store, struct session *session);

/* Ended sessions whose pins and drafts are gone are freed. */
void session_reap_idle(struct store *store);

/* Frees sessions that ended while events were handled. */
void session_free_dead(struct store *store);

#endif
