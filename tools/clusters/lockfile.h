/*
 * lockfile.h: supervisor.lock (api/cluster/hold.h), by which the supervisor of a directory is
 * found; tools/supervisor/opening.c takes it.
 */
#ifndef LODE_TOOLS_LOCKFILE_H
#define LODE_TOOLS_LOCKFILE_H

#include <lode/error.h>
#include <sys/types.h>

/*
 * The process that holds the lock of `dir` at this moment.
 *
 *   pid_out    its number
 *   pidfd_out  that very process, whatever becomes of the number; the caller closes it. NULL: not
 *              wanted
 *
 * Errors  LODE_EDOWN  nobody holds it; LODE_EDENIED it is another user's, or in another pid
 *         namespace, where it cannot be named; LODE_ESYS
 * Blocking  at most a second, while it starts
 */
LODE_MUST_CHECK lode_err lockfile_holder(const char *dir, pid_t *pid_out, int *pidfd_out);

#endif
