/*
 * packets.h: what comes over the socket. Every packet is checked against the table of store_msg.h:
 * its type, its size, its numbers; one that breaks a rule cuts its session. Before each packet the
 * sender's ring is drained.
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

/* Asks to hear when the session's socket takes more, exactly while something is kept for it. */
void packets_want_output(struct store *store, struct session *session);

#endif
