/*
 * sweep.h: takes the files of a cluster away when it has ended. Whoever ends last finds nothing
 * left to do; every process of a private cluster may call it, in any order, more than once.
 */
#ifndef LODE_CLUSTER_SWEEP_H
#define LODE_CLUSTER_SWEEP_H

#include "api/cluster/paths.h"

enum lode_sweep {
    LODE_SWEEP_STORE = 1,      /* what a store leaves: its memory, its socket */
    LODE_SWEEP_SCHEDULER = 2,  /* what a scheduler leaves: its sockets */
    LODE_SWEEP_ALL = 3,        /* both, and the directories if they are empty then */
    LODE_SWEEP_PRIVATE = 7,    /* all that there is: locks, state and the directories too */
    LODE_SWEEP_KEEP_SHM = 8,   /* besides: LODE_SHM_DIR is the user's, and stays */
    LODE_SWEEP_KEEP_STATE = 16 /* likewise LODE_STATE_DIR */
};

/*
 * Which directories are the user's: those that the environment names, and that are there. Before a
 * cluster makes its own. After the death of the supervisor that has asked, nobody knows who made
 * them, and all that the environment names stay. Returns LODE_SWEEP_KEEP_….
 */
enum lode_sweep lode_sweep_keeps(const struct lode_paths *paths);

/*
 * Unlinks the files that the chosen part of the cluster makes, by name, and nothing else; links
 * are not followed. What somebody has mapped stays valid for him. Only for who holds the lock of
 * that part, or whose cluster is over. Failures are ignored: there is nobody to tell.
 *
 *   shm_fd    the caller holds LODE_SHM_DIR by it; -1: the sweep does for its time, and leaves a
 *             directory alone that another process holds (a store that has just started there)
 *   deadline  until when this may wait for the memory; then a process of its own goes on with it
 *             (remover.h). LODE_NEVER: the memory is free when this returns
 */
void lode_paths_sweep(const struct lode_paths *paths, enum lode_sweep what, int shm_fd,
                      int64_t deadline);

/* What a dead cluster left. Where files are only shown, `bytes` would become free. */
struct lode_dead {
    const char *path; /* of a private one its directory; else that of its shared memory */
    const char *shm;
    uint64_t bytes;   /* of memory, which the files in `shm` held, and which are free now */
    const char *kept; /* why nothing was removed, until the next call; NULL: it was */
};
typedef void (*lode_dead_fn)(const struct lode_dead *dead, void *arg);

/*
 * How long the supervisor, and then the store, may sweep before the cluster serves: the program
 * that started it waits, and gives up after five seconds. Directories that are left then are left
 * to the next start. Memory that is not yet free then is freed beside the cluster that starts.
 */
enum { LODE_SWEEP_START_MS = 1000 };

/*
 * The directories of shared memory beside ours, and ours, that hold files of a store, and that
 * nobody holds: all processes of such a cluster were killed at once, so none was left to sweep.
 * Each start calls it; a start that is under way makes its directory, holds it, and makes it again
 * where it was swept between the two.
 *
 *   removes   unlink the files, and the directory
 *   deadline  no further directory is looked at after it (lode_deadline()), and no memory waited
 *             for, as in lode_paths_sweep(); LODE_NEVER: all are looked at
 *   each      told about each one; NULL: nobody is
 */
void lode_sweep_dead(const struct lode_paths *paths, bool removes, int64_t deadline,
                     lode_dead_fn each, void *arg);

/* The bytes of memory that the files of a store in `shm` hold. */
uint64_t lode_sweep_bytes(const char *shm);

#endif
