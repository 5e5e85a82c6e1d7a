/*
 * daemon.h: the store as a process: its lock, its socket, its signals, its loop.
 */
#ifndef LODE_STORE_MAIN_DAEMON_H
#define LODE_STORE_MAIN_DAEMON_H

#include "store/main/options.h"

/*
 * Runs the store until SIGTERM, SIGINT or SIGHUP, or the end of the lifeline. Leaves no file behind
 * but the lock.
 *
 * Errors  LODE_ERUNNING  another store has the directory: "already running (pid N)"; and whatever
 *         keeps it from starting. Nothing was served then.
 */
LODE_MUST_CHECK lode_err daemon_run(const struct options *options);

/*
 * The lock that says who serves a directory. Kept until the process ends.
 * Errors: LODE_ERUNNING with the holder's pid; LODE_ESYS, LODE_EDENIED.
 */
LODE_MUST_CHECK lode_err daemon_lock(const char *path, int *fd_out);

#endif
