/*
 * starting.h: whether a cluster is just starting, or replacing a daemon. Then a daemon that does
 * not answer yet is worth waiting for.
 */
#ifndef LODE_CLIENT_STARTING_H
#define LODE_CLIENT_STARTING_H

#include "api/cluster/paths.h"

/* How long such a cluster is waited for. */
enum { LODE_STARTING_MS = 5000 };

/*
 * To be called where a daemon of the cluster at `dir` does not answer (LODE_EDOWN), with the
 * deadline of the whole wait. Pauses for a moment.
 *
 *   LODE_OK      a supervisor is there: try again
 *   LODE_EAGAIN  no supervisor is there: what the daemon's socket said holds, its sentence too
 *   LODE_ESYS    it cannot be told: no descriptor is left in this process
 *   LODE_EDOWN   a supervisor is there, but the time is over: the sentence names its pid
 */
LODE_MUST_CHECK lode_err lode_starting_wait(const char *dir, int64_t deadline);

#endif
