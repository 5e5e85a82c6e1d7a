/*
 * copier.h: a thread that copies libraries, so that the scheduler never waits for a disk. The first
 * job starts it. It sleeps when it has none. It steps the core with CORE_LIBRARY_COPIED.
 */
#ifndef LODE_SCHEDULER_COPIER_H
#define LODE_SCHEDULER_COPIER_H

#include "scheduler/drive/drive.h"

struct copier;

/* `state_dir`: copies go to its subdirectory lib (copies.h). Errors: LODE_ENOMEM, LODE_EINVAL. */
LODE_MUST_CHECK lode_err copier_create(const char *state_dir, struct drive *drive,
                                       struct copier **copier_out);

/* Copies the file at `path` (absolute) and says so under `cookie`. Main thread; never blocks. */
void copier_copy(struct copier *copier, uint64_t cookie, const char *path);

/* Removes a copy, after the copies that were asked for before. Main thread; never blocks. */
void copier_remove(struct copier *copier, const char *copy);

/* The cluster has ended: removes all copies. No job is begun any more. NULL is legal. */
void copier_end(struct copier *copier);

#endif
