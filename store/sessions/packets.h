/*
 * packets.h: one packet of a session's. The type, size and numbers of every packet are
 * checked against the table of store_msg.h. A packet that breaks a rule cuts its session. Before
 * each packet the sender's ring is drained: what the client did first is done first.
 */
#ifndef LODE_STORE_SESSIONS_PACKETS_H
#define LODE_STORE_SESSIONS_PACKETS_H

#include "store/state/store.h"

/*
 * Handles one packet of `size` bytes at `bytes` (aligned to 8).
 * Errors: LODE_EPROTO: the session must be cut; anything else was answered.
 */
LODE_MUST_CHECK lode_err packets_handle(struct store *store, struct session *session,
                                        const void *bytes, size_t size);

#endif
