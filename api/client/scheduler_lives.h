/*
 * scheduler_lives.h: whether a scheduler runs at all, for who waits for another program's results
 * and has no session with the scheduler to see it end.
 */
#ifndef LODE_CLIENT_SCHEDULER_LIVES_H
#define LODE_CLIENT_SCHEDULER_LIVES_H

#include "api/base/paths.h"

/*
 * LODE_OK if somebody holds the scheduler's lock, or nobody can tell. Sends nothing, so that a
 * waiter wakes nobody. Any thread.
 * Errors: LODE_EDOWN no scheduler runs in this cluster.
 */
LODE_MUST_CHECK lode_err lode_scheduler_lives(const struct lode_paths *paths);

#endif
