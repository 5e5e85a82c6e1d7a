/*
 * session.h: one client, from its connection to the last of its pins.
 *
 *   CONNECTED --session_hello()--> ATTACHED --session_end()--> ENDED --free_row()--> (freed)
 *       +------------------------session_end()--------------------------------------------> (freed)
 *
 *   ATTACHED --session_leave()--> LEFT --session_end()--> ENDED
 *
 *   CONNECTED: no number and no row yet.
 *   ATTACHED: it has a row, a file and credit.
 *   LEFT: it has only its pins, and its socket, by which the client goes on to tell of releases.
 *   ENDED: its socket is closed, and what it had ends in parts (freeing/ending.h). If its process
 *   still runs (pidfd) and has pins or drafts, which it may still use, these stay, and the session
 *   lingers. Otherwise it is freed with the last part.
 */
#ifndef LODE_STORE_SESSIONS_SESSION_H
#define LODE_STORE_SESSIONS_SESSION_H

#include "store/state/store.h"

/* Makes a CONNECTED session, which owns the descriptor from now on. NULL: no memory. */
struct session *session_create(struct store *store, int fd, int64_t pid);

/*
 * HELLO: gives the session its number, row, file and credit, and answers.
 * Errors: LODE_EVERSION, LODE_EINVAL, LODE_ELIMIT, LODE_EFULL, LODE_ESYS: the caller answers.
 */
LODE_MUST_CHECK lode_err session_hello(struct store *store, struct session *session,
                                       const struct lode_msg_hello *hello);

/*
 * LEAVE: ends everything that the session has, except its pins, and then answers OK with the tag.
 * The client tells of the release of its pins until its socket ends. The session's ring must have
 * been drained.
 */
void session_leave(struct store *store, struct session *session, uint32_t tag);

/*
 * Ends a session. It drains the session's ring, unless the session was cut. It ends the requests
 * and the credit, and decides about the session's ids. The waits, references, drafts and pins end
 * in parts (freeing/ending.h); drafts and pins may stay longer (freeing/lingering.h). May be called
 * at any time between two events.
 */
void session_end(struct store *store, struct session *session);

/* The store itself ends: ends the session and frees its row, whether its process runs or not. */
void session_abandon(struct store *store, struct session *session);

#endif
