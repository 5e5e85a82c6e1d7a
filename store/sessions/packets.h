/*
 * packets.h: what comes over a session's socket. The type, size and numbers of every packet are
 * checked against the table of store_msg.h. A packet that breaks a rule cuts its session. Before
 * each packet the sender's ring is drained: what the client did first is done first.
 */
#ifndef LODE_STORE_SESSIONS_PACKETS_H
#define LODE_STORE_SESSIONS_PACKETS_H

#include "store/state/store.h"

/* The session's socket has something to read, or room to write, or has ended. */
void packets_ready(struct store *store, struct session *session, uint32_t events);

/* The session's doorbell was rung. */
void packets_rung(struct store *store, struct session *session);

/*
 * Handles one packet of `size` bytes at `bytes` (aligned to 8). For tests, too.
 * Errors: LODE_EPROTO: the session must be cut; anything else was answered.
 */
LODE_MUST_CHECK lode_err packets_handle(struct store *store, struct session *session,
                                        const void *bytes, size_t size);

/* Has epoll tell when the socket takes more, exactly while packets are kept for the session. */
void packets_want_output(struct store *store, struct session *session);

#endif
