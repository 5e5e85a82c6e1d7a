/*
 * directories.h: the directories of a cluster, made, checked and held.
 *
 *   made     with mode 0700, whatever the umask is; a parent that is missing likewise
 *   checked  a directory that was there is taken as it is, or refused: its mode is never changed.
 *            It must be this user's, and closed to others. In a directory where others may make
 *            entries (/tmp, /dev/shm), the entry on the path must be this user's or root's. Another
 *            user could put another directory in its place later, and get sockets and session
 *            files.
 *   held     by hold.h. The lock lies where the files lie. Two clusters that see each other's files
 *            (containers that share /dev/shm, but not /tmp) then see each other's lock, too
 */
#ifndef LODE_CLUSTER_DIRECTORIES_H
#define LODE_CLUSTER_DIRECTORIES_H

#include "api/cluster/paths.h"

/*
 * Makes the directory at `path`, with its parents, and checks it.
 *
 *   variable  the environment variable that would name another one, for the sentence
 *
 * Errors  LODE_EDENIED  it, or a parent, is another user's, or open to others; LODE_EINVAL it is no
 *         directory; LODE_ESYS: each with what to do
 */
LODE_MUST_CHECK lode_err lode_directory_prepare(const char *path, const char *variable);

/*
 * Whether lode_directory_prepare() would take what is there, without making anything.
 * Errors  the same; LODE_ESYS with errno ENOENT: it, or a parent, is missing
 */
LODE_MUST_CHECK lode_err lode_directory_check(const char *path, const char *variable);

/*
 * Makes it and checks it as lode_directory_prepare(), and holds it until *fd_out is closed.
 * Errors  LODE_ERUNNING  a cluster that runs holds it; and those above
 * Blocking  a second at most
 */
LODE_MUST_CHECK lode_err lode_directory_hold(const char *path, const char *variable, int *fd_out);

/* The directory for shared memory: the same, and it must be on a tmpfs (else LODE_EINVAL). */
LODE_MUST_CHECK lode_err lode_directory_hold_shm(const struct lode_paths *paths, int *fd_out);

#endif
