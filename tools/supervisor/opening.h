/*
 * opening.h: what the supervisor opens and holds before it starts anything, and closes at its end.
 */
#ifndef LODE_TOOLS_SUPERVISOR_OPENING_H
#define LODE_TOOLS_SUPERVISOR_OPENING_H

#include "tools/supervisor/state.h"

/*
 * Blocks the signals, takes the cluster's directories, sweeps what dead clusters left, and makes
 * the descriptors. What was opened before an error is closed by supervisor_close().
 *
 * Errors  LODE_ERUNNING  another cluster runs there; LODE_EDENIED, LODE_EINVAL of a directory;
 *         LODE_ESYS
 * Blocking  up to two seconds, where another process holds the directory or much is to be swept
 */
LODE_MUST_CHECK lode_err supervisor_open(struct supervisor *s);

/* Closes all descriptors, and lets go of lock and directory last. */
void supervisor_close(struct supervisor *s);

#endif
