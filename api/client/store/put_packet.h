/* put_packet.h: a put whose bytes go to the store in a packet. */
#ifndef LODE_CLIENT_PUT_PACKET_H
#define LODE_CLIENT_PUT_PACKET_H

#include "api/client/store/create.h"

/*
 * At most LODE_RING_PUT_MAX bytes. Under the id zero, from a session that makes results, the object
 * is a draft without a name, which has its bytes already: lode_ring_commit() names it.
 *
 *   timeout_ms   how long the store may let it wait for room
 *   answer_by    for the store's answer
 *   created_out  NULL is legal
 *
 * Errors  LODE_EFULL, LODE_ELIMIT, LODE_EEXIST, LODE_ETIMEDOUT (no answer came), LODE_EDOWN
 */
LODE_MUST_CHECK lode_err lode_put_packet(lode *db, const struct lode_spec *spec, const void *data,
                                         int64_t timeout_ms, int64_t answer_by,
                                         struct lode_msg_created *created_out);

#endif
