/* daemons.h: how the supervisor starts lode-store and lode-scheduler. */
#ifndef LODE_TOOLS_SUPERVISOR_DAEMONS_H
#define LODE_TOOLS_SUPERVISOR_DAEMONS_H

#include "tools/supervisor/state.h"

/*
 * Starts the daemon, and watches its ready pipe; the scheduler gets a socket for packets as well.
 * After an error in the watching the daemon is killed, and its end is reaped like any other's.
 *
 * Errors  as service_start(); LODE_ESYS
 */
LODE_MUST_CHECK lode_err daemons_start_store(struct supervisor *s);
LODE_MUST_CHECK lode_err daemons_start_scheduler(struct supervisor *s);

#endif
