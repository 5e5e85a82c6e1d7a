/*
 * session.h: how the commands that work in a cluster come to one: the options that they share, and
 * what they say when it cannot be had.
 */
#ifndef LODE_TOOLS_SESSION_H
#define LODE_TOOLS_SESSION_H

#include "tools/cli/options.h"

#include <lode/lode.h>

struct session_options {
    struct options_common common;
    lode_open_options open; /* zeroed: the defaults */
};

/* --num-cpus, --capacity, --dir and --json: argp children, and at ARGP_KEY_INIT their inputs. */
extern const struct argp_child session_children[];
void session_inputs(struct argp_state *state, struct session_options *wanted);

/*
 * lode_open() with these; a private cluster where none runs, unless the options say otherwise.
 * Blocking, errors  as lode_open()
 */
LODE_MUST_CHECK lode_err session_open(const struct session_options *wanted, lode **db_out);

/*
 * lode_get() until the deadline. Interrupts are deferred meanwhile (interrupts.h); one that came
 * ends the wait, also where the result is there.
 * Errors: as lode_get(); LODE_ECANCELLED interrupted.
 */
LODE_MUST_CHECK lode_err session_get(lode *db, lode_id id, int64_t deadline, lode_view *view_out);

/*
 * Says why a task failed, or another call: `what` names it for people. The sentence appears on
 * stderr when the session is closed: the lines of the task come first, as they were written first.
 * Returns the exit code. The sentence of the call that failed must still be this thread's last.
 *
 *   timeout_ms  for how long the result was waited for at most: LODE_ETIMEDOUT says it
 */
int session_failed(lode *db, lode_id id, lode_err err, const char *what, int64_t timeout_ms);

/* lode_close(), which waits for the tasks' lines; then what session_failed() had to say. */
void session_close(lode *db);

#endif
