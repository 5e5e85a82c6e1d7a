/*
 * lockfile.h: supervisor.lock, by which there is one supervisor in a directory, and by which others
 * find it. It is a POSIX record lock: the kernel itself says who holds it, so that a pid in a file,
 * which may be stale or forged, is never trusted. The lock is lost if the holding process closes
 * any descriptor of the file, and is not inherited by a fork: take it after the last fork.
 */
#ifndef LODE_TOOLS_LOCKFILE_H
#define LODE_TOOLS_LOCKFILE_H

#include <lode/error.h>
#include <sys/types.h>

/*
 * Takes the lock of `dir` for this process and writes its pid into the file, for people.
 *
 *   fd_out  close it to end the lock; lockfile_remove() first
 *
 * Errors  LODE_ERUNNING  another holds it; the sentence says "already running (pid N)"; LODE_ESYS
 * Never blocks.
 */
LODE_MUST_CHECK lode_err lockfile_take(const char *dir, int *fd_out);

/* Unlinks the file. Only for the holder. */
void lockfile_remove(const char *dir);

/*
 * The process that holds the lock of `dir` at this moment.
 *
 *   pid_out    its number
 *   pidfd_out  that very process, whatever becomes of the number; the caller closes it. NULL: not
 *              wanted
 *
 * Errors  LODE_EDOWN  nobody holds it; LODE_EDENIED it is another user's, or in another pid
 *         namespace, where it cannot be named; LODE_ESYS
 */
LODE_MUST_CHECK lode_err lockfile_holder(const char *dir, pid_t *pid_out, int *pidfd_out);

#endif
