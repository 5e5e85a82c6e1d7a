/*
 * remover.h: removes large files of a tmpfs without waiting for their memory.
 *
 * The kernel gives the memory of a file back when its last descriptor is closed. It takes a second
 * for some ten GiB, and the process that closes the descriptor waits for it. So the names of the
 * files go at once, and the descriptors are handed to a process of its own, which does nothing but
 * close them.
 */
#ifndef LODE_CLUSTER_REMOVER_H
#define LODE_CLUSTER_REMOVER_H

#include <stddef.h>
#include <stdint.h>

enum { LODE_REMOVER_FILES_MAX = 64 };

/* The files that have no name any more and still have their memory. Zeroed: none. */
struct lode_remover {
    int fds[LODE_REMOVER_FILES_MAX];
    size_t count;
};

/*
 * Unlinks a file of the directory that `dir_fd` is open on; links are not followed. The memory of a
 * small one goes at once. So does that of any file once the remover has LODE_REMOVER_FILES_MAX.
 */
void lode_remover_unlink(struct lode_remover *remover, int dir_fd, const char *name);

/*
 * Gives the memory back, and returns when it is free, or at the deadline: a process that was
 * started for it then goes on alone. It holds none of this process's descriptors, and so none of
 * its locks. It is nobody's child: the next subreaper reaps it.
 *
 *   deadline  LODE_NEVER: no process is started
 *
 * Without a process for it (there are too many), this waits until the memory is free.
 * Threads  the process has one only, or the deadline is LODE_NEVER
 */
void lode_remover_finish(struct lode_remover *remover, int64_t deadline);

#endif
