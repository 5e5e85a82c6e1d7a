/*
 * object_calls.h: what a client asks of one object, or of its own session: SEAL, ABORT, DELETE,
 * TAKE, SEGMENT and the like.
 */
#ifndef LODE_STORE_REQUESTS_OBJECT_CALLS_H
#define LODE_STORE_REQUESTS_OBJECT_CALLS_H

#include "store/requests/call.h"

packet_fn handle_segment, handle_seal, handle_abort, handle_delete, handle_grow_pins,
    handle_released, handle_fork, handle_take;

#endif
