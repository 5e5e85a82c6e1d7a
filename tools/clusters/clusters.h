/*
 * clusters.h: which clusters of this user run on this machine. The default one is found by its
 * lock, private ones by the pattern of their directories (api/wire/private_start.h).
 */
#ifndef LODE_TOOLS_CLUSTERS_H
#define LODE_TOOLS_CLUSTERS_H

#include "api/cluster/paths.h"
#include "api/cluster/sweep.h"
#include "tools/clusters/owner.h"

enum { CLUSTERS_MAX = 256 };

struct cluster {
    char dir[LODE_DIR_MAX + 1];
    pid_t supervisor; /* 0: a store runs there without one */
    bool is_private;
    struct lode_holder owner; /* private: its program */
};

/*
 * The private clusters of this user that run. Returns how many; writes at most `room`.
 * Blocking  at most a second for each one that is just starting (lockfile.h)
 */
size_t clusters_private(struct cluster *list, size_t room);

/*
 * The dead private clusters of this user, in the same places. A cluster is dead when no process
 * holds its directory, its shared memory, or the lock of its store or scheduler. A directory
 * without a readable file `owner` is being made: it is left alone until nothing has changed in it
 * for a minute.
 *
 *   removes   take away all that they left: directory, shared memory, copies of libraries
 *   deadline  no further cluster is looked at after it; LODE_NEVER: all are
 *   each      told about each one, and about each that could not be swept; NULL: nobody is
 */
void clusters_sweep_dead(bool removes, int64_t deadline, lode_dead_fn each, void *arg);

/*
 * The cluster that is meant by `dir`; NULL: the default one, else the private one that belongs to
 * an ancestor of this process (so that a notebook's `!lode status` shows its own).
 *
 * Errors  LODE_EDOWN  nothing runs there; LODE_ENOTFOUND no default, and no ancestor's, but others
 *         (clusters_private()) run; LODE_EINVAL, LODE_EDENIED
 * Blocking  as clusters_private(); a second more for the default one
 */
LODE_MUST_CHECK lode_err clusters_find(const char *dir, struct cluster *cluster_out);

#endif
