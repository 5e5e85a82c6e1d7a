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

/* Notes that the session broke a rule; it ends when the loop is back at the top. Logged once. */
void session_cut(struct session *session, const char *format, ...) LODE_PRINTF(2, 3);

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

/* Sends a packet, or keeps it until the client reads. Never fails for the caller. answers.c. */
void session_send(struct session *session, const void *head, size_t head_size, const void *rest,
                  size_t rest_size);
void session_send_fds(struct session *session, const void *head, size_t head_size, const int *fds,
                      size_t fd_count);

/* Answers, unless the tag is 0. session_fail(): with the sentence of lode_last_error(). */
void session_ok(struct session *session, uint32_t tag);
void session_fail(struct store *store, struct session *session, uint32_t tag, lode_err err,
                  uint64_t wanted);

#endif
