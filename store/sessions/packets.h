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

/* A packet's handler. `rest`: the variable part, rest_size bytes. Errors: as packets_handle(). */
typedef lode_err packet_fn(struct store *store, struct session *session, const void *packet,
                           const uint8_t *rest, size_t rest_size);

packet_fn handle_segment, handle_create, handle_seal, handle_abort, handle_lookup, handle_unwait,
    handle_watch, handle_unwatch, handle_delete, handle_stat, handle_list, handle_name_set,
    handle_name_lookup, handle_name_remove, handle_name_list, handle_stats, handle_grow_pins,
    handle_released, handle_drain, handle_settle, handle_results, handle_leave;

/* Asks to hear when the session's socket takes more, exactly while something is kept for it. */
void packets_want_output(struct store *store, struct session *session);

#endif
