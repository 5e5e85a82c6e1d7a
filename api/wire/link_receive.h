/*
 * link_receive.h: from the bytes that a pipe brings to records that are handed over: whole batches,
 * each record once and in order.
 */
#ifndef LODE_WIRE_LINK_RECEIVE_H
#define LODE_WIRE_LINK_RECEIVE_H

#include "api/wire/link_state.h"

/* Gives the pipe room for so many bytes, at least what it holds. Errors: LODE_ENOMEM. */
LODE_MUST_CHECK lode_err lode_link_room_to_receive(struct lode_link_pipe *pipe, size_t room);

/* Starts the next receive. */
void lode_link_receive(struct lode_link_pipe *pipe);

/* The callback of a pipe's receive_aio. */
void lode_link_receive_done(void *pipe);

#endif
