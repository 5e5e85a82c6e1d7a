/*
 * session.h: how the commands that work in a cluster come to one: the options that they share, and
 * what they say when it cannot be had.
 */
#ifndef LODE_TOOLS_SESSION_H
#define LODE_TOOLS_SESSION_H

#include "tools/lode/command.h"

struct session_options {
    const char *dir;
    lode_open_options open; /* zeroed: the defaults */
};

/* --dir, --num-cpus, --capacity: an argp child; its input is a struct session_options. */
extern const struct argp session_argp;

/*
 * lode_open() with these; a private cluster where none runs, unless the options say otherwise.
 * Blocking, errors  as lode_open()
 */
LODE_MUST_CHECK lode_err session_open(const struct session_options *wanted, lode **db_out);

/*
 * From now on SIGINT and SIGTERM make session_interrupted() true and end waits early; a second one
 * ends the process. For commands that have something to clean up.
 */
void session_catch_interrupts(void);
bool session_interrupted(void);

/* The end of a timeout that begins now, for session_get(). */
int64_t session_deadline(int64_t timeout_ms);

/*
 * lode_get() until the deadline, in slices, so that an interrupt ends it.
 * Errors: as lode_get(); LODE_ECANCELLED interrupted.
 */
LODE_MUST_CHECK lode_err session_get(lode *db, lode_id id, int64_t deadline, lode_view *view_out);

/*
 * Says on stderr why a task failed, or another call: `what` names it for people. Returns the exit
 * code. The sentence of the call that failed must still be this thread's last.
 */
int session_failed(const char *command, lode *db, lode_id id, lode_err err, const char *what);

#endif
