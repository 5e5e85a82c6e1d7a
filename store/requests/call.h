/* call.h: the function that handles one type of packet. */
#ifndef LODE_STORE_REQUESTS_CALL_H
#define LODE_STORE_REQUESTS_CALL_H

#include "store/state/store.h"

/*
 * `packet` has the fixed part that its type has in store_msg.h; `rest` is the variable part, of
 * rest_size bytes. Errors: LODE_EPROTO: the session must be cut; any other error was answered.
 */
typedef lode_err packet_fn(struct store *store, struct session *session, const void *packet,
                           const uint8_t *rest, size_t rest_size);

#endif
