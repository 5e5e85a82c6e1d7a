/*
 * shell.h: what surrounds a daemon: limits, signals, the lifeline, the byte that says that it
 * serves. Store and scheduler share it; presence.h has their lock and socket.
 */
#ifndef LODE_SYSTEM_SHELL_H
#define LODE_SYSTEM_SHELL_H

#include <lode/error.h>

/*
 * The first thing that a daemon does, before it starts a thread.
 *
 *   - Every signal is blocked, in all threads to come, but those that a fault raises. Those that
 *     end a daemon come through lode_shell_signals().
 *   - SIGPIPE and SIGXFSZ are ignored: a peer that is gone and a file that may not grow are errors
 *     of the call, and not the daemon's death.
 *   - As many descriptors as may be had; no file that others could open, whatever the umask was.
 *   - `oom_score_adj` (negative: others are killed first), where that is permitted.
 */
void lode_shell_enter(int oom_score_adj);

/* SIGTERM, SIGINT and SIGHUP as a descriptor, which does not block. Errors: LODE_ESYS. */
LODE_MUST_CHECK lode_err lode_shell_signals(int *fd_out);

/* True if one of them has come; takes it. */
bool lode_shell_is_told(int signals_fd);

/* Makes an inherited lifeline ready to be polled. Errors: LODE_ESYS it is no descriptor. */
LODE_MUST_CHECK lode_err lode_shell_take_lifeline(int fd);

/* True if its other end is closed: the process that started the daemon is dead. */
bool lode_shell_lifeline_ended(int fd);

/* Says that clients are served, and closes the descriptor. -1: nobody asked. */
void lode_shell_say_ready(int fd);

#endif
