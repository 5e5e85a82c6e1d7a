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

/* A session that is CONNECTED; the descriptor is its from now on. NULL: no memory. connection.h. */
struct session *session_create(struct store *store, int fd, int64_t pid);

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

#endif
