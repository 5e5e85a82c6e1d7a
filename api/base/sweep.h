/*
 * sweep.h: takes the files of a cluster away when it has ended. Whoever ends last finds nothing
 * left to do; every process of a private cluster may call it, in any order, more than once.
 */
#ifndef LODE_BASE_SWEEP_H
#define LODE_BASE_SWEEP_H

#include "api/base/paths.h"

enum lode_sweep {
    LODE_SWEEP_STORE = 1,     /* what a store leaves: its memory, its socket */
    LODE_SWEEP_SCHEDULER = 2, /* what a scheduler leaves: its sockets */
    LODE_SWEEP_ALL = 3,       /* both, and the directories if they are empty then */
    LODE_SWEEP_PRIVATE = 7    /* all that there is: locks, state and the directories too */
};

/*
 * Unlinks the files that the chosen part of the cluster makes, by name, and nothing else; links
 * are not followed. What somebody has mapped stays valid for him. Only for who holds the lock of
 * that part, or whose cluster is over. Failures are ignored: there is nobody to tell.
 */
void lode_paths_sweep(const struct lode_paths *paths, enum lode_sweep what);

#endif
