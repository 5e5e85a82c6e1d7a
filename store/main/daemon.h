/*
 * daemon.h: the store as a process: its directories, its loop, its end.
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

#endif
