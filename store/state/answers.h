/*
 * answers.h: what a session is sent, and the note that it has to end. Nothing here fails for the
 * caller: a packet that the client does not take is kept (outbox.h), and a client that never takes
 * any is cut.
 */
#ifndef LODE_STORE_STATE_ANSWERS_H
#define LODE_STORE_STATE_ANSWERS_H

#include "store/state/store.h"

/*
 * Notes that the session broke a rule, and logs the reason once. The loop ends the session when it
 * is back at the top: the caller may still use it until then.
 */
void session_cut(struct session *session, const char *format, ...) LODE_PRINTF(2, 3);

/* Sends a packet of two parts, or keeps it until the client reads. */
void session_send(struct session *session, const void *head, size_t head_size, const void *rest,
                  size_t rest_size);
void session_send_fds(struct session *session, const void *head, size_t head_size, const int *fds,
                      size_t fd_count);

/*
 * Answers a request: OK, or an error with the sentence of lode_last_error(). LODE_EFULL also says
 * how many bytes views pin, unless there are many pins. A request with tag 0 gets no answer.
 */
void session_ok(struct session *session, uint32_t tag);
void session_fail(struct store *store, struct session *session, uint32_t tag, lode_err err);

#endif
