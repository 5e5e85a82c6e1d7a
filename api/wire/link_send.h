/*
 * link_send.h: from the queue of records to a pipe: one message at a time on each pipe.
 */
#ifndef LODE_WIRE_LINK_SEND_H
#define LODE_WIRE_LINK_SEND_H

#include "api/wire/link_state.h"

/*
 * Has the open pipe make room, if it is idle, for what waits and a record of so many bytes behind
 * it. A record that is appended after that goes out. Errors: LODE_ENOMEM.
 */
LODE_MUST_CHECK lode_err lode_link_room_to_send_locked(struct lode_link *link, uint32_t bytes);

/*
 * Makes the next message of the pipe, if there is one and none is under way. True: the caller
 * starts it with lode_link_start() after unlocking. A pipe that finds no memory for its message is
 * lost: waiting for the next record instead could be for ever, but the next pipe tries again.
 */
bool lode_link_start_locked(struct lode_link *link, struct lode_link_pipe *pipe);
void lode_link_start(struct lode_link_pipe *pipe);

/* The same of the open pipe: the pipe that the caller is to start, or NULL. */
struct lode_link_pipe *lode_link_ready_pipe_locked(struct lode_link *link);

/* Sends what there is, unless a message is under way: its completion sends the rest. */
void lode_link_pump(struct lode_link *link);

/* The callback of a pipe's send_aio. */
void lode_link_send_done(void *pipe);

#endif
