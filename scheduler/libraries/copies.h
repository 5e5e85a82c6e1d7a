/*
 * copies.h: where the copies of libraries lie, and their end. Each scheduler has a directory of its
 * own in LODE_STATE_DIR/lib, and holds its lock as long as it lives. What no living scheduler holds
 * goes when the next one copies its first library. So of clusters that share a LODE_STATE_DIR each
 * has its own, and a copy outlives the cluster that needs it only until then.
 */
#ifndef LODE_SCHEDULER_COPIES_H
#define LODE_SCHEDULER_COPIES_H

#include <lode/error.h>

#include "scheduler/libraries/library.h"

#include <stdbool.h>

struct copies {
    char dir[LIBRARY_PATH_MAX];
    int lock_fd; /* of `dir` */
};

/*
 * Removes what dead schedulers have left in `parent`, and makes a directory there.
 * Errors: LODE_ESYS, LODE_EFULL, LODE_EDENIED; nothing is open.
 */
LODE_MUST_CHECK lode_err copies_open(const char *parent, struct copies *copies_out);

/* False: somebody has removed the directory. */
bool copies_are_there(const struct copies *copies);

/* Removes one copy: no worker opens it any more. */
void copies_remove(const struct copies *copies, const char *copy);

/* The cluster has ended: removes the directory. */
void copies_close(struct copies *copies);

#endif
