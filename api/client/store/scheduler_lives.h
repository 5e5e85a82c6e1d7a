/*
 * scheduler_lives.h: whether the scheduler still runs. It is asked by programs that wait for
 * another program's results, and have no session with the scheduler whose end they would see.
 */
#ifndef LODE_CLIENT_SCHEDULER_LIVES_H
#define LODE_CLIENT_SCHEDULER_LIVES_H

#include "api/cluster/paths.h"

/*
 * LODE_OK if the scheduler's lock (api/cluster/hold.h) is held, and by the same process as before,
 * or if nobody can tell. Sends nothing and takes no lock, so that a waiter wakes nobody and stands
 * in nobody's way. Tells the same in every pid namespace.
 *
 *   seen  0 at first; what was seen, from call to call. A lock file that is missing is the
 *         scheduler's end only if it is missing at two looks: it may have been removed just now.
 *
 * Blocking  a few file reads. Threads  any, one at a time for each `seen`
 * Errors    LODE_EDOWN  no scheduler runs in this cluster, or another one than before
 */
LODE_MUST_CHECK lode_err lode_scheduler_lives(const struct lode_paths *paths, uint64_t *seen);

#endif
