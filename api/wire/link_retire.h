/*
 * link_retire.h: the end of a pipe. It is taken out of the link's list at once, and buried, which
 * may wait for nng, on the reaper's thread.
 */
#ifndef LODE_WIRE_LINK_RETIRE_H
#define LODE_WIRE_LINK_RETIRE_H

#include "api/wire/link_state.h"

/* True if the pipe was alive until now: then lode_link_retired() must follow, after unlocking. */
bool lode_link_retire_locked(struct lode_link *link, struct lode_link_pipe *pipe);

/* Has retired pipes buried; redial: a link that dials looks for its next pipe, after a pause. */
void lode_link_retired(struct lode_link *link, bool redial);

/* Both, of a pipe that is lost. */
void lode_link_retire(struct lode_link_pipe *pipe);

/*
 * The same under the lock, where nng must not be called: the reaper's thread does the rest. The
 * pipe is alive.
 */
void lode_link_lose_locked(struct lode_link *link, struct lode_link_pipe *pipe);

/* Buries what is retired. Not on a thread of nng's: it waits for them. */
void lode_link_bury_all(struct lode_link *link);

/* The reaper's job: buries, and looks for the next pipe after lode_link_lose_locked(). */
void lode_link_run_bury(struct lode_reaper_job *job);

/* Frees a pipe on which nothing was ever started, or nothing runs any more. */
void lode_link_free_pipe(struct lode_link_pipe *pipe);

#endif
